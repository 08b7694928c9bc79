"""Beam pipeline that scores treated recordings with the exported model.

Removal of shortcuts and degradations share one mechanism: see `bonafide.audio.conditions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.utils import shared

from bonafide.audio.conditions import treatments
from bonafide.metrics.detection import Floats
from bonafide.trials.trials import Trials

_BATCH = 32
_SEED = 1


def choose(trials: Trials, most: int) -> Trials:
    """Returns at most `most` trials: all, or a random sample that depends on the utterances only.

    The sample is uniform, so that classes and attacks keep their shares.
    """
    if len(trials) <= most:
        return trials
    order = np.argsort(trials.utterances, kind="stable")
    drawn = np.random.default_rng(_SEED).choice(order, most, replace=False)
    keep = np.zeros(len(trials), bool)
    keep[drawn] = True
    return trials.part(keep)


def score_treated(
    pipeline: beam.Pipeline,
    *,
    examples_pattern: str,
    utterances: Sequence[str],
    model_path: str,
    rows_prefix: str,
    conditions: Sequence[str] = (),
) -> None:
    """Adds the scoring of treated recordings to a Beam pipeline.

    Args:
        pipeline: Pipeline to extend.
        examples_pattern: Glob of the TFRecords of raw examples.
        utterances: Ids of the utterances to treat; others are skipped.
        model_path: SavedModel folder, on any filesystem of TensorFlow.
        rows_prefix: Path prefix of the rows of scores, for `scores_of_rows`.
        conditions: Degradations to score, in addition to the removal of shortcuts.
    """
    _ = (
        pipeline
        | "ReadExamples" >> beam.io.ReadFromTFRecord(examples_pattern)
        | "Chosen"
        >> beam.ParDo(
            _Chosen(),
            wanted=beam.pvalue.AsSingleton(
                pipeline | "Wanted" >> beam.Create([frozenset(utterances)])
            ),
        )
        | "Batch" >> beam.BatchElements(min_batch_size=_BATCH, max_batch_size=_BATCH)
        | "ScoreTreated" >> beam.ParDo(ScoreTreated(model_path, conditions))
        | "WriteTreated" >> beam.io.WriteToText(rows_prefix)
    )


def scores_of_rows(
    rows: Sequence[Mapping[str, Any]], utterances: Sequence[str]
) -> dict[str, Floats]:
    """Returns treatment -> scores [N] in the order of the utterances; empty without utterances.

    Raises:
        KeyError: An utterance has no row.
    """
    by_id = {row["utterance_id"]: row["scores"] for row in rows}
    ordered = [by_id[str(utterance)] for utterance in utterances]
    names = ordered[0] if ordered else ()
    return {name: np.array([scores[name] for scores in ordered]) for name in names}


class _Chosen(beam.DoFn):
    """Selects utterances by id."""

    def process(self, record: bytes, wanted: frozenset[str]) -> Iterator[bytes]:
        if _text(tf.train.Example.FromString(record), "utterance_id") in wanted:
            yield record


class ScoreTreated(beam.DoFn):
    """Yields a JSON line for each example of a batch: id and score by treatment.

    Args:
        model_path: SavedModel folder.
        conditions: See `score_treated`.
    """

    def __init__(self, model_path: str, conditions: Sequence[str] = ()) -> None:
        self._model_path = model_path
        self._conditions = tuple(conditions)
        self._shared = shared.Shared()

    def setup(self) -> None:
        """Loads the model once per worker process."""
        self._model = self._shared.acquire(
            lambda: tf.saved_model.load(self._model_path), tag=self._model_path
        )

    def process(self, batch: Sequence[bytes]) -> Iterator[str]:
        """Scores a batch under every treatment."""
        examples = [tf.train.Example.FromString(record) for record in batch]
        score = self._model.signatures["serving_default"]
        by_treatment = {}
        for name, treat in treatments(self._conditions).items():
            # Treated recordings use the same signature as all others.
            treated = [
                treat(_samples(example), _rate(example), _text(example, "utterance_id"))
                for example in examples
            ]
            records = [
                _with_samples(example, samples)
                for example, samples in zip(examples, treated, strict=True)
            ]
            by_treatment[name] = score(examples=tf.constant(records))["score"].numpy()
        for place, example in enumerate(examples):
            scores = {name: float(values[place]) for name, values in by_treatment.items()}
            yield json.dumps({"utterance_id": _text(example, "utterance_id"), "scores": scores})


def _text(example: tf.train.Example, name: str) -> str:
    return example.features.feature[name].bytes_list.value[0].decode()


def _rate(example: tf.train.Example) -> int:
    return example.features.feature["sample_rate"].int64_list.value[0]


def _samples(example: tf.train.Example) -> np.ndarray:
    [pcm16] = example.features.feature["pcm16"].bytes_list.value
    return np.frombuffer(pcm16, "<i2")


def _with_samples(example: tf.train.Example, samples: np.ndarray) -> bytes:
    changed = tf.train.Example()
    changed.CopyFrom(example)
    changed.features.feature["pcm16"].bytes_list.value[:] = [samples.astype("<i2").tobytes()]
    return changed.SerializeToString()
