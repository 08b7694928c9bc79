"""The settings of training, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import Fraction, Seed
from models.settings.corpus_weights import parse_weights

Loss = Literal["bce", "focal", "oc_softmax", "am_softmax"]
Kernels = Literal["fused", "keras"]
LOSSES: tuple[Loss, ...] = typing.get_args(Loss)
_MOST = 999_999  # limit of counts


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainerConfig(Section, section="trainer"):
    """Settings of the training.

    Attributes:
        epochs: Passes over the training split.
        batch_size: Utterances in one step, over all replicas together.
        scale_with_replicas: Whether each replica has `batch_size` utterances, with the learning
            rate multiplied by the number of replicas (Goyal et al. 2017): faster, but the recipe
            depends on the machine.
        accumulation_steps: Number of parts in which a replica processes its share of a batch before
            the weights are updated, for large batches on devices with little memory.
        learning_rate: Peak of the learning-rate schedule.
        warmup_fraction: Share of all steps in which the rate rises linearly to the peak.
        final_learning_rate_fraction: The rate at the end of the cosine, as a share of the peak.
        weight_decay: AdamW's decoupled weight decay; biases and norms are exempt.
        clip_norm: Limit of the global gradient norm; 0 disables clipping.
        label_smoothing: Share of the label that is spread evenly over both classes, so that the
            other class gets half of it. Losses with margins do not use it.
        loss: Training loss: `bce` (cross entropy), `focal`, `oc_softmax` or `am_softmax`; the last
            two need `conformer.head` to be `cosine` and `cosine_pair`.
        selection: Exported weights: those of the `best` epoch on dev, or the `last` (their moving
            average). If dev has the attacks of training, as in ASVspoof 2019 LA, the best epoch on
            dev is not the best on other attacks.
        holdout_attacks: Attacks that are excluded from training and become the only attacks of dev,
            so that the best epoch is chosen on unseen attacks. Speakers that remain in dev are
            excluded from training as well.
        corpus_weights: Sampling weights of corpora, `NAME=NUMBER` each: training draws an utterance
            of that corpus NUMBER times as often as one of a corpus without a weight. The number of
            draws in an epoch does not change. Dev and eval are never weighted.
        class_weighting: Weights of the classes in the loss: `balanced` gives both classes the same
            total weight, `none` gives every utterance the same weight.
        ema_epochs: Horizon of the moving average of the weights that is evaluated and exported; 0
            uses the raw weights.
        crop_frames: Length of the random crop of each utterance in training; 0 for no crop. Dev and
            serving use whole clips.
        seed: Seed of the initial weights, the order, augmentation and dropout.
        members: Number of models of an ensemble, trained with seeds from `seed` on and exported as
            one: its score is the mean of their calibrated scores, calibrated once more.
        mean_removed_members: Number of the last models of `members` whose features have the mean
            over time of each clip removed, which takes away its channel and level: they err on
            other recordings than models that see both, so that the mean of the scores errs less.
        device: Device of the training: `auto` selects a TPU, else GPUs, else the CPU.
        mixed_precision: Data type of the model's computation: `auto` follows the device.
        kernels: Implementation of layers, dropout and optimizer: `fused` needs fewer passes over
            memory on a CPU, `keras` is that of Keras, for comparison. Scores are equal within
            rounding.
        xla: Whether to compile the model's gradients with XLA. TPUs always do; CPUs and GPUs may be
            faster, after a longer first step.
        cache: Location of computed features between epochs: `auto` uses memory up to the budget,
            then disk; `none` computes them in every epoch.
        cache_budget_gib: Memory that `cache=auto` may use, for train and dev together.
        cache_dir: Folder of the disk cache; empty for the system's temporary folder.
        shuffle_buffer: Size of the shuffle buffer in utterances if there is no cache (with a cache,
            the whole split is shuffled).
        deterministic: Whether TensorFlow uses deterministic kernels on the CPU. On GPUs they are
            slow, and some operations have none: there, runs with the same seed differ slightly.
        keep_checkpoints: Number of the newest checkpoints that are kept on disk.
        calibration_prior: Share of bona fide utterances for which scores are calibrated on dev.
            With 0.5, both classes have the same weight, as in Cllr.
        pretrained: Source of the initial weights: empty for random ones, `champion` for the newest
            pushed model, else the path or URI of a pushed version's folder, of its
            `conformer.weights.h5`, or of an ASR Conformer encoder's weights
            (`models.training.asr_weights`).
    """

    epochs: Annotated[int, Bounds(ge=1, le=_MOST, unit="epochs")] = 30
    batch_size: Annotated[int, Bounds(ge=1, le=_MOST, unit="utterances")] = 32
    scale_with_replicas: bool = False
    accumulation_steps: Annotated[int, Bounds(ge=1, le=_MOST, unit="pieces")] = 1
    learning_rate: Annotated[float, Bounds(gt=0)] = 1e-3
    warmup_fraction: Annotated[float, Bounds(ge=0, lt=1, unit="fraction")] = 0.1
    final_learning_rate_fraction: Fraction = 0.01
    weight_decay: Annotated[float, Bounds(ge=0)] = 0.01
    clip_norm: Annotated[float, Bounds(ge=0)] = 1.0
    label_smoothing: Annotated[float, Bounds(ge=0, lt=1, unit="fraction")] = 0.05
    loss: Loss = "bce"
    selection: Literal["best", "last"] = "best"
    holdout_attacks: tuple[str, ...] = ()
    corpus_weights: tuple[str, ...] = ()
    class_weighting: Literal["balanced", "none"] = "balanced"
    ema_epochs: Annotated[float, Bounds(ge=0, unit="epochs")] = 1.0
    crop_frames: Annotated[int, Bounds(ge=0, unit="frames")] = 0
    seed: Seed = 0
    members: Annotated[int, Bounds(ge=1, le=_MOST, unit="models")] = 1
    mean_removed_members: Annotated[int, Bounds(ge=0, le=_MOST, unit="models")] = 0
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    mixed_precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    kernels: Kernels = "fused"
    xla: bool = False
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    cache_budget_gib: Annotated[float, Bounds(gt=0, unit="GiB")] = 4.0
    cache_dir: str = ""
    shuffle_buffer: Annotated[int, Bounds(ge=1, le=_MOST, unit="utterances")] = 1024
    deterministic: bool = True
    keep_checkpoints: Annotated[int, Bounds(ge=1, le=_MOST, unit="checkpoints")] = 2
    calibration_prior: Annotated[float, Bounds(gt=0, lt=1, unit="fraction")] = 0.5
    pretrained: str = ""

    def __post_init__(self) -> None:
        """Checks ranges, weights of corpora, and the number and the seeds of all members.

        Raises:
            SettingsError: A setting is out of its range; the message names it.
        """
        super().__post_init__()
        parse_weights(self.corpus_weights)
        if self.mean_removed_members > self.members:
            most = f"at most trainer.members ({self.members})"
            raise self.refused("mean_removed_members", most)
        if self.seed + self.members > 2**31:
            raise self.refused("seed", f"at most 2**31 - trainer.members ({self.members})")
