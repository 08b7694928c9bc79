"""Training: what Trainer runs, from example files to an exported detector."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from metrics.detection import equal_error_rate
from models import checkpoints
from models.augment import AugmentConfig
from models.calibrate import DevCalibration, calibrate
from models.checkpoints import TrainingState
from models.conformer import Conformer, ConformerConfig
from models.cost import count_flops
from models.devices import Placement, choose_placement
from models.export import Member, build_detector, export_detector
from models.feature_config import FeatureConfig
from models.input_pipeline import (
    Split,
    class_counts,
    evaluation_batches,
    open_splits,
    training_batches,
)
from models.losses import class_weights, log_prior_odds, make_loss
from models.optimizer import build_optimizer, learning_rate_schedule
from models.pretrained import Loaded, load_pretrained
from models.progress import Progress
from models.steps import (
    TrainingDivergedError,
    averaged_weights,
    make_score_step,
    make_train_step,
    require_finite,
    score_batches,
    train_epoch,
)
from models.trainer_config import TrainerConfig
from models.waveform_config import WaveformConfig

__all__ = ["TrainerConfig", "TrainingDivergedError", "TrainingResult", "run_fn", "train"]

_LOG = logging.getLogger("bonafide")


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What training reached.

    Attributes:
        state: State after the last epoch; holds the best weights and the history.
        log_prior_odds: What to take from a logit to get a log-likelihood ratio.
        parameters: Trained parameters.
        calibration: Of the best epoch's scores, fitted on dev.
        dev_scores: Those scores, calibrated, [N] float64.
        warm_start: What was taken from a file before the first epoch, if anything was.
    """

    state: TrainingState
    log_prior_odds: float
    parameters: int
    calibration: DevCalibration
    dev_scores: np.ndarray
    warm_start: Loaded | None = None


def run_fn(fn_args: Any) -> None:
    """Entry point of TFX's Trainer; `fn_args` is its `FnArgs`."""
    train_and_export(
        fn_args.custom_config,
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
    """Trains on files of examples and exports one detector, made of as many models as settings say.

    Args:
        config: `features`, `conformer`, `waveform`, `augment` and `trainer` (their fields),
            `materialized` (whether the files hold transformed examples), `checkpoint_dir` and
            `training_fingerprint`.
        train_files: Glob patterns of the training split.
        dev_files: Glob patterns of the split that chooses the best epoch.
        transform_dir: What Transform wrote.
        log_dir: Folder for TensorBoard.
        serving_dir: Folder for the SavedModel; of several workers, the chief writes it.

    Returns:
        What training each of the models reached.
    """
    settings = TrainerConfig(**config["trainer"])
    conformer = ConformerConfig(**config["conformer"])
    # Before anything is computed: initialising a TPU forgets what was.
    placement = choose_placement(settings.device, settings.mixed_precision)
    _require_equal_shares(settings, placement)
    transform_output = tft.TFTransformOutput(transform_dir)
    train_split, dev_split = open_splits(
        [train_files, dev_files],
        transform_output=transform_output,
        materialized=config["materialized"],
        settings=settings,
        features=FeatureConfig(**config["features"]),
        waveform=WaveformConfig(**config["waveform"]),
    )
    results = [
        train(
            train_split,
            dev_split,
            conformer=conformer,
            augment=AugmentConfig(**config["augment"]),
            settings=member,
            placement=placement,
            checkpoint_dir=os.path.join(config["checkpoint_dir"], *folder),  # noqa: PTH118 (gs://)
            fingerprint=config["training_fingerprint"],
            log_dir=os.path.join(log_dir, *folder),  # noqa: PTH118
        )
        for member, folder in members(settings)
    ]
    if not placement.is_chief:
        return results
    calibration = joint_calibration(results, dev_split.labels, prior=settings.calibration_prior)
    detector = build_detector(
        transform_output,
        conformer,
        [Member(r.state.best_weights, r.log_prior_odds, r.calibration.map) for r in results],
        calibration=None if len(results) == 1 else calibration.map,
    )
    state = results[0].state
    facts = {
        "training_fingerprint": config["training_fingerprint"],
        "settings": {
            k: config[k] for k in ("features", "conformer", "waveform", "augment", "trainer")
        },
        "seed": settings.seed,
        "epochs_run": state.epoch,
        "best_epoch": state.best_epoch,
        "dev_eer": state.best_dev_eer,
        "calibration": calibration.facts(),
        "parameters": sum(r.parameters for r in results),
        "warm_start": results[0].warm_start and results[0].warm_start.facts(),
        "device": placement.description,
        "history": state.history,
    }
    if len(results) > 1:
        facts["members"] = [
            {
                "seed": settings.seed + i,
                "best_epoch": r.state.best_epoch,
                "dev_eer": r.state.best_dev_eer,
                "calibration": r.calibration.facts(),
                "history": r.state.history,
            }
            for i, r in enumerate(results)
        ]
        facts["dev_eer"] = equal_error_rate(mean_scores(results), dev_split.labels).eer
    export_detector(detector, serving_dir, facts=facts)
    # Those of members first, then the folder above them.
    for folder in [*(names for _, names in members(settings) if names), []]:
        checkpoints.remove(os.path.join(config["checkpoint_dir"], *folder))  # noqa: PTH118
    return results


def members(settings: TrainerConfig) -> list[tuple[TrainerConfig, list[str]]]:
    """The settings of each model to be trained, and the folder (names) that keeps it apart."""
    if settings.members == 1:
        return [(settings, [])]
    return [
        (dataclasses.replace(settings, seed=settings.seed + i, members=1), [f"member-{i}"])
        for i in range(settings.members)
    ]


def mean_scores(results: Sequence[TrainingResult]) -> np.ndarray:
    """Mean of the calibrated dev scores of several models, [N]."""
    return np.mean([result.dev_scores for result in results], axis=0)


def joint_calibration(
    results: Sequence[TrainingResult], labels: np.ndarray, *, prior: float
) -> DevCalibration:
    """The calibration of what several models say together; of a single one, its own.

    The mean of likelihood ratios of models that agree only in part is too timid: it is calibrated
    once more.
    """
    if len(results) == 1:
        return results[0].calibration
    _LOG.info("%d models, and the mean of their scores:", len(results))
    return calibrate(mean_scores(results), labels, prior=prior)


def train(
    train_split: Split,
    dev_split: Split,
    *,
    conformer: ConformerConfig,
    augment: AugmentConfig | None,
    settings: TrainerConfig,
    placement: Placement,
    checkpoint_dir: str,
    fingerprint: str,
    log_dir: str | None = None,
) -> TrainingResult:
    """Trains, or goes on training where an interrupted run stopped.

    Args:
        train_split: What the weights are fitted to.
        dev_split: What chooses the best epoch.
        conformer: Sizes of the model.
        augment: Augmentation of training batches; None for none.
        settings: Training settings.
        placement: Where to train.
        checkpoint_dir: Where checkpoints are kept.
        fingerprint: Identifies data, settings and code: only checkpoints with the same are used.
        log_dir: Folder for TensorBoard; None for none.

    Raises:
        ValueError: A split lacks a class, the batch cannot be shared by the replicas, or the
            pretrained weights do not fit.
        FileNotFoundError: There are no such pretrained weights.
        TrainingDivergedError: The loss is not finite.
    """
    counts, dev_counts = class_counts(train_split), class_counts(dev_split)
    weights = class_weights(counts, settings.class_weighting)
    if min(dev_counts) < 1:
        raise ValueError(
            f"the dev split needs utterances of both classes, it has {dev_counts.bonafide} bona "
            f"fide and {dev_counts.spoof} spoof"
        )
    _require_equal_shares(settings, placement)
    if settings.scale_with_replicas:
        # What it was on one machine must not be gone on with on another.
        fingerprint = f"{fingerprint}-{placement.replicas}"
        settings = scaled(settings, placement.replicas)
    if settings.deterministic and placement.kind == "cpu":
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(settings.seed)
    steps_per_epoch = math.ceil(len(train_split.labels) / settings.batch_size)
    with placement.scope():
        model = Conformer(conformer, name="conformer")
        model.build((None, None, train_split.feature_shape[1]))
        optimizer = build_optimizer(
            settings,
            model,
            steps_per_epoch=steps_per_epoch,
            replicas=placement.replicas,
            loss_scaling=placement.needs_loss_scaling,
        )
    _LOG.info("device: %s", placement.description)
    _LOG.info(
        "model: %s parameters, %.0f MFLOP a clip",
        f"{model.count_params():,}",
        count_flops(model, *train_split.feature_shape) / 1e6,
    )
    for name, c in (("train", counts), ("dev", dev_counts)):
        _LOG.info("%s: %d utterances, %d bona fide and %d spoof", name, sum(c), *c)

    warm_start = load_pretrained(model, settings.pretrained)
    variables = [*model.variables, *optimizer.variables]
    state = checkpoints.load_latest(
        checkpoint_dir, fingerprint=fingerprint, shapes=[tuple(v.shape) for v in variables]
    )
    if state is None:
        state = TrainingState()
    else:
        _LOG.info("resumed after epoch %d/%d", state.epoch, settings.epochs)
        for variable, value in zip(variables, state.variables, strict=True):
            variable.assign(value)

    loss = make_loss(settings.loss, weights=weights, label_smoothing=settings.label_smoothing)
    train_step = make_train_step(
        model,
        optimizer,
        loss,
        placement,
        settings.batch_size,
        pieces=settings.accumulation_steps,
        xla=settings.xla,
    )
    score_step = make_score_step(model, placement)
    schedule = learning_rate_schedule(settings, settings.epochs * steps_per_epoch)
    dev_batches = evaluation_batches(dev_split, batch_size=settings.batch_size)
    # Without smoothing: comparable between runs that smooth.
    dev_loss_of = make_loss(
        settings.loss, weights=class_weights(dev_counts, settings.class_weighting)
    )
    progress = Progress(settings.epochs, log_dir=log_dir, history=state.history)
    while state.epoch < settings.epochs:
        started = time.monotonic()
        epoch = state.epoch + 1
        batches = training_batches(
            train_split,
            batch_size=settings.batch_size,
            seed=settings.seed,
            epoch=epoch,
            crop_frames=settings.crop_frames,
            augment=augment,
        )
        trained_epoch = train_epoch(train_step, batches, placement, epoch)
        trained = time.monotonic()
        with averaged_weights(model, optimizer, placement):
            logits = score_batches(score_step, dev_batches, placement)[: sum(dev_counts)]
            require_finite(float(np.sum(logits)), f"a dev score in epoch {epoch}")
            dev_loss = float(tf.reduce_mean(dev_loss_of(logits, dev_split.labels)))
            dev_eer = equal_error_rate(logits, dev_split.labels).eer
            better = (dev_eer, dev_loss) < (state.best_dev_eer, state.best_dev_loss)
            if better or settings.selection == "last":
                state.best_dev_eer, state.best_dev_loss = dev_eer, dev_loss
                state.best_epoch, state.best_weights = epoch, model.get_weights()
        figures = {
            "epoch": epoch,
            "loss": trained_epoch.loss / len(train_split.labels),
            "dev_loss": dev_loss,
            "dev_eer": dev_eer,
            "learning_rate": float(schedule(epoch * steps_per_epoch - 1)),
            "examples_per_second": len(train_split.labels) / (trained - started),
            "waiting_share": trained_epoch.waiting_share,
        }
        state.epoch = epoch
        state.history.append(figures)
        state.variables = [variable.numpy() for variable in variables]
        if placement.is_chief:
            checkpoints.save(
                checkpoint_dir, state, fingerprint=fingerprint, keep=settings.keep_checkpoints
            )
        progress.epoch_done(figures, seconds=time.monotonic() - started)
    progress.close()
    _LOG.info("exported: epoch %d, dev EER %.1f %%", state.best_epoch, 100 * state.best_dev_eer)
    odds = log_prior_odds(counts, weights) if settings.loss == "bce" else 0.0
    model.set_weights(state.best_weights)
    logits = score_batches(score_step, dev_batches, placement)[: sum(dev_counts)]
    calibration = calibrate(logits - odds, dev_split.labels, prior=settings.calibration_prior)
    dev_scores = calibration.map.apply(logits.astype(np.float64) - odds)
    return TrainingResult(state, odds, model.count_params(), calibration, dev_scores, warm_start)


def scaled(settings: TrainerConfig, replicas: int) -> TrainerConfig:
    """Settings whose batch, and with it the learning rate, have grown with the replicas."""
    return dataclasses.replace(
        settings,
        batch_size=settings.batch_size * replicas,
        learning_rate=settings.learning_rate * replicas,
    )


def _require_equal_shares(settings: TrainerConfig, placement: Placement) -> None:
    """Raises ValueError if a batch cannot be shared by the replicas; costs nothing to ask early."""
    replicas = 1 if settings.scale_with_replicas else placement.replicas
    if settings.batch_size % (replicas * settings.accumulation_steps):
        raise ValueError(
            f"trainer.batch_size ({settings.batch_size}) must be a multiple of the number of "
            f"replicas ({replicas}) times trainer.accumulation_steps "
            f"({settings.accumulation_steps})"
        )
