"""Measures the ranges of training clips, and checks the clips of dev and eval against them.

It reads the examples that the model was trained on, including degraded copies, and measures them
with the code that measures recordings in use (`bonafide.scoring.qualities`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from bonafide.metrics import training_range
from bonafide.metrics.detection import eer_of, error_curve
from bonafide.metrics.training_range import QUALITIES, Side, SplitCheck, TrainingRange
from bonafide.scoring.model import DEFAULT_CLIP_SAMPLES
from bonafide.scoring.qualities import qualities_of
from bonafide.storage import beam_files, records
from bonafide.trials.trials import Trials

# Maximum per class and split. Shards are shuffled, so the first clips are a random sample; 2,000
# clips of 4 s take 12 s on one core.
MOST_CLIPS = 1_000
# Minimum per class for the EER of a side.
LEAST_FOR_EER = 20


class Sample:
    """Measured clips of a split.

    Attributes:
        utterances: Ids.
        values: float64 [N, len(QUALITIES)].
        is_bonafide: bool [N].
        copies: Number of degraded copies among them.
    """

    def __init__(self, examples: Iterable[Mapping[str, Any]], clip_samples: int) -> None:
        counts = {True: 0, False: 0}
        rows, flags = [], []
        self.utterances: list[str] = []
        self.copies = 0
        for example in examples:
            if min(counts.values()) >= MOST_CLIPS:
                break
            is_bonafide = bool(example["label"][0])
            if counts[is_bonafide] >= MOST_CLIPS:
                continue
            samples = np.frombuffer(example["pcm16"][0], "<i2")
            values = qualities_of(samples, example["sample_rate"][0], clip_samples)
            if values is None:
                continue  # no speech
            counts[is_bonafide] += 1
            rows.append(values)
            flags.append(is_bonafide)
            self.utterances.append(example["utterance_id"][0].decode())
            self.copies += "degradation" in example
        self.values = np.array(rows, np.float64).reshape(-1, len(QUALITIES))
        self.is_bonafide = np.array(flags, bool)


def measure(
    split_uris: Mapping[str, str],
    features: Mapping[str, Any] | None,
    *,
    scored: Mapping[str, Trials],
    threshold: float | None,
) -> TrainingRange | None:
    """Returns the ranges of the training clips; None if too few contain speech.

    Args:
        split_uris: `train`, `dev` and `eval` -> folder of raw examples.
        features: `settings.features` of the model; None if its record lacks them.
        scored: `dev` and `eval` -> trials with scores.
        threshold: Frozen on dev; None if there is none.
    """
    features = features or {}
    clip_samples = int(features.get("clip_samples", DEFAULT_CLIP_SAMPLES))
    # Features whose mean is removed from each clip do not depend on the level.
    by_clip = features.get("normalisation") in ("utterance", "utterance_mean")
    levelled = by_clip or features.get("relative_floor_db")
    unnoticed = [training_range.LEVEL] if levelled else []
    train = Sample(_examples(split_uris["train"]), clip_samples)
    found = training_range.fit(
        train.values, train.is_bonafide, copies=train.copies, unnoticed=unnoticed
    )
    if found is None:
        return None
    splits = {}
    for split, trials in scored.items():
        sample = Sample(_examples(split_uris[split]), clip_samples)
        splits[split] = compare(
            trials, sample.utterances, found.unlike(sample.values), threshold=threshold
        )
    return TrainingRange(found.ranges, found.clips, found.copies, splits)


def compare(
    trials: Trials, utterances: list[str], unlike: np.ndarray, *, threshold: float | None
) -> SplitCheck:
    """Returns the error rates of clips like and unlike training.

    Args:
        trials: Trials of the split, with scores.
        utterances: Ids of N of them.
        unlike: bool [N].
        threshold: For FAR and FRR; None for neither.
    """
    place = {str(utterance): i for i, utterance in enumerate(trials.utterances)}
    known = np.array([utterance in place for utterance in utterances], bool)
    places = np.array([place[name] for name in utterances if name in place], np.int64)
    scores, is_bonafide = trials.scores[places], trials.is_bonafide[places]

    def side(chosen: np.ndarray) -> Side:
        return errors_of(scores[chosen], is_bonafide[chosen], threshold)

    return training_range.check(unlike[known], is_bonafide, side)


def errors_of(scores: np.ndarray, is_bonafide: np.ndarray, threshold: float | None) -> Side:
    """Returns the error rates of clips [N]; None for those that cannot be known."""
    bonafide, spoof = scores[is_bonafide], scores[~is_bonafide]
    enough = min(len(bonafide), len(spoof)) >= LEAST_FOR_EER
    at = np.nan if threshold is None else threshold
    decided = threshold is not None
    return Side(
        n_bonafide=len(bonafide),
        n_spoof=len(spoof),
        eer=eer_of(error_curve(scores, is_bonafide)).eer if enough else None,
        far=float(np.mean(spoof > at)) if decided and len(spoof) else None,
        frr=float(np.mean(bonafide <= at)) if decided and len(bonafide) else None,
    )


def _examples(uri: str) -> Iterator[Mapping[str, Any]]:
    """Yields the examples of a split, alternating between shards."""
    raw = CompressionTypes.UNCOMPRESSED
    with contextlib.ExitStack() as stack:
        shards = []
        for name in sorted(beam_files.list_folder(uri)):
            path = beam_files.join(uri, name)
            file = stack.enter_context(FileSystems.open(path, compression_type=raw))
            shards.append(records.read_records(file, where=path))
        while shards:
            for shard in list(shards):
                record = next(shard, None)
                if record is None:
                    shards.remove(shard)
                else:
                    yield records.decode_example(record)
