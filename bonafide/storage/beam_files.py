"""A corpus on any filesystem that Beam knows, and writing there without half-written files."""

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
_RAW = CompressionTypes.UNCOMPRESSED  # Never guess a compression from a file's name.
_Function = TypeVar("_Function", bound=Callable[..., Any])
# Trying again changes nothing.
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def use_options(beam_args: Sequence[str]) -> None:
    """Gives Beam's filesystems their options, for the time before there is a Beam pipeline.

    `s3://` and `hdfs://` cannot be opened without; making a `beam.Pipeline` does the same.
    """
    FileSystems.set_options(PipelineOptions(list(beam_args)))


class BeamFiles:
    """`corpora.CorpusFiles` over Beam: local paths, gs://, s3:// and every other registered one."""

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, path: str) -> str:
        """The address of a path below the root; an absolute path or URI stays as it is."""
        if not path:
            return self.root
        return path if "://" in path or path.startswith("/") else join(self.root, path)

    def at(self, root: str) -> "BeamFiles":
        """The same for another root."""
        return BeamFiles(root)

    def exists(self, path: str) -> bool:
        """Whether there is something at `path`."""
        return bool(FileSystems.exists(self.uri(path)))

    def read_bytes(self, path: str) -> bytes:
        """The content of a file, or of the part of a TFRecord file that the path names."""
        if part := split_part(path):
            return read_part(self.uri(part.path), part.offset, part.length)
        return read_bytes(self.uri(path))

    def read_text(self, path: str) -> str:
        """The content of a UTF-8 file, without byte order mark."""
        return decode_text(self.read_bytes(path), path)

    def list(self, folder: str) -> dict[str, FileInfo]:
        """The files right inside a folder by name, with one listing."""
        return list_folder(self.uri(folder))

    def walk(self, folder: str) -> dict[str, FileInfo]:
        """The files at any depth by path below the folder, by one listing."""
        return walk_folder(self.uri(folder))


def join(folder: str, *parts: str) -> str:
    """Joins by the rules of the filesystem of `folder`; parts may hold forward slashes."""
    joined: str = FileSystems.join(folder, *(piece for part in parts for piece in part.split("/")))
    return joined


def list_folder(folder: str) -> dict[str, FileInfo]:
    """The files right inside a folder by name, with size and time; empty if there is none."""
    [match] = FileSystems.match([f"{_quoted(folder)}/*"])
    listing = {
        metadata.path.replace("\\", "/").rpartition("/")[2]: FileInfo(
            metadata.size_in_bytes, metadata.last_updated_in_seconds
        )
        for metadata in match.metadata_list
    }
    listing.pop("", None)  # Object stores may keep a marker object for the folder itself.
    return listing


def walk_folder(folder: str) -> dict[str, FileInfo]:
    """The files at any depth by path below a folder, with size and time; empty if there is none.

    On a local disk, links to folders inside of it are not followed.
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
    """A folder in a glob: special characters in its name are escaped."""
    return "".join(f"[{char}]" if char in "[*?" else char for char in folder.rstrip("/"))


_patiently: Callable[[_Function], _Function] = retry.with_exponential_backoff(
    num_retries=3,
    initial_delay_secs=0.5,
    retry_filter=lambda error: isinstance(error, OSError) and not isinstance(error, _FINAL),
)


@_patiently
def read_part(uri: str, offset: int, length: int) -> bytes:
    """A part of a file, in bytes from its beginning; see `read_bytes`."""
    with FileSystems.open(uri, _MIME_TYPE, _RAW) as file:
        file.seek(offset)
        part: bytes = file.read(length)
        return part


@_patiently
def read_bytes(uri: str) -> bytes:
    """The content of a file; it is read up to four times if the store fails intermittently.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    return read_once(uri)


def read_once(uri: str) -> bytes:
    """The content of a file; what fails is not tried again. See `read_bytes`."""
    with FileSystems.open(uri, _MIME_TYPE, _RAW) as file:
        content: bytes = file.read()
        return content


def make_folder(uri: str) -> None:
    """Makes a folder, and those above it; no harm if it is there."""
    if not FileSystems.exists(uri):
        try:
            FileSystems.mkdirs(uri)
        except OSError:
            if not FileSystems.exists(uri):  # Not made by somebody else meanwhile.
                raise


@contextlib.contextmanager
def writing(uri: str, *, scratch: str) -> Iterator[BinaryIO]:
    """A file that is seen whole or not at all: written in `scratch`, then renamed.

    Args:
        uri: The file; one that is there is replaced.
        scratch: A folder on the same filesystem, not read by anybody.

    Yields:
        The file to write to. After an error nothing is left of it.
    """
    partial = join(scratch, uuid.uuid4().hex)
    try:
        with FileSystems.create(partial, _MIME_TYPE, _RAW) as file:
            yield file
        FileSystems.rename([partial], [uri])
    except BaseException:
        with contextlib.suppress(Exception):  # What went wrong first is what counts.
            remove_file(partial)
        raise


def write_bytes(uri: str, data: bytes, *, scratch: str) -> None:
    """Writes a file whole or not at all; see `writing`."""
    with writing(uri, scratch=scratch) as file:
        file.write(data)


def remove_file(uri: str) -> None:
    """Removes a file."""
    if FileSystems.get_scheme(uri) is None:
        os.unlink(uri)  # noqa: PTH108 (Beam would read brackets in its path as a glob)
    else:
        FileSystems.delete([uri])


def remove_folder(uri: str) -> None:
    """Removes a folder and the files right inside it; no error if there is none."""
    if FileSystems.get_scheme(uri) is None:
        # Beam reads the names to delete as globs, which a local path with brackets would not match.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(uri)
    elif leftover := [join(uri, name) for name in list_folder(uri)]:
        FileSystems.delete(leftover)  # An object store has no folder once its objects are gone.
