"""AdamW with linear warm-up, cosine decay and a moving average of the weights."""

from __future__ import annotations

import keras

from models.kernels.optimizer import AdamW
from models.settings.trainer import TrainerConfig


def learning_rate_schedule(
    settings: TrainerConfig, total_steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to the peak, then half a cosine down to its final share.

    The ramp starts at peak / warm-up steps, so the first step already changes the weights.

    Args:
        settings: Peak, warm-up share and final share.
        total_steps: Steps of the whole run, including warm-up.
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
    """Returns the optimizer with all variables; to be called in the strategy's scope.

    Args:
        settings: Training settings.
        model: A built model.
        steps_per_epoch: Converts the horizon of the moving average and the schedule to steps.
        replicas: The optimizer receives the *mean* of the replicas' gradients, which it clips
            before summing them, so its bound is the configured one divided by this.
        loss_scaling: Whether to use dynamic loss scaling, which float16 requires.
    """
    horizon_steps = settings.ema_epochs * steps_per_epoch
    optimizer = AdamW(
        learning_rate_schedule(settings, settings.epochs * steps_per_epoch),
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm / replicas if settings.clip_norm else None,
        use_ema=settings.ema_epochs > 0,
        ema_momentum=1.0 - 1.0 / max(1.0, horizon_steps),
    )
    # Decay of biases (also of attention, which are not vectors) and of norm gains would only shrink
    # them.
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if v.name != "kernel"]
    )
    if loss_scaling:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer
