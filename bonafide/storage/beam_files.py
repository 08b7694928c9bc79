"""Access to a corpus on any filesystem of Beam, and atomic writes there."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, TypeVar

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils import retry

from bonafide.storage.corpus_files import FileInfo, split_part
from bonafide.storage.text_files import decode_text

_MIME_TYPE = "application/octet-stream"
_RAW = CompressionTypes.UNCOMPRESSED  # The compression is never inferred from a file name.
_Function = TypeVar("_Function", bound=Callable[..., Any])
# Errors that a retry does not fix.
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def use_options(beam_args: Sequence[str]) -> None:
    """Sets the options of Beam's filesystems before there is a Beam pipeline.

    `s3://` and `hdfs://` require them; the constructor of `beam.Pipeline` does the same.
    """
    FileSystems.set_options(PipelineOptions(list(beam_args)))


class BeamFiles:
    """`corpora.CorpusFiles` over Beam: local paths, gs://, s3:// and every other registered one."""

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, path: str) -> str:
        """Returns the address of a path below the root; absolute paths and URIs are unchanged."""
        if not path:
            return self.root
        return path if "://" in path or path.startswith("/") else join(self.root, path)

    def at(self, root: str) -> "BeamFiles":
        """Returns the same access for another root."""
        return BeamFiles(root)

    def exists(self, path: str) -> bool:
        """Returns whether `path` exists."""
        return bool(FileSystems.exists(self.uri(path)))

    def read_bytes(self, path: str) -> bytes:
        """Returns the content of a file, or of a part of a TFRecord file."""
        if part := split_part(path):
            return read_part(self.uri(part.path), part.offset, part.length)
        return read_bytes(self.uri(path))

    def read_text(self, path: str) -> str:
        """Returns the content of a UTF-8 file, without byte order mark."""
        return decode_text(self.read_bytes(path), path)

    def list(self, folder: str) -> dict[str, FileInfo]:
        """Returns the files directly in a folder by name, with one listing."""
        return list_folder(self.uri(folder))

    def walk(self, folder: str) -> dict[str, FileInfo]:
        """Returns the files at any depth by path below the folder, with one listing."""
        return walk_folder(self.uri(folder))


def join(folder: str, *parts: str) -> str:
    """Joins by the rules of the filesystem of `folder`; parts may contain forward slashes."""
    joined: str = FileSystems.join(folder, *(piece for part in parts for piece in part.split("/")))
    return joined


def list_folder(folder: str) -> dict[str, FileInfo]:
    """Returns the files directly in a folder by name, with size and time; empty without it."""
    [match] = FileSystems.match([f"{_quoted(folder)}/*"])
    listing = {
        metadata.path.replace("\\", "/").rpartition("/")[2]: FileInfo(
            metadata.size_in_bytes, metadata.last_updated_in_seconds
        )
        for metadata in match.metadata_list
    }
    listing.pop("", None)  # Object stores may have a marker object of the folder.
    return listing


def walk_folder(folder: str) -> dict[str, FileInfo]:
    """Returns the files at any depth by path, with size and time; empty without a folder.

    On a local disk, symbolic links to folders are not followed.
    """
    [match] = FileSystems.match([f"{_quoted(folder)}/**"])
    start = len(folder.rstrip("/")) + 1
    return {
        metadata.path.replace("\\", "/")[start:]: FileInfo(
            metadata.size_in_bytes, metadata.last_updated_in_seconds
        )
        for metadata in match.metadata_list
        if not metadata.path.endswith("/")  # Markers of folders in object stores.
    }


def _quoted(folder: str) -> str:
    """Escapes the special characters of a folder for a glob."""
    return "".join(f"[{char}]" if char in "[*?" else char for char in folder.rstrip("/"))


_patiently: Callable[[_Function], _Function] = retry.with_exponential_backoff(
    num_retries=3,
    initial_delay_secs=0.5,
    retry_filter=lambda error: isinstance(error, OSError) and not isinstance(error, _FINAL),
)


@_patiently
def read_part(uri: str, offset: int, length: int) -> bytes:
    """Returns a part of a file by byte offset; see `read_bytes`."""
    with FileSystems.open(uri, _MIME_TYPE, _RAW) as file:
        file.seek(offset)
        part: bytes = file.read(length)
        return part


@_patiently
def read_bytes(uri: str) -> bytes:
    """Returns the content of a file, with up to four attempts after temporary errors.

    Raises:
        OSError: It does not exist, or cannot be read.
    """
    return read_once(uri)


def read_once(uri: str) -> bytes:
    """Returns the content of a file, without retries; see `read_bytes`."""
    with FileSystems.open(uri, _MIME_TYPE, _RAW) as file:
        content: bytes = file.read()
        return content


def exists(uri: str) -> bool:
    """Returns whether a file exists; a finished one, since files appear whole."""
    return bool(FileSystems.exists(uri))


def make_folder(uri: str) -> None:
    """Creates a folder and its parents; it may exist."""
    if not FileSystems.exists(uri):
        try:
            FileSystems.mkdirs(uri)
        except OSError:
            if not FileSystems.exists(uri):  # Not created concurrently.
                raise


@contextlib.contextmanager
def writing(uri: str, *, scratch: str) -> Iterator[BinaryIO]:
    """Writes a file atomically: in `scratch`, then renamed.

    Args:
        uri: The file; an existing one is replaced.
        scratch: A folder on the same filesystem for unfinished files.

    Yields:
        The file to write to. It is removed after an error.
    """
    partial = join(scratch, uuid.uuid4().hex)
    try:
        with FileSystems.create(partial, _MIME_TYPE, _RAW) as file:
            yield file
        FileSystems.rename([partial], [uri])
    except BaseException:
        with contextlib.suppress(Exception):  # The first error is reported.
            remove_file(partial)
        raise


def write_bytes(uri: str, data: bytes, *, scratch: str) -> None:
    """Writes a file atomically; see `writing`."""
    with writing(uri, scratch=scratch) as file:
        file.write(data)


def remove_file(uri: str) -> None:
    """Removes a file."""
    if FileSystems.get_scheme(uri) is None:
        os.unlink(uri)  # noqa: PTH108 (Beam would read brackets in its path as a glob)
    else:
        FileSystems.delete([uri])


def remove_folder(uri: str) -> None:
    """Removes a folder and the files directly in it; it need not exist."""
    if FileSystems.get_scheme(uri) is None:
        # Beam interprets names as globs, which would not match a local path with brackets.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(uri)
    elif leftover := [join(uri, name) for name in list_folder(uri)]:
        FileSystems.delete(leftover)  # Object stores have no folder without objects.
