"""AdamW with linear warm-up, cosine decay and a moving average of the weights."""

from __future__ import annotations

import keras

from models.kernels.optimizer import AdamW
from models.settings.trainer import TrainerConfig


def learning_rate_schedule(
    settings: TrainerConfig, total_steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to the peak, then half a cosine down to its final share.

    The very first step already moves the weights: the ramp starts at peak / warm-up steps.

    Args:
        settings: Peak, warm-up share and final share.
        total_steps: Steps of the whole run, warm-up included.
    """
    warmup_steps = round(settings.warmup_fraction * total_steps)
    peak = settings.learning_rate
    if warmup_steps == 0:
        return keras.optimizers.schedules.CosineDecay(
            peak, max(1, total_steps), alpha=settings.final_learning_rate_fraction
        )
    return keras.optimizers.schedules.CosineDecay(
        peak / warmup_steps,
        max(1, total_steps - warmup_steps),
        alpha=settings.final_learning_rate_fraction,
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )


def build_optimizer(
    settings: TrainerConfig,
    model: keras.Model,
    *,
    steps_per_epoch: int,
    replicas: int = 1,
    loss_scaling: bool = False,
) -> keras.optimizers.Optimizer:
    """The optimizer with all its variables created; call it under the strategy's scope.

    Args:
        settings: Training settings.
        model: A built model.
        steps_per_epoch: Turns the horizon of the moving average and the schedule into steps.
        replicas: The optimizer is given the *mean* of the replicas' gradients, which it clips
            before summing them, so its bound is the configured one divided by this.
        loss_scaling: Wrap it in dynamic loss scaling, as float16 needs.
    """
    horizon_steps = settings.ema_epochs * steps_per_epoch
    optimizer = AdamW(
        learning_rate_schedule(settings, settings.epochs * steps_per_epoch),
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm / replicas if settings.clip_norm else None,
        use_ema=settings.ema_epochs > 0,
        ema_momentum=1.0 - 1.0 / max(1.0, horizon_steps),
    )
    # Decaying biases (attention's too, which are not vectors) and the gains of norms only shrinks
    # what they are there to learn.
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if v.name != "kernel"]
    )
    if loss_scaling:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer
