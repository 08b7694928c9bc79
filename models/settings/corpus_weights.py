"""Weights of corpora as settings give them (`trainer.corpus_weights`)."""

from __future__ import annotations

from collections.abc import Sequence

from bonafide.settings import SettingsError

# Beyond them the weights of the classes, which follow the draws, are no longer numbers to train
# with.
LEAST, MOST = 1e-6, 1e6


def not_weightable(entries: Sequence[str]) -> SettingsError:
    """Returns the error for weights where training does not keep the features, to be raised.

    That is once Transform has written them, and where they are computed in every epoch.
    """
    return SettingsError(
        "no weights of corpora with transform.materialize=true or trainer.cache=none",
        repr(tuple(entries)),
        "trainer.corpus_weights",
        advice="Set transform.materialize=false and trainer.cache=auto, or leave "
        "trainer.corpus_weights (and weight= of --corpus) out.",
    )


def parse_weights(entries: Sequence[str]) -> dict[str, float]:
    """The weight of each corpus that is named, from `NAME=NUMBER` texts.

    Raises:
        SettingsError: An entry is malformed, its number is not from 0.000001 to 1,000,000, or a
            corpus is there twice.
    """
    weights: dict[str, float] = {}
    for entry in entries:
        # The last one, because a corpus may have any name.
        name, _, text = (part.strip() for part in entry.rpartition("="))
        if not name:
            raise _refused("NAME=NUMBER for each corpus, such as itw=3", entry)
        try:
            number = float(text)
        except ValueError:
            raise _refused("NAME=NUMBER with a number such as 3 or 0.5", entry) from None
        if not LEAST <= number <= MOST:  # nor is NaN
            raise _refused("numbers above 0, from 0.000001 to 1,000,000", entry)
        if name in weights:
            raise _refused(f"one weight for each corpus, but {name} is there twice", entry)
        weights[name] = number
    return weights


def _refused(expected: str, entry: str) -> SettingsError:
    return SettingsError(expected, repr(entry), "trainer.corpus_weights")
