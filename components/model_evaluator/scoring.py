"""Beam pipeline of the evaluation: one pass over a split for TFMA's metrics and the scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from apache_beam.io import filesystems
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import evaluator
from tensorflow_model_analysis.extractors import extractor
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import writer
from tfx_bsl.tfxio import tf_example_record

from bonafide.metrics.detection import Floats
from bonafide.trials.trials import Trials, make_trials

CANDIDATE, BASELINE = tfma.CANDIDATE_KEY, tfma.BASELINE_KEY
_ROWS = "trial_rows"  # key of the rows that our evaluator passes to our writer
_SCORE = "score"
_NO_SPEAKER = "-"
_IDS = ("utterance_id", "speaker_id", "system_id", "key")


def evaluate_split(
    pipeline: beam.Pipeline,
    *,
    split: str,
    examples_pattern: str,
    eval_config: config_pb2.EvalConfig,
    models: Mapping[str, str],
    output_path: str,
    rows_prefix: str,
) -> None:
    """Adds the evaluation of a split to a Beam pipeline.

    Each model scores every utterance once: TFMA's metrics and the rows of scores come from
    the same predictions.

    Args:
        pipeline: Pipeline to extend.
        split: Name of the split, for the labels of the steps.
        examples_pattern: Glob of the TFRecords of raw examples.
        eval_config: TFMA's metrics; see `eval_config`.
        models: `candidate` and optionally `baseline` -> SavedModel folder.
        output_path: Output folder of TFMA.
        rows_prefix: Path prefix of the rows of scores, for `read_rows`.
    """
    has_baseline = BASELINE in models
    config = tfma.utils.update_eval_config_with_defaults(eval_config, has_baseline=has_baseline)
    shared = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=models[BASELINE if spec.is_baseline else CANDIDATE],
            model_name=spec.name,
            eval_config=config,
        )
        for spec in config.model_specs
    ]
    shared_models = shared if has_baseline else shared[0]
    source = tf_example_record.TFExampleRecord(
        file_pattern=examples_pattern,
        raw_record_column_name=constants.ARROW_INPUT_COLUMN,
        telemetry_descriptors=["ModelEvaluator"],
    )
    evaluators = tfma.default_evaluators(eval_shared_model=shared_models, eval_config=config)
    writers = tfma.default_writers(
        output_path=output_path, eval_shared_model=shared_models, eval_config=config
    )
    _ = (
        pipeline
        | f"Read[{split}]" >> source.BeamSource()
        | f"Evaluate[{split}]"
        >> tfma.ExtractEvaluateAndWriteResults(
            eval_shared_model=shared_models,
            eval_config=config,
            evaluators=[*evaluators, _rows_evaluator()],
            writers=[*writers, _rows_writer(rows_prefix)],
            output_path=output_path,
        )
    )


def read_rows(prefix: str) -> tuple[Trials, Floats | None]:
    """Reads the rows that `evaluate_split` wrote; see `trials_of_rows`."""
    return trials_of_rows(read_lines(prefix))


def read_lines(prefix: str) -> list[dict[str, Any]]:
    """Reads JSON lines from all files with a path prefix."""
    rows: list[dict[str, Any]] = []
    [match] = filesystems.FileSystems.match([f"{prefix}*"])
    for metadata in match.metadata_list:
        with filesystems.FileSystems.open(metadata.path) as stream:
            rows += [json.loads(line) for line in stream.read().decode().splitlines()]
    return rows


def trials_of_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Trials, Floats | None]:
    """Returns trials, sorted by utterance, and the baseline's scores [N] if there are any.

    Raises:
        TrialsError: The scores cannot be evaluated.
    """
    ordered = sorted(rows, key=lambda row: row["utterance_id"])
    speakers = [row["speaker_id"] for row in ordered]
    trials = make_trials(
        utterances=[row["utterance_id"] for row in ordered],
        scores=[row["scores"][0] for row in ordered],
        is_bonafide=[row["key"] == "bonafide" for row in ordered],
        attacks=[row["system_id"] for row in ordered],
        # Without speakers, intervals are by utterance.
        speakers=None if set(speakers) == {_NO_SPEAKER} else speakers,
    )
    baseline = None
    if all(len(row["scores"]) > 1 for row in ordered):
        baseline = np.array([row["scores"][1] for row in ordered], dtype=np.float64)
    return trials, baseline


def _rows_evaluator() -> evaluator.Evaluator:
    """Returns an evaluator whose result is one JSON line per utterance."""
    return evaluator.Evaluator(
        stage_name="TrialRows",
        run_after=extractor.LAST_EXTRACTOR_STAGE_NAME,
        ptransform=_Rows(),
    )


class _Rows(beam.PTransform):
    def expand(self, extracts: beam.PCollection) -> dict[str, beam.PCollection]:
        return {_ROWS: extracts | "Rows" >> beam.FlatMap(rows_of_batch)}


def rows_of_batch(extracts: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of one batch of TFMA's extracts: ids, key, scores (ours, the baseline's)."""
    features = extracts[constants.FEATURES_KEY]
    ids = {name: np.ravel(features[name]) for name in _IDS}
    predictions = extracts[constants.PREDICTIONS_KEY]
    by_model = (
        [predictions[_SCORE]]
        if _SCORE in predictions
        else [predictions[name][_SCORE] for name in (CANDIDATE, BASELINE)]
    )
    scores = np.stack([np.ravel(values) for values in by_model], axis=1).astype(np.float64)
    for index, row in enumerate(scores):
        record: dict[str, Any] = {name: ids[name][index].decode() for name in _IDS}
        yield json.dumps({**record, "scores": row.tolist()})


def _rows_writer(prefix: str) -> writer.Writer:
    return writer.Writer(
        stage_name="WriteTrialRows",
        ptransform=_WriteRows(prefix),
    )


class _WriteRows(beam.PTransform):
    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def expand(self, evaluation: Mapping[str, beam.PCollection]) -> beam.PCollection:
        return evaluation[_ROWS] | "Write" >> beam.io.WriteToText(self._prefix)
