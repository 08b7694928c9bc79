"""Reads the files of `bonafide evaluate`, each once, with its digest."""

from __future__ import annotations

import argparse
import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from bonafide import text
from bonafide.report.console import visible
from bonafide.storage import text_files
from bonafide.trials import keys, protocols, score_files
from bonafide.trials.trials import Trials


class Files:
    """Reads the input files, each once, and keeps their digests.

    Attributes:
        sha256: Path as it was given -> digest of the content.
        warnings: What a reader of the figures must know about the files.
    """

    def __init__(
        self,
        *,
        lower_is_bonafide: bool,
        columns: Sequence[str] = (),
        protocol_columns: Sequence[str] = (),
        key_words: keys.KeyWords = keys.NO_WORDS,
    ) -> None:
        self.sha256: dict[str, str] = {}
        self.warnings: list[str] = []
        self._negated = lower_is_bonafide
        self._columns = columns
        self._protocol_columns = protocol_columns
        self._key_words = key_words

    @staticmethod
    def given(options: argparse.Namespace) -> list[str]:
        """Returns the paths of all inputs."""
        names = (
            *("scores", "protocol", "asv_scores", "baseline", "reference", "dev_scores"),
            *("dev_protocol", "gate"),
        )
        paths = [path for name in names if (path := getattr(options, name)) is not None]
        return [*paths, *(path for _, path in options.condition)]

    def text(self, path: str) -> str:
        """Returns the content of a file."""
        data = text_files.read_bytes(path)
        self.sha256[path] = hashlib.sha256(data).hexdigest()
        return text_files.decode_text(data, path)

    def protocol(self, path: str, subset: str) -> protocols.Protocol:
        """Returns a protocol."""
        return protocols.parse_protocol(
            self.text(path),
            where=path,
            subset=subset,
            columns=self._protocol_columns,
            key_words=self._key_words,
        )

    def trials(self, path: str, protocol: protocols.Protocol) -> Trials:
        """Returns the trials of a protocol with the scores of a file."""
        scores = score_files.parse_scores(
            self.text(path), where=path, columns=self._columns, key_words=self._key_words
        )
        if scores.failed:
            names = text.listed([*map(visible, scores.failed)])
            self.warnings.append(
                f"{text.plural(len(scores.failed), 'utterance')} could not be scored and "
                f"{'is' if len(scores.failed) == 1 else 'are'} left out "
                f"({visible(path)}): {names}. The figures do not count these failures."
            )
        return score_files.match(scores.negated() if self._negated else scores, protocol)


def in_common(systems: Sequence[Trials]) -> list[Trials]:
    """Returns the trials of several systems that all of them have scored."""
    names = [system.utterances for system in systems]
    if all(np.array_equal(names[0], other) for other in names[1:]):
        return list(systems)
    common = functools.reduce(np.intersect1d, names)
    return [system.part(np.isin(system.utterances, common)) for system in systems]
