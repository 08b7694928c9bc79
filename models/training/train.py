"""Training of one model, from splits to the weights of the selected epoch."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from bonafide.metrics.detection import equal_error_rate
from models.augmentation.spectrogram import AugmentConfig
from models.data.batches import evaluation_batches, training_batches
from models.data.class_counts import ClassCounts, class_weights, log_prior_odds
from models.data.splits import Split, class_counts
from models.kernels import switch
from models.network.conformer import Conformer, ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training import checkpoints
from models.training.calibrate import DevCalibration, calibrate
from models.training.checkpoints import TrainingState
from models.training.cost import count_flops
from models.training.devices import Placement
from models.training.losses import make_loss
from models.training.optimizer import build_optimizer, learning_rate_schedule
from models.training.pretrained import Loaded, load_pretrained
from models.training.progress import Progress
from models.training.steps import (
    TrainingDivergedError,
    averaged_weights,
    make_score_step,
    make_train_step,
    require_finite,
    score_batches,
    train_epoch,
)

__all__ = ["TrainerConfig", "TrainingDivergedError", "TrainingResult", "train"]

_LOG = logging.getLogger("bonafide")


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes:
        state: State after the last epoch, with the best weights and the history.
        log_prior_odds: Difference between a logit and a log-likelihood ratio.
        parameters: Number of trained parameters.
        calibration: Calibration of the best epoch's scores on dev.
        dev_scores: Calibrated dev scores of the best epoch, [N] float64.
        warm_start: Weights loaded before the first epoch, if any.
    """

    state: TrainingState
    log_prior_odds: float
    parameters: int
    calibration: DevCalibration
    dev_scores: np.ndarray
    warm_start: Loaded | None = None


def train(  # noqa: PLR0913 (what a run is made of)
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
    """Trains, or resumes an interrupted training.

    Args:
        train_split: Split for training.
        dev_split: Split for the selection of the best epoch.
        conformer: Sizes of the model.
        augment: Augmentation of training batches; None for none.
        settings: Training settings.
        placement: Device and strategy.
        checkpoint_dir: Folder of the checkpoints.
        fingerprint: Identifies data, settings and code; checkpoints with another are not used.
        log_dir: Folder for TensorBoard; None for none.

    Raises:
        ValueError: A split lacks a class, the batch cannot be divided by the replicas, or the
            pretrained weights do not fit.
        FileNotFoundError: The pretrained weights do not exist.
        TrainingDivergedError: The loss is not finite.
    """
    counts, dev_counts = class_counts(train_split), class_counts(dev_split)
    weights = class_weights(counts, settings.class_weighting)
    _require_both_classes(dev_counts)
    require_equal_shares(settings, placement)
    if settings.scale_with_replicas:
        # A training must not resume on another kind of device.
        fingerprint = f"{fingerprint}-{placement.replicas}"
        settings = scaled(settings, placement.replicas)
    if settings.deterministic and placement.kind == "cpu":
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(settings.seed)
    switch.use(settings.kernels)
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
        # With sampling weights, the mean numbers of draws, which are not integers: %.0f.
        _LOG.info("%s: %.0f utterances, %.0f bona fide and %.0f spoof", name, sum(c), *c)

    warm_start = load_pretrained(model, settings.pretrained)
    variables = [*model.variables, *optimizer.variables]
    state = _resume(variables, checkpoint_dir, fingerprint, settings.epochs)

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
    # Without smoothing, so that runs are comparable.
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
            logits = score_batches(score_step, dev_batches, placement)[: len(dev_split.labels)]
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
    logits = score_batches(score_step, dev_batches, placement)[: len(dev_split.labels)]
    calibration = calibrate(logits - odds, dev_split.labels, prior=settings.calibration_prior)
    dev_scores = calibration.map.apply(logits.astype(np.float64) - odds)
    return TrainingResult(state, odds, model.count_params(), calibration, dev_scores, warm_start)


def _resume(
    variables: Sequence[keras.Variable], checkpoint_dir: str, fingerprint: str, epochs: int
) -> TrainingState:
    """Restores the variables from the newest matching checkpoint, if there is one."""
    state = checkpoints.load_latest(
        checkpoint_dir, fingerprint=fingerprint, shapes=[tuple(v.shape) for v in variables]
    )
    if state is None:
        return TrainingState()
    _LOG.info("resumed after epoch %d/%d", state.epoch, epochs)
    for variable, value in zip(variables, state.variables, strict=True):
        variable.assign(value)
    return state


def _require_both_classes(dev: ClassCounts) -> None:
    if min(dev) < 1:
        raise ValueError(
            f"expected dev utterances of both classes, got {dev.bonafide} bona fide and "
            f"{dev.spoof} spoof"
        )


def scaled(settings: TrainerConfig, replicas: int) -> TrainerConfig:
    """Returns settings with batch size and learning rate scaled by the number of replicas."""
    return dataclasses.replace(
        settings,
        batch_size=settings.batch_size * replicas,
        learning_rate=settings.learning_rate * replicas,
    )


def require_equal_shares(settings: TrainerConfig, placement: Placement) -> None:
    """Checks that the batch size is divisible; cheap, so it can be called early.

    Raises:
        ValueError: A batch cannot be divided by the replicas and accumulation steps.
    """
    replicas = 1 if settings.scale_with_replicas else placement.replicas
    if settings.batch_size % (replicas * settings.accumulation_steps):
        raise ValueError(
            f"trainer.batch_size ({settings.batch_size}) must be a multiple of the number of "
            f"replicas ({replicas}) times trainer.accumulation_steps "
            f"({settings.accumulation_steps})"
        )
