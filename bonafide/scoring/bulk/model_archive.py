"""A model as one file, so that a worker needs nothing but the filesystem of the output."""

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
    """Writes a model's folder into one file; see `beam_files.writing`."""
    with (
        beam_files.writing(uri, scratch=scratch) as file,
        # As a stream: not every filesystem can go back in what it writes.
        tarfile.open(fileobj=file, mode="w|", dereference=True) as archive,
    ):
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


def load(uri: str, version: str) -> Scorer:
    """Loads a model that `pack` wrote; its files on this machine are gone afterwards.

    Args:
        uri: Of the archive.
        version: Name of the model, for messages.

    Raises:
        ModelError: It cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="bonafide-") as parent:
        folder = Path(parent) / version
        folder.mkdir()
        with (
            FileSystems.open(uri, compression_type=CompressionTypes.UNCOMPRESSED) as file,
            tarfile.open(fileobj=file, mode="r|") as archive,
        ):
            # What `pack` wrote; Python has its own guard against other archives since 3.11.4.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(folder)
        return Scorer(dataclasses.replace(read_model(folder), folder=folder))
