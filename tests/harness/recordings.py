"""Fixtures, for every test: recordings as bytes, and a small corpus of real files."""

import pathlib

import numpy as np
import pytest
import voices
from small_corpora import DictFiles

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
PROTOCOLS = {
    "train": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt",
    "dev": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt",
    "eval": "LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt",
}


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
def tone():
    """A second of a 220 Hz sine at a rate, float64."""

    def make(rate_hz=16_000, seconds=1.0):
        return 0.5 * np.sin(2 * np.pi * 220 * np.arange(round(rate_hz * seconds)) / rate_hz)

    return make


@pytest.fixture
def speech():
    """A second of a voice at a rate, float64: what the detector of speech takes for speech."""

    def make(rate_hz=16_000, seconds=1.0):
        return voices.voice(seconds, rate_hz) / 16_384

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
