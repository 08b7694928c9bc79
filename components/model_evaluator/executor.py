"""Executor of ModelEvaluator."""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from bonafide.audio.degradation_specs import title_of
from bonafide.audio.treatments import TREATMENTS
from bonafide.dataset import listing
from bonafide.metrics import calibration, gate, promotions
from bonafide.metrics import treated as treated_metrics
from bonafide.metrics.costs import AsvErrorRates
from bonafide.metrics.detection import Floats
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.results import Evaluation, frozen_threshold
from bonafide.metrics.treated import TreatedTrials
from bonafide.registry import champion as finder
from bonafide.registry.names import EVALUATION_FILE, EXTRA_DIR
from bonafide.report import evaluation_files
from bonafide.text import percent
from bonafide.trials.trials import Trials, TrialsError
from components.model_evaluator import (
    champion_checks,
    forced_blessing,
    scoring,
    summary,
    tfma_validation,
    training_range,
    treated,
)
from components.model_evaluator.champion_checks import ChampionError
from components.model_evaluator.eval_config import make_eval_config
from components.model_evaluator.settings import EvaluatorSettings

__all__ = ["ChampionError", "Executor"]

_LOG = logging.getLogger("bonafide")
_ROWS_DIR = ".rows"
_TREATED_DIR = ".treated"
_SPLITS = ("dev", "eval")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Scores dev and eval through TFMA, evaluates the scores and applies the gate."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, applies the gate and writes the blessing.

        Args:
            input_dict: `examples`, `model`, `baseline_model` (an output of Champion).
            output_dict: `evaluation`, `scores` and `blessing`.
            exec_properties: `settings`, those of `EvaluatorSettings` as JSON; `asv_error_rates`,
                JSON of error rates by split.

        Raises:
            ChampionError: The champion lacks the signature or does not load.
            TrialsError: The scores cannot be evaluated.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = EvaluatorSettings.from_json(exec_properties["settings"])
        asv = {
            split: AsvErrorRates(**rates)
            for split, rates in json.loads(exec_properties["asv_error_rates"]).items()
        }
        scored = self._score(input_dict, output_dict, asv, settings.gate)
        dev, _ = scored["dev"]
        trials, champion_scores = scored["eval"]
        uri = artifact_utils.get_single_uri(output_dict["scores"])
        for split, (of_split, of_champion) in scored.items():
            evaluation_files.write_scores(uri, split, of_split, of_champion)

        found = evaluate(
            trials,
            asv=asv.get("eval"),
            dev=dev,
            baseline_scores=champion_scores,
            resamples=settings.resamples,
            seed=settings.bootstrap_seed,
        )
        champion = artifact_utils.get_single_uri(input_dict["baseline_model"])
        found = promotions.against_best_version(found, _evaluation_of_champion(champion))
        removal, conditions = self._treat(input_dict, output_dict, settings, found, trials)
        examples_uri = artifact_utils.get_single_uri(input_dict["examples"])
        overlap = listing.overlap(examples_uri, "eval", "train")
        verdict = gate.decide(found, settings.gate, overlap, conditions)
        model_path = path_utils.serving_model_path(
            artifact_utils.get_single_uri(input_dict["model"])
        )
        evaluation_uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        evaluation_files.write_results(
            evaluation_uri,
            trials=trials,
            found=found,
            dev=evaluate(
                dev, asv=asv.get("dev"), resamples=settings.resamples, seed=settings.bootstrap_seed
            ),
            verdict=verdict,
            removal=removal,
            context={
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "champion": None if champion_scores is None else finder.champion_record(champion),
                "calibration": calibration_effect(model_path, {"dev": dev, "eval": trials}),
                "gate": dataclasses.asdict(settings.gate),
            },
        )
        evaluation_files.write_conditions(evaluation_uri, conditions)
        tfma_validation.complete(
            evaluation_uri, verdict, "" if champion_scores is None else scoring.CANDIDATE
        )
        measured = training_range.measure(
            _split_uris(input_dict["examples"]),
            finder.recorded(model_path, "settings", "features"),
            scored={"dev": dev, "eval": trials},
            threshold=frozen_threshold(found),
        )
        if measured is not None:
            evaluation_files.write_training_range(evaluation_uri, measured)
        result = summary.read_evaluation(evaluation_uri)
        _LOG.info("%s", _line(result))
        if removal:
            _LOG.info("%s", _removal_line(removal))
        if conditions:
            _LOG.info("%s", _conditions_line(conditions))
        self._bless(input_dict, output_dict, verdict, settings.force_blessing_reason)

    def _score(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        asv: Mapping[str, AsvErrorRates],
        limits: gate.GateConfig,
    ) -> dict[str, tuple[Trials, Floats | None]]:
        """Runs TFMA on both splits; returns split -> trials and the champion's scores."""
        models = {
            scoring.CANDIDATE: path_utils.serving_model_path(
                artifact_utils.get_single_uri(input_dict["model"])
            )
        }
        champion_uri = artifact_utils.get_single_uri(input_dict["baseline_model"])
        champion_path = finder.champion_model_path(champion_uri)
        champion = finder.describe_champion(champion_uri)
        if champion_path is not None:
            champion_checks.check_signature(champion, champion_path)
            champion_checks.check_sample_rate(champion, champion_path, models[scoring.CANDIDATE])
            models[scoring.BASELINE] = champion_path
        output = artifact_utils.get_single_uri(output_dict["evaluation"])
        rows = f"{output}/{_ROWS_DIR}"
        if fileio.exists(rows):
            fileio.rmtree(rows)  # from a killed attempt, whose number of shards may differ
        places = {"dev": f"{output}/{evaluation_files.DEV_DIR}", "eval": output}
        try:
            with self._make_beam_pipeline() as pipeline:
                for split in _SPLITS:
                    # Thresholds are fixed on dev for the new model only.
                    of_split = models if split == "eval" else _only_candidate(models)
                    scoring.evaluate_split(
                        pipeline,
                        split=split,
                        examples_pattern=io_utils.all_files_pattern(
                            artifact_utils.get_split_uris(input_dict["examples"], split)[0]
                        ),
                        eval_config=make_eval_config(
                            asv.get(split),
                            limits if split == "eval" else None,
                            has_champion=champion_path is not None,
                        ),
                        models=of_split,
                        output_path=places[split],
                        rows_prefix=f"{rows}/{split}",
                    )
        except Exception as error:
            if champion_path is not None:
                champion_checks.check_loads(champion, champion_path)
                error.add_note(f"The new model was being compared with {champion}.")
            raise
        scored = {}
        for split in _SPLITS:
            try:
                scored[split] = scoring.read_rows(f"{rows}/{split}")
            except TrialsError as error:
                raise TrialsError(f"The scores of {split} cannot be evaluated: {error}") from error
        fileio.rmtree(rows)
        return scored

    def _treat(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        settings: EvaluatorSettings,
        found: Evaluation,
        trials: Trials,
    ) -> tuple[TreatedTrials | None, TreatedTrials | None]:
        """Scores eval with shortcuts removed from its recordings, and under each condition.

        Returns:
            The results without shortcuts and those under the conditions; None if disabled.
        """
        most, conditions = settings.cue_utterances, settings.conditions
        if not most:
            return None, None
        chosen = treated.choose(trials, most)
        rows = f"{artifact_utils.get_single_uri(output_dict['evaluation'])}/{_TREATED_DIR}"
        if fileio.exists(rows):
            fileio.rmtree(rows)
        with self._make_beam_pipeline() as pipeline:
            treated.score_treated(
                pipeline,
                examples_pattern=io_utils.all_files_pattern(
                    artifact_utils.get_split_uris(input_dict["examples"], "eval")[0]
                ),
                utterances=chosen.utterances.tolist(),
                model_path=path_utils.serving_model_path(
                    artifact_utils.get_single_uri(input_dict["model"])
                ),
                rows_prefix=f"{rows}/eval",
                conditions=conditions,
            )
        scores = treated.scores_of_rows(
            scoring.read_lines(f"{rows}/eval"), chosen.utterances.tolist()
        )
        fileio.rmtree(rows)
        evaluation_files.write_treated_scores(
            artifact_utils.get_single_uri(output_dict["scores"]), chosen, scores
        )

        def compare(names: Iterable[str], what: str) -> TreatedTrials:
            try:
                return treated_metrics.compare(
                    chosen,
                    {name: scores[name] for name in names},
                    threshold=frozen_threshold(found),
                    resamples=found.bootstrap.resamples,
                    seed=found.bootstrap.seed,
                )
            except TrialsError as error:
                raise TrialsError(f"The scores of eval {what} cannot be evaluated: {error}") from (
                    error
                )

        removal = compare(TREATMENTS, "with shortcuts removed")
        return removal, compare(conditions, "under the conditions") if conditions else None

    def _bless(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        verdict: gate.Verdict,
        force_reason: str,
    ) -> None:
        """Writes the blessing in the form of TFX's Evaluator."""
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        [model] = input_dict["model"]
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
        )
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
        name, value = (
            (constants.BLESSED_FILE_NAME, constants.BLESSED_VALUE)
            if verdict.passed
            else (constants.NOT_BLESSED_FILE_NAME, constants.NOT_BLESSED_VALUE)
        )
        io_utils.write_string_file(f"{blessing.uri}/{name}", "")
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
        reason = force_reason.strip()
        if reason and verdict.passed:
            _LOG.info("the gate passed: the forced blessing was not needed")
        elif reason:
            forced_blessing.force_blessing(blessing, reason=reason, failures=verdict.failures)


def calibration_effect(model_path: str, splits: Mapping[str, Trials]) -> dict[str, Any] | None:
    """Returns the effect of the model's calibration: Cllr of each split before and after.

    Args:
        model_path: SavedModel folder; its record has the calibration.
        splits: Split -> trials with calibrated scores.

    Returns:
        `slope`, `offset`, `note` and `cllr` (split -> before and after, in bits); None if the
        record has no calibration.
    """
    record = finder.recorded(model_path, "calibration")
    if record is None:
        return None
    undo = calibration.AffineCalibration(record["slope"], record["offset"]).undo
    return {
        "slope": record["slope"],
        "offset": record["offset"],
        "note": record["note"],
        "cllr": {
            split: [
                calibration.cllr(undo(trials.scores), trials.is_bonafide),
                calibration.cllr(trials.scores, trials.is_bonafide),
            ]
            for split, trials in splits.items()
        },
    }


def _evaluation_of_champion(uri: str) -> dict[str, Any] | None:
    """Returns the evaluation that was pushed with the champion; None without one."""
    model_path = finder.champion_model_path(uri)
    if model_path is None:
        return None
    path = f"{model_path}/{EXTRA_DIR}/{EVALUATION_FILE}"
    if not fileio.exists(path):
        return None
    evaluation: dict[str, Any] = evaluation_files.read_json(path)
    return evaluation


def _split_uris(examples: list[types.Artifact]) -> dict[str, str]:
    return {
        split: artifact_utils.get_split_uris(examples, split)[0] for split in ("train", *_SPLITS)
    }


def _only_candidate(models: Mapping[str, str]) -> dict[str, str]:
    return {name: path for name, path in models.items() if name == tfma.CANDIDATE_KEY}


def _line(result: summary.EvaluationSummary) -> str:
    upper = "" if result.eer.ci95 is None else f" (95 %: up to {percent(result.eer.ci95[1])})"
    champion = "" if result.champion_eer is None else f", champion {percent(result.champion_eer)}"
    verdict = "gate passed" if result.passed else f"gate refused: {'; '.join(result.failures)}"
    return f"eval EER {percent(result.eer.value)}{upper}{champion}; {verdict}"


def _removal_line(removal: TreatedTrials) -> str:
    as_recorded, *treated = removal.results.items()
    parts = [f"{name.replace('_', ' ')} {percent(result.eer.value)}" for name, result in treated]
    return f"EER as recorded {percent(as_recorded[1].eer.value)}; {', '.join(parts)}"


def _conditions_line(conditions: TreatedTrials) -> str:
    """Returns a log line with the worst conditions."""
    parts = []
    for name, words in (("far", "spoofs accepted (FAR)"), ("frr", "bona fide rejected (FRR)")):
        rates = {
            spec: figure.value
            for spec, result in conditions.results.items()
            if (figure := getattr(result, name)) and spec != treated_metrics.AS_RECORDED
        }
        if rates:
            spec = max(rates, key=lambda each: rates[each])
            parts.append(f"most {words}: {percent(rates[spec])}, {title_of(spec)}")
    return f"under {len(conditions.results) - 1} conditions: {'; '.join(parts)}"
