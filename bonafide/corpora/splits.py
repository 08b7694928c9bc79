"""Splits for a corpus that has none: by speaker, with attacks that only eval has.

The rule, which depends on the rows and the options and not on the order of the rows:

1. Every speaker goes to one split with all utterances. Speakers are dealt one by one, the one with
   the most utterances first, to the split that is then nearest to its share of bona fide speech
   and of spoofed speech, relative to that share.
2. A split that has no bona fide speech, or no spoof, gets the smallest speaker with it that another
   split can spare.
3. Of the attacks, the share `unseen_fraction` is kept for eval: those that eval has and that cost
   the fewest utterances of train and dev, which are left out. Train and dev keep one at least.

`split_seed` decides between equals. Where no speakers are named, `groups` of files that may share a
voice take their place. A corpus that cannot be split is refused.
"""

import collections
import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Sequence

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.text import listed
from bonafide.trials import keys

# How tables and folders call the splits.
_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("eval", "evaluation", "test", "testing"), "eval"),
}
_Counts = dict[str, list[int]]  # Of bona fide and of spoofed utterances.


def split_named(name: str) -> str | None:
    """`train`, `dev` or `eval` from what a table or a folder calls it; None if it is neither."""
    return _NAMES.get(name.lower())


def with_splits(
    utterances: Sequence[base.Utterance], options: Options, *, where: str
) -> tuple[tuple[base.Utterance, ...], tuple[str, ...]]:
    """Gives every utterance a split.

    Args:
        utterances: Rows whose split does not count yet.
        options: `split` puts all into that one; otherwise see the module.
        where: The corpus, for messages.

    Returns:
        The rows in their order, without those that the third rule leaves out; and notes for people.

    Raises:
        CorpusError: Speakers are unknown or too few.
    """
    if options.split:
        rows = tuple(dataclasses.replace(row, split=options.split) for row in utterances)
        return rows, (f"all of it went to {options.split}, as corpus.options says",)
    if by_file(utterances, options):
        from bonafide.corpora import groups  # It deals as this module does.

        of_row = groups.name_groups(utterances, by_speaker=options.split_by != "file")
        return groups.deal(utterances, of_row, options, where=where)
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
    notes.append(unseen_note(unseen, len(utterances) - len(rows)))
    return rows, tuple(notes)


def by_file(utterances: Iterable[base.Utterance], options: Options) -> bool:
    """Returns whether splits are made by groups of files, as speakers are unknown or ignored."""
    if options.split:
        return False
    return options.split_by == "file" or any(
        row.speaker_id == base.UNKNOWN_SPEAKER for row in utterances
    )


def unseen_note(unseen: Collection[str], lost: int) -> str:
    """Returns a sentence about the attacks that only eval has, and what that cost."""
    if not unseen:
        return "eval has no attack that train has not"
    return (
        f"only eval has the attacks {listed(sorted(unseen), most=10)}; {lost:,} utterances of "
        "them, by speakers of train and dev, were left out"
    )


_WHAT_TO_DO = (
    "Add speakers, or name the splits in a manifest, or set "
    "corpus.options=split=eval to evaluate on all of it, or corpus.options=split_by=file to split "
    "by file, which shows voices of train in eval"
)


def deal_speakers(
    utterances: Iterable[base.Utterance], options: Options, *, where: str
) -> dict[str, str]:
    """The split of each speaker, by the first two rules.

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
                f"{where}: splits are made by speaker, and {have} of {len(counts)} speakers "
                f"have {key} utterances; three are the least. {_WHAT_TO_DO}"
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
            """How much nearer to its share the split comes; the least is the nearest."""
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
    """The second rule: no split without a class."""
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
    """The attacks that only eval has, by the third rule."""
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
    # What cost nothing is unseen in any case.
    return frozenset(chosen | (of_split["eval"] - of_split["train"] - of_split["dev"]))


def _draw(seed: int, name: str) -> bytes:
    """A number that looks random, and is the same for the same seed and name."""
    return hashlib.sha256(f"{seed}\n{name}".encode(errors="surrogatepass")).digest()
