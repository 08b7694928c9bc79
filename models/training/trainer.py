"""TFX's Trainer: from example files to an exported detector."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_transform as tft

from bonafide.metrics.detection import (
    eer_of,
    equal_error_rate,
    error_curve,
    far_at_frr,
    frr_at_far,
)
from models.augmentation.spectrogram import AugmentConfig
from models.data.input_pipeline import open_splits
from models.data.splits import Split
from models.data.views import MeanRemoved
from models.export.servable import Member, build_detector, export_detector
from models.network.conformer import ConformerConfig
from models.settings.features import FeatureConfig
from models.settings.search_space import apply_values, values_text
from models.settings.trainer import TrainerConfig
from models.settings.waveform import WaveformConfig
from models.training import checkpoints
from models.training.calibrate import DevCalibration, calibrate
from models.training.devices import Placement, choose_placement
from models.training.train import TrainingResult, require_equal_shares, train

_LOG = logging.getLogger("bonafide")


def run_fn(fn_args: Any) -> None:
    """Entry point of TFX's Trainer; `fn_args` is its `FnArgs`."""
    config = fn_args.custom_config
    if fn_args.hyperparameters:
        tuned = fn_args.hyperparameters["values"]
        _LOG.info("tuned: %s", values_text(tuned))
        config = {**apply_values(config, tuned), "tuned": tuned}
    train_and_export(
        config,
        train_files=fn_args.train_files,
        dev_files=fn_args.eval_files,
        transform_dir=fn_args.transform_graph_path or fn_args.transform_output,
        log_dir=fn_args.model_run_dir,
        serving_dir=fn_args.serving_model_dir,
    )


def train_and_export(
    config: dict[str, Any],
    *,
    train_files: list[str],
    dev_files: list[str],
    transform_dir: str,
    log_dir: str,
    serving_dir: str,
) -> list[TrainingResult]:
    """Trains on example files and exports one detector, of one or several models.

    Args:
        config: `features`, `conformer`, `waveform`, `augment` and `trainer` (their fields),
            `materialized` (whether the files hold transformed examples), `checkpoint_dir`,
            `training_fingerprint`, and `tuned` with the names and values of fields that tuning has
            set.
        train_files: Glob patterns of the training split.
        dev_files: Glob patterns of the split for the selection of the best epoch.
        transform_dir: Output folder of Transform.
        log_dir: Folder for TensorBoard.
        serving_dir: Folder for the SavedModel; with several workers, only the chief writes it.

    Returns:
        The training result of each model.
    """
    settings = TrainerConfig.from_mapping(config["trainer"])
    conformer = ConformerConfig.from_mapping(config["conformer"])
    # First, because initialising a TPU clears its state.
    placement = choose_placement(settings.device, settings.mixed_precision)
    require_equal_shares(settings, placement)
    transform_output = tft.TFTransformOutput(transform_dir)
    train_split, dev_split = open_data(
        config, transform_output, train_files=train_files, dev_files=dev_files
    )
    fingerprint = checkpoint_fingerprint(config["training_fingerprint"], config.get("tuned", {}))
    results: list[TrainingResult] = []
    for member, folder in members(settings):
        if settings.members > 1:
            number = len(results) + 1
            view = ", mean of each clip removed" if member.mean_removed_members else ""
            _LOG.info("model %d of %d, seed %d%s", number, settings.members, member.seed, view)
        splits = [train_split, dev_split]
        if member.mean_removed_members:
            splits = [MeanRemoved(split) for split in splits]
        results.append(
            train(
                *splits,
                conformer=conformer,
                augment=AugmentConfig.from_mapping(config["augment"]),
                settings=member,
                placement=placement,
                checkpoint_dir=os.path.join(config["checkpoint_dir"], *folder),  # noqa: PTH118 (URI)
                fingerprint=fingerprint,
                log_dir=os.path.join(log_dir, *folder),  # noqa: PTH118
            )
        )
    if not placement.is_chief:
        return results
    calibration = joint_calibration(results, dev_split.labels, prior=settings.calibration_prior)
    detector = build_detector(
        transform_output,
        conformer,
        [
            Member(
                result.state.best_weights,
                result.log_prior_odds,
                result.calibration.map,
                mean_removed=member.mean_removed_members > 0,
            )
            for result, (member, _) in zip(results, members(settings), strict=True)
        ],
        features=FeatureConfig.from_mapping(config["features"]),
        calibration=None if len(results) == 1 else calibration.map,
    )
    facts = detector_facts(config, results, calibration, dev_split.labels, placement)
    export_detector(detector, serving_dir, facts=facts)
    # The folders of the members first, then their parent.
    for folder in [*(names for _, names in members(settings) if names), []]:
        checkpoints.remove(os.path.join(config["checkpoint_dir"], *folder))  # noqa: PTH118
    return results


def detector_facts(
    config: Mapping[str, Any],
    results: Sequence[TrainingResult],
    calibration: DevCalibration,
    dev_labels: np.ndarray,
    placement: Placement,
) -> dict[str, Any]:
    """Returns the content of `bonafide.json`; for several models, of the first, and `members`.

    Args:
        config: See `train_and_export`.
        results: Result of each model.
        calibration: Calibration of their joint scores.
        dev_labels: [N] 1 = bona fide.
        placement: Device of the training.
    """
    sections = ("features", "conformer", "waveform", "augment", "trainer")
    first, settings = results[0], TrainerConfig.from_mapping(config["trainer"])
    facts = {
        "training_fingerprint": config["training_fingerprint"],
        "settings": {section: config[section] for section in sections},
        "seed": settings.seed,
        "epochs_run": first.state.epoch,
        "best_epoch": first.state.best_epoch,
        "dev_eer": first.state.best_dev_eer,
        "calibration": calibration.facts(),
        "thresholds": thresholds(joint_scores(results, calibration), dev_labels),
        "parameters": sum(result.parameters for result in results),
        "warm_start": first.warm_start and first.warm_start.facts(),
        "device": placement.description,
        "history": first.state.history,
    }
    if config.get("tuned"):
        facts["tuned"] = config["tuned"]
    if len(results) > 1:
        facts["dev_eer"] = equal_error_rate(mean_scores(results), dev_labels).eer
        facts["members"] = [
            {
                "seed": member.seed,
                "mean_removed": member.mean_removed_members > 0,
                "best_epoch": result.state.best_epoch,
                "dev_eer": result.state.best_dev_eer,
                "calibration": result.calibration.facts(),
                "history": result.state.history,
            }
            for result, (member, _) in zip(results, members(settings), strict=True)
        ]
    return facts


def members(settings: TrainerConfig) -> list[tuple[TrainerConfig, list[str]]]:
    """Returns the settings of each model, and the path of its folder.

    The last `mean_removed_members` models have 1 there, the others 0.
    """
    if settings.members == 1:
        return [(settings, [])]
    first_removed = settings.members - settings.mean_removed_members
    return [
        (
            dataclasses.replace(
                settings,
                seed=settings.seed + i,
                members=1,
                mean_removed_members=int(i >= first_removed),
            ),
            [f"member-{i}"],
        )
        for i in range(settings.members)
    ]


def mean_scores(results: Sequence[TrainingResult]) -> np.ndarray:
    """Returns the mean of the calibrated dev scores of several models, [N]."""
    return np.mean([result.dev_scores for result in results], axis=0)


def joint_scores(results: Sequence[TrainingResult], calibration: DevCalibration) -> np.ndarray:
    """Returns the calibrated dev scores [N] of the exported detector.

    Args:
        results: Result of each model.
        calibration: Result of `joint_calibration`.
    """
    if len(results) == 1:
        return results[0].dev_scores
    return calibration.map.apply(mean_scores(results))


def thresholds(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the thresholds of a detector; a recording is accepted if its score is above.

    Args:
        scores: [N] calibrated scores on dev.
        labels: [N] 1 = bona fide.

    Returns:
        `eer`, where FAR and FRR are equal; `far1` and `far5`, the lowest that accept at most 1 %
        and 5 % of the spoofs; and `frr5`, the highest that rejects at most 5 % of the bona fide
        recordings. Between `frr5` and `far5`, scoring answers "not sure". The limits are not 1 %,
        which would be a single recording of some hundred by some speakers.
    """
    curve = error_curve(scores, labels)
    return {
        "eer": eer_of(curve).threshold,
        "far1": frr_at_far(curve, 0.01)[1],
        "far5": frr_at_far(curve, 0.05)[1],
        "frr5": far_at_frr(curve, 0.05)[1],
    }


def joint_calibration(
    results: Sequence[TrainingResult], labels: np.ndarray, *, prior: float
) -> DevCalibration:
    """Returns the calibration of the joint scores of several models, or that of a single model.

    The mean of likelihood ratios of partly independent models is underconfident, so it is
    calibrated again.
    """
    if len(results) == 1:
        return results[0].calibration
    _LOG.info("%d models, and the mean of their scores:", len(results))
    return calibrate(mean_scores(results), labels, prior=prior)


def open_data(
    config: Mapping[str, Any],
    transform_output: tft.TFTransformOutput,
    *,
    train_files: list[str],
    dev_files: list[str],
) -> list[Split]:
    """Opens the training and the dev split; for the arguments see `train_and_export`."""
    return open_splits(
        [train_files, dev_files],
        transform_output=transform_output,
        materialized=config["materialized"],
        settings=TrainerConfig.from_mapping(config["trainer"]),
        features=FeatureConfig.from_mapping(config["features"]),
        waveform=WaveformConfig.from_mapping(config["waveform"]),
    )


def checkpoint_fingerprint(fingerprint: str, tuned: Mapping[str, Any]) -> str:
    """Returns the fingerprint of a training with tuned settings.

    Args:
        fingerprint: Fingerprint of data, code and settings before tuning.
        tuned: Tuned settings; on an accelerator, repeated tuning may find others.
    """
    if not tuned:
        return fingerprint
    text = f"{fingerprint} {json.dumps(dict(tuned), sort_keys=True)}"
    return hashlib.sha256(text.encode()).hexdigest()
