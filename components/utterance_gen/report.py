"""Counts and rejections of a run: the two files beside the examples, and the limit."""

import collections
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bonafide import corpora
from bonafide.corpora import bad_rows, groups
from bonafide.text import percent
from components.utterance_gen import plan, settings, shard_writer

_NAMED_OFFENDERS = 10
_log = logging.getLogger("bonafide")
_details = logging.getLogger(__name__)


def most_rejections(utterances: int, max_fraction: float) -> int:
    """Returns the maximum number of rejections within the limit."""
    most = int(utterances * max_fraction)
    # The product may be rounded to either side of a whole number; the quotient decides.
    return most + 1 if (most + 1) / utterances <= max_fraction else most


def check_rejections(
    utterances: Sequence[corpora.Utterance],
    rejections: Sequence[plan.Rejection],
    max_fraction: float,
) -> None:
    """Raises CorpusError if too much of the corpus is rejected.

    The limit is `max_fraction` of all utterances, to which malformed rows count, and less than all
    utterances of a split.
    """
    lost = collections.Counter(row.split for row in rejections)
    held = collections.Counter(row.split for row in utterances)
    total = len(utterances) + lost[plan.NO_SPLIT]
    if len(rejections) > most_rejections(total, max_fraction):
        problem = (
            f"{len(rejections):,} of {total:,} utterances "
            f"({percent(len(rejections) / total)}) cannot be used, more than the "
            f"{percent(max_fraction)} of utterances.max_rejected_fraction; reading stopped there"
        )
    elif empty := [split for split in held if held[split] == lost[split]]:
        problem = f"no utterance of split {', '.join(empty)} can be used"
    else:
        return
    for row in rejections:
        # TFX removes the outputs of a failed component, so the log has the whole list.
        _details.info("rejected\t%s\t%s\t%s", row.utterance_id, row.path, row.reason)
    named = [
        f"  {row.split or 'row'} {row.utterance_id} ({row.path}): {_one_line(row.reason)}"
        for row in rejections[:_NAMED_OFFENDERS]
    ]
    if len(rejections) > _NAMED_OFFENDERS:
        named.append(f"  ... and {len(rejections) - _NAMED_OFFENDERS:,} more (the log has all)")
    raise corpora.CorpusError(
        "\n".join([problem + ":", *named, "Correct or remove them, or raise the limit."])
    )


def warn_of_lost_systems(
    utterances: Sequence[corpora.Utterance], rejections: Sequence[plan.Rejection]
) -> None:
    """Warns of each attack, or of bona fide speech, whose utterances in a split are all rejected.

    This is within the limit, but the evaluation has no figures for that attack.
    """
    lost = {row.utterance_id for row in rejections}
    held = collections.Counter((row.split, row.system_id) for row in utterances)
    left = {(row.split, row.system_id) for row in utterances if row.utterance_id not in lost}
    for split, system in sorted(set(held) - left):
        _log.warning(
            "UtteranceGen: %s: none of the %d utterances of system %s can be used (see "
            "rejected.tsv), so it will have no figures",
            split,
            held[split, system],
            system,
        )


def warn_of_bad_rows(corpus: corpora.Corpus) -> None:
    """Warns of malformed rows, which are left out."""
    if text := bad_rows.described(corpus.bad_rows):
        _log.warning("UtteranceGen: %s", text)


def warn_of_unknown_speakers(corpus: corpora.Corpus) -> None:
    """Warns of splits that were made without knowing the speakers, and of the consequences."""
    if corpus.unsplit:
        _log.warning(
            "UtteranceGen: the splits were made by file, because the corpus does not say who "
            "speaks. A voice may be in train and in eval: the error rates may then be too low, and "
            "their intervals too narrow. The gate refuses such a model (gate.min_speakers). %s",
            groups.HOW_TO_NAME_SPEAKERS,
        )


def warn_of_missing_splits(utterances: Sequence[corpora.Utterance]) -> None:
    """Warns of splits without utterances, and of the consequences."""
    held = {row.split for row in utterances}
    if missing := [split for split in corpora.SPLITS if split not in held]:
        _log.warning(
            "UtteranceGen: the corpus has no %s, so it cannot train a model, and DataGate stops "
            "the run. It can be read and validated (--until ExampleValidator), and its examples "
            "can be scored",
            " and no ".join(missing),
        )


def rejected_tsv(rejections: Iterable[plan.Rejection]) -> str:
    """Returns the rejected utterances as tab-separated text with a header, in the given order."""
    lines = ["utterance\tpath\treason"]
    lines += [
        "\t".join(map(_one_line, (row.utterance_id, row.path, row.reason))) for row in rejections
    ]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def summarise(
    config: settings.IngestSettings,
    fingerprints: Mapping[str, str],
    results: Sequence[shard_writer.ShardResult],
    rejections: Sequence[plan.Rejection],
    corpus: corpora.Corpus,
) -> dict[str, Any]:
    """Counts per split and system, for people and for the console.

    Args:
        config: The settings of the run.
        fingerprints: Of corpus and code, by name.
        results: Of all shards.
        rejections: All of them, including those known before any file was opened.
        corpus: The corpus, for its detected layout and its notes.

    Returns:
        A dictionary ready for JSON: `notes`, `read`, `rejected`, `seconds` overall and in
        `splits[name]`, which also has `shards`, `systems` (utterances read by system id) and
        `without_speech` (class -> utterances without it, rejected or not), and
        `channels` (class -> relation of the channels -> utterances of files with several channels;
        `channels` overall is the setting), and `degraded_copies` if there are any, which no other
        number includes. `malformed_rows` counts rows of tables that cannot be used, if there are
        any; they are in `rejected` overall and in no split.
    """
    splits: dict[str, dict[str, Any]] = {}
    for split in corpora.SPLITS:
        shards = [result for result in results if result.split == split]
        systems: collections.Counter[str] = collections.Counter()
        channels: dict[str, collections.Counter[str]] = {}
        without_speech: collections.Counter[str] = collections.Counter()
        for result in shards:
            systems.update(result.read)
            without_speech.update(result.without_speech)
            for key, kinds in result.channels.items():
                channels.setdefault(key, collections.Counter()).update(kinds)
        splits[split] = {
            "read": systems.total(),
            "rejected": sum(row.split == split for row in rejections),
            "seconds": round(sum(result.samples for result in shards) / config.sample_rate, 3),
            "shards": len(shards),
            "systems": dict(sorted(systems.items())),
            "channels": {key: dict(sorted(kinds.items())) for key, kinds in channels.items()},
            "without_speech": dict(sorted(without_speech.items())),
        }
        if copies := sum(result.copies for result in shards):
            splits[split]["degraded_copies"] = copies
    summary: dict[str, Any] = {
        "corpus": config.name,
        "layout": corpus.layout or config.layout,
        "notes": list(corpus.notes),
        **fingerprints,
        "sample_rate": config.sample_rate,
        "seed": config.seed,
        "channels": config.channels,
        "reject_without_speech": config.reject_without_speech,
        **{
            total: round(sum(split[total] for split in splits.values()), 3)
            for total in ("read", "rejected", "seconds")
        },
        "splits": splits,
    }
    if malformed := sum(row.split == plan.NO_SPLIT for row in rejections):
        summary["malformed_rows"] = malformed
        summary["rejected"] += malformed
    return summary


def log_summary(summary: dict[str, Any]) -> None:
    """Logs the notes of the reader, then one line per split."""
    for note in summary["notes"]:
        _log.info("UtteranceGen: %s", note)
    for split, figures in summary["splits"].items():
        bonafide = figures["systems"].get(corpora.NO_ATTACK, 0)
        _log.info(
            "UtteranceGen: %s: %s utterances (%s bona fide, %s spoof), %s rejected, "
            "%.2f h of audio, %d shards%s",
            split,
            f"{figures['read']:,}",
            f"{bonafide:,}",
            f"{figures['read'] - bonafide:,}",
            f"{figures['rejected']:,}",
            figures["seconds"] / 3600,
            figures["shards"],
            f", {copies:,} degraded copies" if (copies := figures.get("degraded_copies")) else "",
        )
