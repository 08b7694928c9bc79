"""Makes splits for a corpus without splits: by speaker, with attacks that are only in eval.

The rules depend on the rows and the options, not on the order of the rows:

1. All utterances of a speaker are in one split. Speakers are assigned one by one, by decreasing
   number of utterances, to the split that is then nearest to its share of bona fide speech and of
   spoofed speech, relative to that share.
2. A split without bona fide speech, or without spoofs, receives the smallest speaker with that
   class that another split can spare.
3. The share `unseen_fraction` of the attacks is reserved for eval: those attacks of eval with the
   fewest utterances in train and dev, where these utterances are removed. Train and dev keep at
   least one attack.

`split_seed` breaks ties. A corpus that cannot be split by these rules is refused: a split by
utterance would put the same voices into training and evaluation.
"""

import collections
import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.text import listed
from bonafide.trials import keys

# Names of the splits in tables and folders.
_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("eval", "evaluation", "test", "testing"), "eval"),
}
_Counts = dict[str, list[int]]  # Numbers of bona fide and of spoofed utterances.


def split_named(name: str) -> str | None:
    """Returns `train`, `dev` or `eval` for the name in a table or folder; None for other names."""
    return _NAMES.get(name.lower())


def with_splits(
    utterances: Sequence[base.Utterance], options: Options, *, where: str
) -> tuple[tuple[base.Utterance, ...], tuple[str, ...]]:
    """Assigns a split to every utterance.

    Args:
        utterances: Rows, whose splits are ignored.
        options: `split` assigns all rows to that split; otherwise see the module.
        where: The corpus, for messages.

    Returns:
        The rows in order, without those that the third rule removes, and notes for the user.

    Raises:
        CorpusError: Speakers are unknown or too few.
    """
    if options.split:
        rows = tuple(dataclasses.replace(row, split=options.split) for row in utterances)
        return rows, (f"all utterances are in {options.split} (corpus.options)",)
    if unnamed := sum(row.speaker_id == base.UNKNOWN_SPEAKER for row in utterances):
        raise base.CorpusError(
            f"{where}: splits are made by speaker, but {unnamed:,} of {len(utterances):,} "
            f"utterances have none. {_WHAT_TO_DO}"
        )
    split_of = deal_speakers(utterances, options, where=where)
    unseen = unseen_attacks(utterances, split_of, options)
    rows = tuple(
        dataclasses.replace(row, split=split_of[row.speaker_id])
        for row in utterances
        if split_of[row.speaker_id] == "eval" or row.system_id not in unseen
    )
    shares = collections.Counter(row.split for row in rows)
    notes = [
        f"splits were made by speaker (split_seed {options.split_seed}): "
        + ", ".join(f"{split} {shares[split]:,}" for split in base.SPLITS)
    ]
    if unseen:
        lost = len(utterances) - len(rows)
        notes.append(
            f"only eval has the attacks {listed(sorted(unseen), most=10)}; {lost:,} of their "
            "utterances, by speakers of train and dev, were removed"
        )
    else:
        notes.append("eval has no attack that is not in train")
    return rows, tuple(notes)


_WHAT_TO_DO = (
    "Name the speakers, or the splits (a manifest can name both), or set "
    "corpus.options=split=eval to evaluate on all of it"
)


def deal_speakers(
    utterances: Iterable[base.Utterance], options: Options, *, where: str
) -> dict[str, str]:
    """Returns the split of each speaker, by the first two rules.

    Raises:
        CorpusError: There are too few speakers with bona fide or with spoofed utterances.
    """
    counts: _Counts = collections.defaultdict(lambda: [0, 0])
    for row in utterances:
        counts[row.speaker_id][row.key == keys.SPOOF] += 1
    for place, key in enumerate((keys.BONAFIDE, keys.SPOOF)):
        have = sum(count[place] > 0 for count in counts.values())
        if have < len(base.SPLITS):
            raise base.CorpusError(
                f"{where}: splits are made by speaker; expected at least three speakers with {key} "
                f"utterances, got {have} of {len(counts)}. {_WHAT_TO_DO}"
            )
    share = {"dev": options.dev_fraction, "eval": options.eval_fraction}
    share["train"] = 1 - share["dev"] - share["eval"]
    totals = [sum(count[place] for count in counts.values()) for place in (0, 1)]
    given = {split: [0, 0] for split in base.SPLITS}
    split_of = {}
    for speaker in sorted(
        counts, key=lambda name: (-sum(counts[name]), _draw(options.split_seed, name))
    ):

        def distance(split: str, count: list[int] = counts[speaker]) -> float:
            """Returns the change of the distance from the split's share; the minimum wins."""
            return sum(
                (1 - (given[split][place] + count[place]) / (share[split] * totals[place])) ** 2
                - (1 - given[split][place] / (share[split] * totals[place])) ** 2
                for place in (0, 1)
            )

        split = min(base.SPLITS, key=distance)
        split_of[speaker] = split
        given[split] = [sum(pair) for pair in zip(given[split], counts[speaker], strict=True)]
    _mend(split_of, counts, options, where=where)
    return split_of


def _mend(split_of: dict[str, str], counts: _Counts, options: Options, *, where: str) -> None:
    """Applies the second rule: no split without a class."""
    for _ in split_of:
        members = {split: [s for s in split_of if split_of[s] == split] for split in base.SPLITS}

        def lacks(names: Iterable[str]) -> set[int]:
            return {place for place in (0, 1) if not any(counts[name][place] for name in names)}

        wanting = [(split, place) for split in base.SPLITS for place in lacks(members[split])]
        if not wanting:
            return
        split, place = wanting[0]
        spare = [
            name
            for name, other in split_of.items()
            if other != split
            and counts[name][place]
            and not lacks(set(members[other]) - {name}) - lacks(members[other])
        ]
        if not spare:
            break
        taken = min(spare, key=lambda name: (sum(counts[name]), _draw(options.split_seed, name)))
        split_of[taken] = split
    raise base.CorpusError(
        f"{where}: its {len(counts)} speakers cannot be split so that train, dev and eval each "
        f"have bona fide and spoofed utterances. {_WHAT_TO_DO}"
    )


def unseen_attacks(
    utterances: Iterable[base.Utterance], split_of: dict[str, str], options: Options
) -> frozenset[str]:
    """Returns the attacks that are reserved for eval by the third rule."""
    cost: collections.Counter[str] = collections.Counter()
    of_split: dict[str, set[str]] = {split: set() for split in base.SPLITS}
    for row in utterances:
        if row.key == keys.SPOOF:
            split = split_of[row.speaker_id]
            of_split[split].add(row.system_id)
            cost[row.system_id] += split != "eval"
    number = round(options.unseen_fraction * len(cost))
    chosen: set[str] = set()
    for system in sorted(
        of_split["eval"], key=lambda name: (cost[name], _draw(options.split_seed, name))
    ):
        if len(chosen) >= number:
            break
        if all(of_split[split] - chosen - {system} for split in ("train", "dev")):
            chosen.add(system)
    # Attacks without utterances in train and dev are unseen in any case.
    return frozenset(chosen | (of_split["eval"] - of_split["train"] - of_split["dev"]))


def _draw(seed: int, name: str) -> bytes:
    """Returns a pseudo-random key that depends on the seed and the name only."""
    return hashlib.sha256(f"{seed}\n{name}".encode(errors="surrogatepass")).digest()
