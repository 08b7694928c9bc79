"""Makes splits for a corpus without splits, with speakers, attacks and, if possible, sources apart.

The splits keep the rules of DataGate and of the model's gate where the corpus allows it. The rules
below depend on the rows and the options, not on the order of the rows:

1. All utterances of a speaker are in one split. Speakers are assigned one by one, by decreasing
   number of utterances, to the split that is then nearest to its share of bona fide speech and of
   spoofed speech, relative to that share. If every utterance has a source (a page, a recording
   campaign), whole sources are assigned first; the result is kept if every split then has at least
   20 utterances and four speakers of each class.
2. A split without bona fide speech, or without spoofs, receives the smallest speaker with that
   class that another split can spare; so do dev and eval with fewer than four speakers of a class.
3. An attack is in eval, or in train and dev, never in both; utterances that would break this are
   removed. Eval receives at least the share `unseen_fraction` of the attacks: those with the fewest
   utterances in train and dev and the most in eval. It receives more if that removes fewer
   utterances, or if eval would have fewer than 20 spoofs or spoofs of fewer than four speakers.
   Train and dev keep at least one attack. With too few attacks for this, or `unseen_fraction=0`,
   nothing is removed, and the gate needs `gate.allow_attack_overlap=true`.

`split_seed` breaks ties. If speakers are not named, groups of files that may share a voice replace
them (`bonafide.corpora.groups`). A corpus that cannot be split by these rules is refused.
"""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.storage.corpus_files import FileInfo
from bonafide.text import listed, plural
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
    if by_file(utterances, options):
        from bonafide.corpora import groups  # It divides as this module does.

        of_row = groups.name_groups(utterances, by_speaker=options.split_by != "file")
        return groups.deal(utterances, of_row, options, where=where)
    return divide(utterances, options, where=where)


def split_corpus(
    rows: Sequence[base.Utterance],
    options: Options,
    *,
    where: str,
    audio: Mapping[str, FileInfo],
    protocols: Sequence[str] = (),
    notes: Sequence[str] = (),
    bad_rows: Sequence[base.BadRow] = (),
) -> base.Corpus:
    """Returns the corpus of rows without splits, with those of `with_splits`.

    Args:
        rows: Rows, whose splits are ignored.
        options: See `with_splits`.
        where: The corpus, for messages.
        audio: See `base.Corpus`, as `protocols` and `bad_rows`.
        protocols: Paths of the protocol files.
        notes: The reader's own, before those about splits.
        bad_rows: Malformed rows.

    Raises:
        CorpusError: Speakers are unknown or too few.
    """
    utterances, of_splits = with_splits(rows, options, where=where)
    return base.Corpus(
        utterances,
        tuple(protocols),
        audio,
        (*notes, *of_splits),
        unsplit=tuple(rows) if by_file(rows, options) else (),
        bad_rows=tuple(bad_rows),
        left_out=left_out(rows, utterances),
    )


def left_out(rows: Sequence[base.Utterance], kept: Sequence[base.Utterance]) -> frozenset[str]:
    """Returns the paths of the rows that `with_splits` has removed."""
    if len(rows) == len(kept):
        return frozenset()
    return frozenset(row.path for row in rows) - {row.path for row in kept}


def by_file(utterances: Iterable[base.Utterance], options: Options) -> bool:
    """Returns whether splits are made by groups of files: speakers are unknown, or ignored."""
    if options.split:
        return False
    return options.split_by == "file" or any(
        row.speaker_id == base.UNKNOWN_SPEAKER for row in utterances
    )


def divide(
    utterances: Sequence[base.Utterance], options: Options, *, where: str, unit: str = "speaker"
) -> tuple[tuple[base.Utterance, ...], tuple[str, ...]]:
    """Makes splits by the three rules; see `with_splits`.

    Args:
        utterances: Rows, each with a speaker.
        options: See the module.
        where: The corpus, for messages.
        unit: What a speaker is called in notes.
    """
    plans = [_Plan(unit, deal_speakers(utterances, options, where=where))]
    if apart := deal_sources(utterances, options):
        plans.insert(0, _Plan("source", apart))
    for plan in plans:
        unseen = unseen_attacks(utterances, plan.split_of, options)
        rows = _divided(utterances, plan.split_of, unseen, apart=options.unseen_fraction > 0)
        if not (few := shortfalls(rows, unit)):
            break
    shares = collections.Counter(row.split for row in rows)
    notes = [
        f"splits were made by {plan.unit} (split_seed {options.split_seed}): "
        + ", ".join(f"{split} {shares[split]:,}" for split in base.SPLITS),
        _attack_note(utterances, rows, unseen, apart=options.unseen_fraction > 0),
        *_source_note(rows),
    ]
    if few:
        notes.append(f"{'; '.join(few)}: DataGate or the model's gate will report this. {_MORE}")
    return rows, tuple(notes)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Splits of speakers, and what was dealt to them: `speaker` or `source`."""

    unit: str
    split_of: Mapping[str, str]


def _divided(
    utterances: Sequence[base.Utterance],
    split_of: Mapping[str, str],
    unseen: frozenset[str],
    *,
    apart: bool,
) -> tuple[base.Utterance, ...]:
    """The rows with their splits, without those that the third rule leaves out."""

    def kept(row: base.Utterance) -> bool:
        if row.key != keys.SPOOF or not apart or not unseen:
            return True
        return (split_of[row.speaker_id] == "eval") == (row.system_id in unseen)

    return tuple(
        base.changed(row, row.speaker_id, split_of[row.speaker_id])
        for row in utterances
        if kept(row)
    )


def shortfalls(rows: Iterable[base.Utterance], unit: str = "speaker") -> list[str]:
    """What each split lacks of what the default rules of the gates ask for; for people."""
    found = []
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    speakers: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    for row in rows:
        counts[row.split, row.key] += 1
        speakers[row.split, row.key].add(row.speaker_id)
    for split in base.SPLITS:
        for key in (keys.BONAFIDE, keys.SPOOF):
            if counts[split, key] < LEAST_UTTERANCES:
                found.append(f"{split} has {plural(counts[split, key], f'{key} utterance')}")
            if len(speakers[split, key]) < LEAST_SPEAKERS:
                found.append(
                    f"{split} has {plural(len(speakers[split, key]), unit)} of {key} speech"
                )
    return found


def _attack_note(
    utterances: Sequence[base.Utterance],
    rows: Sequence[base.Utterance],
    unseen: frozenset[str],
    *,
    apart: bool,
) -> str:
    if not unseen:
        return f"eval has no attack that is not in train: {_OVERLAP}"
    named = f"only eval has the attacks {listed(sorted(unseen), most=10)}"
    if not apart:
        return f"{named}; it shares others with train: {_OVERLAP}"
    return (
        f"{named}, and no others; {len(utterances) - len(rows):,} utterances were removed "
        "to keep attacks and speakers apart"
    )


def _source_note(rows: Iterable[base.Utterance]) -> Iterator[str]:
    """A note where eval shares sources with train."""
    of_split: dict[str, set[str]] = collections.defaultdict(set)
    for row in rows:
        of_split[row.split].add(_source(row))
    shared = (of_split["eval"] & (of_split["train"] | of_split["dev"])) - {""}
    if shared:
        yield (
            f"eval shares the sources {listed(sorted(shared), most=10)} with train or dev: its "
            "error rates say little about other sources"
        )


def _source(row: base.Utterance) -> str:
    return dict(row.extra).get("source", "")


_WHAT_TO_DO = (
    "Add speakers, or name the splits in a manifest, or set corpus.options=split=eval to evaluate "
    "on all of it, or corpus.options=split_by=file to split by file, which may put a voice into "
    "train and eval"
)
_OVERLAP = "a model passes the gate only with gate.allow_attack_overlap=true"
_MORE = (
    "Add speakers or attacks, change eval_fraction or unseen_fraction (corpus.options), or set "
    "the splits in a manifest"
)
# The defaults of `gate.min_bonafide`, `gate.min_spoof` and `data_gate.min_speakers`.
LEAST_UTTERANCES, LEAST_SPEAKERS = 20, 4


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
    split_of = _deal(counts, options)
    _mend(split_of, counts, options, where=where)
    _add_speakers(split_of, counts, options)
    return split_of


def deal_sources(utterances: Sequence[base.Utterance], options: Options) -> dict[str, str]:
    """The split of each speaker where whole sources are dealt.

    Returns:
        Nothing if an utterance names no source, or if there are fewer than three groups of sources
        without a speaker in common, or if a split would lack a class.
    """
    group = {_source(row): _source(row) for row in utterances}
    if "" in group:
        return {}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    first: dict[str, str] = {}
    for row in utterances:  # Sources with a speaker in common stay together.
        one, other = root(_source(row)), root(first.setdefault(row.speaker_id, _source(row)))
        group[max(one, other)] = min(one, other)
    counts: _Counts = collections.defaultdict(lambda: [0, 0])
    for row in utterances:
        counts[root(_source(row))][row.key == keys.SPOOF] += 1
    if len(counts) < len(base.SPLITS):
        return {}
    split_of = _deal(counts, options)
    try:
        _mend(split_of, counts, options, where="")
    except base.CorpusError:
        return {}
    return {speaker: split_of[root(source)] for speaker, source in first.items()}


def _deal(counts: _Counts, options: Options) -> dict[str, str]:
    """The first rule, for speakers or sources: name -> split."""
    share = {"dev": options.dev_fraction, "eval": options.eval_fraction}
    share["train"] = 1 - share["dev"] - share["eval"]
    totals = [sum(count[place] for count in counts.values()) for place in (0, 1)]
    # Without calls inside the loop: a corpus that names no speakers has as many groups as files.
    given = [[0, 0] for _ in base.SPLITS]
    wanted = [[share[split] * total for total in totals] for split in base.SPLITS]
    split_of = {}
    for speaker in sorted(
        counts, key=lambda name: (-sum(counts[name]), _draw(options.split_seed, name))
    ):
        bonafide, spoof = counts[speaker]
        nearest, least = 0, math.inf
        for place, ((has_real, has_fake), (real, fake)) in enumerate(
            zip(given, wanted, strict=True)
        ):
            # The change of the distance from the split's share; the minimum wins.
            distance = (
                (1 - (has_real + bonafide) / real) ** 2
                - (1 - has_real / real) ** 2
                + ((1 - (has_fake + spoof) / fake) ** 2 - (1 - has_fake / fake) ** 2)
            )
            if distance < least:
                nearest, least = place, distance
        split_of[speaker] = base.SPLITS[nearest]
        given[nearest][0] += bonafide
        given[nearest][1] += spoof
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


def _add_speakers(split_of: dict[str, str], counts: _Counts, options: Options) -> None:
    """The second rule: four speakers of each class in eval and dev, if there are so many."""
    for split, place in ((split, place) for split in ("eval", "dev") for place in (0, 1)):
        have = [name for name in split_of if counts[name][place]]
        wanted = min(LEAST_SPEAKERS, len(have) // len(base.SPLITS))
        if sum(split_of[name] == split for name in have) >= wanted:
            continue
        # The smallest of train first: dev and eval are small.
        by_size = sorted(
            have,
            key=lambda name: (
                split_of[name] != "train",
                sum(counts[name]),
                _draw(options.split_seed, name),
            ),
        )
        for name in by_size:
            if sum(split_of[other] == split for other in have) >= wanted:
                break
            if split_of[name] != split and _can_spare(split_of, counts, name):
                split_of[name] = split


def _can_spare(split_of: Mapping[str, str], counts: _Counts, name: str) -> bool:
    """Whether the split of a speaker has more speakers of their classes than it needs."""
    for place in (0, 1):
        have = [other for other in split_of if counts[other][place]]
        wanted = min(LEAST_SPEAKERS, len(have) // len(base.SPLITS))
        if name in have and sum(split_of[o] == split_of[name] for o in have) <= wanted:
            return False
    return True


def unseen_attacks(
    utterances: Iterable[base.Utterance], split_of: Mapping[str, str], options: Options
) -> frozenset[str]:
    """The attacks that only eval has, by the third rule; none if train and dev need them all."""
    counts: dict[str, collections.Counter[str]] = {
        split: collections.Counter() for split in base.SPLITS
    }
    voices: dict[str, set[str]] = collections.defaultdict(set)  # of eval, by attack
    for row in utterances:
        if row.key == keys.SPOOF:
            counts[split_of[row.speaker_id]][row.system_id] += 1
            if split_of[row.speaker_id] == "eval":
                voices[row.system_id].add(row.speaker_id)
    systems = set().union(*counts.values())
    lost = {name: counts["train"][name] + counts["dev"][name] for name in systems}
    # What costs nothing is unseen in any case.
    chosen = {name for name in counts["eval"] if not lost[name]}
    if not options.unseen_fraction:
        return frozenset(chosen)
    number = max(1, round(options.unseen_fraction * len(systems)))

    def left(split: str, without: set[str]) -> int:
        return sum(count for name, count in counts[split].items() if name not in without)

    for name in sorted(
        counts["eval"],
        key=lambda name: (lost[name] - counts["eval"][name], _draw(options.split_seed, name)),
    ):
        needed = (
            len(chosen) < number
            or sum(counts["eval"][other] for other in chosen) < LEAST_UTTERANCES
            or len(set().union(*(voices[other] for other in chosen))) < LEAST_SPEAKERS
        )
        saves = counts["eval"][name] > lost[name]
        # More than it must have only as long as that leaves enough to train and to select on.
        least = 1 if needed else LEAST_UTTERANCES
        remaining = [left(split, chosen | {name}) for split in ("train", "dev")]
        if (needed or saves) and min(remaining) >= least:
            chosen.add(name)
    return frozenset(chosen)


def _draw(seed: int, name: str) -> bytes:
    """Returns a pseudo-random key that depends on the seed and the name only."""
    return hashlib.sha256(f"{seed}\n{name}".encode(errors="surrogatepass")).digest()
