"""Parsing of the sampling weights of corpora (`trainer.corpus_weights`)."""

from __future__ import annotations

from collections.abc import Sequence

from bonafide.settings import SettingsError

# Beyond these limits, the class weights, which depend on the draws, are not usable in training.
LEAST, MOST = 1e-6, 1e6


def not_weightable(entries: Sequence[str]) -> SettingsError:
    """Returns the error for weights without a cache of features, to be raised.

    There is none if Transform writes the features, or if they are computed in every epoch.
    """
    return SettingsError(
        "no weights of corpora with transform.materialize=true or trainer.cache=none",
        repr(tuple(entries)),
        "trainer.corpus_weights",
        advice="Set transform.materialize=false and trainer.cache=auto, or leave "
        "trainer.corpus_weights (and weight= of --corpus) out.",
    )


def parse_weights(entries: Sequence[str]) -> dict[str, float]:
    """Parses the weights of corpora, `NAME=NUMBER` each.

    Raises:
        SettingsError: An entry is malformed, its number is not from 0.000001 to 1,000,000, or a
            corpus occurs twice.
    """
    weights: dict[str, float] = {}
    for entry in entries:
        # The last "=", because a corpus may have any name.
        name, _, text = (part.strip() for part in entry.rpartition("="))
        if not name:
            raise _refused("NAME=NUMBER for each corpus, such as itw=3", entry)
        try:
            number = float(text)
        except ValueError:
            raise _refused("NAME=NUMBER with a number such as 3 or 0.5", entry) from None
        if not LEAST <= number <= MOST:  # also true for NaN
            raise _refused("numbers above 0, from 0.000001 to 1,000,000", entry)
        if name in weights:
            raise _refused(f"one weight for each corpus, not two for {name}", entry)
        weights[name] = number
    return weights


def _refused(expected: str, entry: str) -> SettingsError:
    return SettingsError(expected, repr(entry), "trainer.corpus_weights")
