"""A Beam filesystem in memory, and a small corpus of real files."""

import io
import pathlib

import numpy as np
import pytest
import soundfile
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems
from small_corpora import DictFiles

ROOT = pathlib.Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"
PROTOCOLS = {
    "train": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt",
    "dev": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt",
    "eval": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt",
}


class MemoryFileSystem(FileSystem):
    """An object store in memory: no folders, `memory://` addresses."""

    store: dict[str, bytes] = {}  # noqa: RUF012
    failures: list[Exception] = []  # noqa: RUF012 (raised by the next calls of `open`)

    def __init__(self, pipeline_options):
        super().__init__(pipeline_options)
        if pipeline_options is None:  # as Beam's own for s3:// and hdfs://
            raise ValueError("Must provide one of client or options")

    @classmethod
    def scheme(cls):
        return "memory"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        pass

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path, data in list(self.store.items()):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(data), 7.0)

    def create(self, path, mime_type="", compression_type=""):
        store = self.store

        class Upload(io.BytesIO):
            def close(self):
                if not self.closed:
                    store[path] = self.getvalue()
                super().close()

        return Upload()

    def open(self, path, mime_type="", compression_type=""):
        if self.failures:
            raise self.failures.pop()
        if path not in self.store:
            raise BeamIOError(f"no object {path}")
        return io.BytesIO(self.store[path])

    def copy(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            self.store[target] = self.store[source]

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            self.store[target] = self.store.pop(source)

    def exists(self, path):
        return path in self.store

    def size(self, path):
        return len(self.store[path])

    def last_updated(self, path):
        return 7.0

    def metadata(self, path):
        return FileMetadata(path, len(self.store[path]), 7.0)

    def delete(self, paths):
        for path in paths:
            del self.store[path]


@pytest.fixture
def memory_store():
    """What is in the object store; Beam's filesystems have no options yet, as in a new process."""
    MemoryFileSystem.store.clear()
    FileSystems.set_options(None)
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


@pytest.fixture
def store_failures(monkeypatch):
    """Errors that the object store raises, one a call, before it works again."""
    monkeypatch.setattr(MemoryFileSystem, "failures", [])
    return MemoryFileSystem.failures


@pytest.fixture
def dict_files():
    return DictFiles


@pytest.fixture
def golden_protocols():
    """The real protocols of ASVspoof 2019 LA as the content of `DictFiles`, without audio."""
    folder = ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("the real LA protocols (../shared/golden) are not here")
    return {
        path: (folder / pathlib.PurePosixPath(path).name).read_bytes()
        for path in PROTOCOLS.values()
    }


@pytest.fixture
def wav():
    """Makes the bytes of an audio file from samples."""

    def make(samples, rate_hz=16_000, subtype="PCM_16", kind="WAV"):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
        return buffer.getvalue()

    return make


@pytest.fixture
def tone():
    """A second of a 220 Hz sine at a rate, float64."""

    def make(rate_hz=16_000, seconds=1.0):
        return 0.5 * np.sin(2 * np.pi * 220 * np.arange(round(rate_hz * seconds)) / rate_hz)

    return make


class SmallCorpus:
    """A corpus on disk: the first rows of each split of samples/, to be spoilt by tests."""

    def __init__(self, root: pathlib.Path, sizes: dict[str, int]) -> None:
        self.root = root
        self.rows: dict[str, list[str]] = {}
        for split, size in sizes.items():
            lines = (SAMPLES / PROTOCOLS[split]).read_text().splitlines()
            # Both classes in every split, whatever the order of the file.
            half = [
                [line for line in lines if line.endswith(key)][: size // 2]
                for key in ("bonafide", "spoof")
            ]
            self.rows[split] = half[0] + half[1]
            self.folder(split).mkdir(parents=True)
            for line in self.rows[split]:
                name = line.split()[1] + ".flac"
                source = SAMPLES / f"LA/ASVspoof2019_LA_{split}/flac" / name
                (self.folder(split) / name).write_bytes(source.read_bytes())
        self.save()

    def folder(self, split: str) -> pathlib.Path:
        return self.root / f"LA/ASVspoof2019_LA_{split}/flac"

    def add(self, split: str, row: str, name: str | None = None, data: bytes | None = None) -> None:
        self.rows[split].append(row)
        if name:
            (self.folder(split) / name).write_bytes(data)
        self.save()

    def save(self) -> None:
        for split, path in PROTOCOLS.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(self.rows[split]) + "\n")


@pytest.fixture
def small_corpus(tmp_path):
    return SmallCorpus(tmp_path / "corpus", {"train": 12, "dev": 6, "eval": 8})
