"""Rows of train and dev that a setting leaves out (`utterances.leave_out`)."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Self

from bonafide.corpora.base import EXTRA_NAMES, Corpus, CorpusError, Utterance

FIELDS = ("key", "speaker", "system", "corpus", *EXTRA_NAMES)
# Eval stays complete: it says what the model does on everything.
SPLITS = ("train", "dev")
_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Condition:
    """Rows with these values.

    Attributes:
        text: As given: `FIELD=VALUE`, or several with `&` between them, which all must hold.
        values: Field -> value.
    """

    text: str
    values: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a condition.

        Raises:
            CorpusError: It is malformed, or a field is unknown.
        """
        values = []
        for part in text.split("&"):
            field, equals, value = (found.strip() for found in part.partition("="))
            if field not in FIELDS or not equals or not value:
                raise CorpusError(
                    f"expected FIELD=VALUE, or several with & between them, with FIELD one of "
                    f"{', '.join(FIELDS)}, got {text!r}"
                )
            values.append((field, value))
        return cls(text, tuple(values))

    def holds(self, row: Utterance) -> bool:
        """Returns whether the row has all the values."""
        return all(_value(row, field) == value for field, value in self.values)


def leave_out(corpus: Corpus, conditions: Sequence[str]) -> Corpus:
    """Removes the rows of train and dev for which one of the conditions holds.

    Args:
        corpus: The corpus, with its splits.
        conditions: See `Condition`.

    Returns:
        The corpus without them, with a note for each condition that says how many it took.

    Raises:
        CorpusError: A condition is malformed, or holds for no row of train and dev; the message
            lists the values that there are.
    """
    if not conditions:
        return corpus
    rules = [Condition.parse(text) for text in conditions]
    taken = [collections.Counter[str]() for _ in rules]
    kept = []
    for row in corpus.utterances:
        holding = [
            place for place, rule in enumerate(rules) if row.split in SPLITS and rule.holds(row)
        ]
        for place in holding:
            taken[place][row.split] += 1
        if not holding:
            kept.append(row)
    for rule, counts in zip(rules, taken, strict=True):
        if not counts:
            raise CorpusError(
                f"utterances.leave_out: {rule.text} holds for no row of train and dev. "
                + " ".join(_there(corpus, field) for field, _ in rule.values)
            )
    notes = [
        f"left out by {rule.text}: "
        + " and ".join(f"{counts[split]:,} of {split}" for split in SPLITS if counts[split])
        for rule, counts in zip(rules, taken, strict=True)
    ]
    gone = {row.path for row in corpus.utterances} - {row.path for row in kept}
    return dataclasses.replace(
        corpus,
        utterances=tuple(kept),
        notes=(*corpus.notes, *notes),
        left_out=corpus.left_out | gone,
    )


def _value(row: Utterance, field: str) -> str:
    match field:
        case "key":
            return row.key
        case "speaker":
            return row.speaker_id
        case "system":
            return row.system_id
        case "corpus":
            return row.corpus
    return dict(row.extra).get(field, "")


def _there(corpus: Corpus, field: str) -> str:
    counts = collections.Counter(
        _value(row, field) for row in corpus.utterances if row.split in SPLITS
    )
    named = [name for name, _ in counts.most_common() if name]
    if not named:
        return f"No row has a {field}."
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"Values of {field}: {', '.join(named[:_SHOWN])}{more}."
