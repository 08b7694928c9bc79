"""Training: what Trainer runs, from example files to an exported detector."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
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
from models.export import build_detector, export_detector
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
from models.progress import Progress
from models.search_space import apply_values, values_text
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
    """

    state: TrainingState
    log_prior_odds: float
    parameters: int
    calibration: DevCalibration


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
) -> TrainingResult:
    """Trains on files of examples and exports the best epoch.

    Args:
        config: `features`, `conformer`, `waveform`, `augment` and `trainer` (their fields),
            `materialized` (whether the files hold transformed examples), `checkpoint_dir`,
            `training_fingerprint`, and `tuned` where tuning has set some of the fields: which, and
            their values.
        train_files: Glob patterns of the training split.
        dev_files: Glob patterns of the split that chooses the best epoch.
        transform_dir: What Transform wrote.
        log_dir: Folder for TensorBoard.
        serving_dir: Folder for the SavedModel.
    """
    settings = TrainerConfig(**config["trainer"])
    conformer = ConformerConfig(**config["conformer"])
    # Before anything is computed: initialising a TPU forgets what was.
    placement = choose_placement(settings.device, settings.mixed_precision)
    _require_equal_shares(settings, placement)
    transform_output = tft.TFTransformOutput(transform_dir)
    train_split, dev_split = open_data(
        config, transform_output, train_files=train_files, dev_files=dev_files
    )
    tuned = config.get("tuned", {})
    result = train(
        train_split,
        dev_split,
        conformer=conformer,
        augment=AugmentConfig(**config["augment"]),
        settings=settings,
        placement=placement,
        checkpoint_dir=config["checkpoint_dir"],
        fingerprint=checkpoint_fingerprint(config["training_fingerprint"], tuned),
        log_dir=log_dir,
    )
    state = result.state
    detector = build_detector(
        transform_output,
        conformer,
        state.best_weights,
        log_prior_odds=result.log_prior_odds,
        calibration=result.calibration.map,
    )
    facts = {
        "training_fingerprint": config["training_fingerprint"],
        "settings": {
            k: config[k] for k in ("features", "conformer", "waveform", "augment", "trainer")
        },
        **({"tuned": tuned} if tuned else {}),
        "seed": settings.seed,
        "epochs_run": state.epoch,
        "best_epoch": state.best_epoch,
        "dev_eer": state.best_dev_eer,
        "calibration": result.calibration.facts(),
        "parameters": result.parameters,
        "device": placement.description,
        "history": state.history,
    }
    export_detector(detector, serving_dir, facts=facts)
    checkpoints.remove(config["checkpoint_dir"])
    return result


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
        settings=TrainerConfig(**config["trainer"]),
        features=FeatureConfig(**config["features"]),
        waveform=WaveformConfig(**config["waveform"]),
    )


def checkpoint_fingerprint(fingerprint: str, tuned: Mapping[str, Any]) -> str:
    """Identifies a training whose settings are only known when it starts.

    Args:
        fingerprint: Of data, code and settings as they were before.
        tuned: What has been set since; tuning need not find the same again on an accelerator.
    """
    if not tuned:
        return fingerprint
    text = f"{fingerprint} {json.dumps(dict(tuned), sort_keys=True)}"
    return hashlib.sha256(text.encode()).hexdigest()


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
        ValueError: A split lacks a class, or the batch cannot be shared by the replicas.
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
    train_step = make_train_step(model, optimizer, loss, placement, settings.batch_size)
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
        train_loss = train_epoch(train_step, batches, placement, epoch) / len(train_split.labels)
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
            "loss": train_loss,
            "dev_loss": dev_loss,
            "dev_eer": dev_eer,
            "learning_rate": float(schedule(epoch * steps_per_epoch - 1)),
            "examples_per_second": len(train_split.labels) / (trained - started),
        }
        state.epoch = epoch
        state.history.append(figures)
        state.variables = [variable.numpy() for variable in variables]
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
    return TrainingResult(state, odds, model.count_params(), calibration)


def _require_equal_shares(settings: TrainerConfig, placement: Placement) -> None:
    """Raises ValueError if a batch cannot be shared by the replicas; costs nothing to ask early."""
    if settings.batch_size % placement.replicas:
        raise ValueError(
            f"trainer.batch_size ({settings.batch_size}) must be a multiple of the number of "
            f"replicas ({placement.replicas})"
        )
