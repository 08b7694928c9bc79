"""Numbers of utterances by split and class."""

import collections
from collections.abc import Iterable, Mapping

from bonafide.corpora import base
from bonafide.trials import keys

Counts = Mapping[str, Mapping[str, int]]


def by_split_and_class(utterances: Iterable[base.Utterance]) -> dict[str, dict[str, int]]:
    """Returns split -> key -> number of utterances; splits in the order of `base.SPLITS`."""
    pairs = collections.Counter((row.split, row.key) for row in utterances)
    found: dict[str, dict[str, int]] = {}
    for split in base.SPLITS:
        of_split = {
            key: pairs[split, key] for key in (keys.BONAFIDE, keys.SPOOF) if pairs[split, key]
        }
        if of_split:
            found[split] = of_split
    return found


def described(counts: Counts) -> str:
    """Returns `train 60 + 60, dev 15 + 15`: bona fide and spoofed utterances of each split."""
    return ", ".join(
        f"{split} {of.get(keys.BONAFIDE, 0):,} + {of.get(keys.SPOOF, 0):,}"
        for split, of in counts.items()
    )
