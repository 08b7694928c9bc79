"""Files and folders by path or URI, for models, reports and other results of a run.

A path without a scheme is local and needs the standard library only. A URI (`gs://`, `s3://`,
`memory://`, ...) is handled by fsspec (https://filesystem-spec.readthedocs.io), which finds the
driver of the scheme; `gcsfs` and `s3fs` are in the extra `stores`. Audio and examples go through
Beam's filesystems instead (`beam_files`), as Beam's workers do.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from bonafide.storage.files import replacing

_MINIO = "minio://"
OBJECT_STORES = ("gs://", "s3://", _MINIO)


def is_uri(path: str) -> bool:
    """Returns whether a path has a scheme, and thus may not be on a local disk."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """Joins a folder and names; names may contain forward slashes."""
    return "/".join([folder.rstrip("/"), *names]) if folder != "/" else "/" + "/".join(names)


class _Store:
    """A filesystem of fsspec that converts all failures to OSErrors with the URI.

    Drivers raise the exceptions of their clients; botocore's errors of credentials and endpoints,
    for example, are not OSErrors.
    """

    def __init__(self, filesystem: Any, uri: str) -> None:
        self._filesystem = filesystem
        self._uri = uri

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._filesystem, name)

        @functools.wraps(method)
        def translated(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except OSError:
                raise
            except Exception as error:
                raise OSError(
                    f"{self._uri}: {type(error).__name__}: {error}. Check the credentials and the "
                    "endpoint of the store (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, "
                    "for MinIO, AWS_ENDPOINT_URL)."
                ) from error

        return translated


def _store(uri: str) -> tuple[_Store, str]:
    """Returns the filesystem of a URI, without a cache of listings, and the path in it."""
    import fsspec

    # Kubeflow uses minio:// for its MinIO, an S3 server at AWS_ENDPOINT_URL.
    address = f"s3://{uri.removeprefix(_MINIO)}" if uri.startswith(_MINIO) else uri
    try:
        store, path = fsspec.core.url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise OSError(
            f"{uri}: no driver for this scheme ({error}). Install the extra `stores` "
            "(pip install 'bonafide[stores]'), or use a local path."
        ) from error
    return _Store(store, uri), path


def exists(path: str) -> bool:
    """Returns whether a file or folder exists."""
    if not is_uri(path):
        return Path(path).exists()
    store, inside = _store(path)
    return bool(store.exists(inside))


def is_folder(path: str) -> bool:
    """Returns whether a folder exists; in an object store, whether the prefix has objects."""
    if not is_uri(path):
        return Path(path).is_dir()
    store, inside = _store(path)
    return bool(store.isdir(inside))


def names_in(folder: str) -> list[str]:
    """Returns the sorted names of files and folders directly in a folder; empty without it."""
    if not is_uri(folder):
        return sorted(path.name for path in Path(folder).iterdir()) if Path(folder).is_dir() else []
    store, inside = _store(folder)
    try:
        found = store.ls(inside, detail=False)
    except FileNotFoundError:
        return []
    names = {path.rstrip("/").rpartition("/")[2] for path in found}
    # Object stores may list a marker object of the folder.
    return sorted(names - {"", inside.rstrip("/").rpartition("/")[2]})


def files_below(folder: str) -> list[str]:
    """Returns the sorted relative paths of all files below a folder; empty without it."""
    if not is_uri(folder):
        root = Path(folder)
        return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    store, inside = _store(folder)
    start = len(inside.rstrip("/")) + 1
    return sorted(path[start:] for path in store.find(inside) if len(path) > start)


def read_bytes(path: str) -> bytes:
    """Returns the content of a file.

    Raises:
        FileNotFoundError: It does not exist.
        OSError: It cannot be read.
    """
    if not is_uri(path):
        return Path(path).read_bytes()
    store, inside = _store(path)
    return bytes(store.cat_file(inside))


def read_text(path: str) -> str:
    """Returns the content of a UTF-8 file; see `read_bytes`.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file atomically and creates its parent folders."""
    if not is_uri(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(data)
        return
    store, inside = _store(path)
    store.pipe_file(inside, data)  # an object appears when its upload is complete


def write_new(path: str, data: bytes) -> None:
    """Creates a file; of several concurrent processes, one succeeds.

    In an object store this is a conditional write (`If-None-Match: *` on S3, a generation of 0 on
    Google Cloud Storage).

    Raises:
        FileExistsError: It exists.
    """
    if not is_uri(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("xb") as file:
            file.write(data)
        return
    store, inside = _store(path)
    store.pipe_file(inside, data, mode="create")


def write_text(path: str, text: str) -> None:
    """Writes a UTF-8 file; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


@contextlib.contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Opens a file for reading in parts; see `read_bytes`."""
    if not is_uri(path):
        with Path(path).open("rb") as file:
            yield file
        return
    store, inside = _store(path)
    with store.open(inside, "rb") as file:
        yield file


def copy_file(source: str, target: str) -> None:
    """Copies a file between any two stores in chunks, and creates the target's parent folders.

    The copy is atomic, on a local disk and in object stores.
    """
    with opened(source) as reading:
        if not is_uri(target):
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as part, part.open("wb") as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
            return
        store, inside = _store(target)
        with store.open(inside, "wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)


def remove_file(path: str) -> None:
    """Removes a file.

    Raises:
        FileNotFoundError: It does not exist.
    """
    if not is_uri(path):
        Path(path).unlink()
        return
    store, inside = _store(path)
    store.rm_file(inside)


def remove_folder(path: str) -> None:
    """Removes a folder with all its content; it need not exist."""
    if not is_uri(path):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)
        return
    store, inside = _store(path)
    with contextlib.suppress(FileNotFoundError):
        store.rm(inside, recursive=True)
