"""A corpus on a local disk, without Beam: its import takes longer than the listing of the files."""

import contextlib
import functools
import os
import pathlib

from bonafide.storage.corpus_files import CorpusFiles, FileInfo, split_part
from bonafide.storage.text_files import decode_text


class LocalFiles:
    """`CorpusFiles` over a folder of this machine. Every folder is listed once.

    What lies elsewhere (a row of a manifest may name `s3://bucket/a.flac`) is left to Beam, which
    is imported only then. Links to folders are not followed, as `BeamFiles` does not.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.list = functools.cache(self._list)
        self._below = functools.cache(self._scan)

    def uri(self, path: str) -> str:
        """The address of a path below the root; an absolute path or URI stays as it is."""
        if not path:
            return self.root
        return path if _is_uri(path) or path.startswith("/") else os.path.join(self.root, path)  # noqa: PTH118 (no Path for each file)

    def at(self, root: str) -> CorpusFiles:
        """The same for another root."""
        return _beam(root) if _is_uri(root) else LocalFiles(root)

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder at `path`."""
        if _is_uri(path):
            return _beam(self.root).exists(path)
        return pathlib.Path(self.uri(path)).exists()

    def read_bytes(self, path: str) -> bytes:
        """The content of a file, or of the part of a TFRecord file that the path names."""
        if _is_uri(path):
            return _beam(self.root).read_bytes(path)
        if part := split_part(path):
            with pathlib.Path(self.uri(part.path)).open("rb") as file:
                file.seek(part.offset)
                return file.read(part.length)
        return pathlib.Path(self.uri(path)).read_bytes()

    def read_text(self, path: str) -> str:
        """The content of a UTF-8 file, without byte order mark."""
        return decode_text(self.read_bytes(path), path)

    def _list(self, folder: str) -> dict[str, FileInfo]:
        """The files right inside a folder by name."""
        if _is_uri(folder):
            return _beam(self.root).list(folder)
        return self._below(self.uri(folder))[0]

    def walk(self, folder: str) -> dict[str, FileInfo]:
        """The files at any depth by path below the folder."""
        if _is_uri(folder):
            return _beam(self.root).walk(folder)
        found: dict[str, FileInfo] = {}
        pending = [(self.uri(folder), "")]
        while pending:
            place, prefix = pending.pop()
            files, folders = self._below(place)
            found.update({prefix + name: info for name, info in files.items()})
            pending += [(f"{place}/{name}", f"{prefix}{name}/") for name in folders]
        return found

    @staticmethod
    def _scan(place: str) -> tuple[dict[str, FileInfo], list[str]]:
        """Files and folders right inside a place; none where there is no such folder."""
        files: dict[str, FileInfo] = {}
        folders: list[str] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.name)
                elif item.is_file():
                    status = item.stat()
                    files[item.name] = FileInfo(status.st_size, status.st_mtime)
        return files, folders


def _is_uri(path: str) -> bool:
    return "://" in path


def _beam(root: str) -> CorpusFiles:
    from bonafide.storage.beam_files import BeamFiles

    return BeamFiles(root)
