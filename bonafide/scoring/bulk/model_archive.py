"""A model as one file, so that workers only need the filesystem of the output."""

from __future__ import annotations

import dataclasses
import tarfile
import tempfile
from pathlib import Path

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from bonafide.scoring.model import Scorer, read_model
from bonafide.storage import beam_files


def pack(folder: Path, uri: str, *, scratch: str) -> None:
    """Writes a model's folder to one file; see `beam_files.writing`."""
    with (
        beam_files.writing(uri, scratch=scratch) as file,
        # As a stream, because some filesystems cannot seek while writing.
        tarfile.open(fileobj=file, mode="w|", dereference=True) as archive,
    ):
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


def load(uri: str, version: str) -> Scorer:
    """Loads a model from the file of `pack`; temporary local files are removed.

    Args:
        uri: URI of the archive.
        version: Name of the model, for messages.

    Raises:
        ModelError: The model cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="bonafide-") as parent:
        folder = Path(parent) / version
        folder.mkdir()
        with (
            FileSystems.open(uri, compression_type=CompressionTypes.UNCOMPRESSED) as file,
            tarfile.open(fileobj=file, mode="r|") as archive,
        ):
            # A file of `pack`; since 3.11.4, Python protects against malicious archives.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(folder)
        return Scorer(dataclasses.replace(read_model(folder), folder=folder))
