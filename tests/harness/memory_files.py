"""A Beam filesystem in memory. To import it is enough for Beam to know `memory://`."""

import io

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem


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
