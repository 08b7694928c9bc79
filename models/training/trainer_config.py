"""The settings of training, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Literal

from bonafide.checks import Checks
from models.data.corpus_weights import parse_weights

DEVICES = ("auto", "cpu", "gpu", "tpu")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
CACHES = ("auto", "memory", "disk", "none")
CLASS_WEIGHTINGS = ("balanced", "none")
LOSSES = ("bce", "focal", "oc_softmax", "am_softmax")
SELECTIONS = ("best", "last")
CHAMPION = "champion"  # as `pretrained`
# Stateless random operations take the seed as an int32.
_SEED_LIMIT = 2**31
_COUNT_LIMIT = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How the model is trained; every field is a primitive, so that it survives JSON.

    Attributes:
        epochs: Passes over the training split.
        batch_size: Utterances in one step, over all replicas together.
        scale_with_replicas: Let each replica have `batch_size` utterances, and multiply the
            learning rate by the number of replicas (Goyal et al. 2017): faster, but another recipe
            on every machine.
        accumulation_steps: In how many pieces a replica goes through its share of a batch before
            the weights move: a large batch on a device with little memory.
        learning_rate: Peak of the schedule.
        warmup_fraction: Share of all steps in which the rate rises linearly to the peak.
        final_learning_rate_fraction: The rate at the end of the cosine, as a share of the peak.
        weight_decay: AdamW's decoupled decay; biases and norms are left out of it.
        clip_norm: Bound on the global gradient norm; 0 turns clipping off.
        label_smoothing: Share of the label that is spread evenly over both classes, in [0, 1): the
            other class gets half of it. Losses with margins take none.
        loss: `bce` (cross entropy), `focal`, `oc_softmax` or `am_softmax`; the last two want
            `conformer.head` to be `cosine` and `cosine_pair`.
        selection: Which weights are exported: those of the epoch that was `best` on dev, or the
            `last` (their moving average). Where dev holds the attacks of training, as in ASVspoof
            2019 LA, the best epoch on dev is not the best on others.
        holdout_attacks: Attacks that training does not see and that dev is reduced to (beside its
            bona fide speech), so that the best epoch is chosen on attacks that are new to it.
            Speakers of what dev keeps are taken from training as well.
        corpus_weights: `NAME=NUMBER` each: an utterance of that corpus is drawn NUMBER times as
            often in training as one of a corpus that is not named (which has 1). An epoch has as
            many draws as before. Dev and eval are never weighted. Empty: each utterance once.
        class_weighting: `balanced` lets both classes weigh the same in the loss, `none` does not.
        ema_epochs: Horizon, in epochs, of the moving average of the weights that is evaluated and
            exported; 0 uses the raw weights.
        crop_frames: Length of the random piece of an utterance that a training step sees; 0 takes
            all of it. Dev and serving always take all of it.
        seed: Seeds the initial weights, the order, augmentation and dropout; below 2**31.
        members: How many models are trained, with seeds from `seed` on, and exported as one: its
            score is the mean of their calibrated scores, calibrated once more.
        device: `auto` takes a TPU, else GPUs, else the CPU.
        mixed_precision: `auto` follows the device.
        xla: Compile the model's gradients with XLA. TPUs always do; CPUs and GPUs may gain, after a
            longer first step.
        cache: Where computed features are kept between epochs. `auto` takes memory up to the
            budget, then disk; `none` computes them again in every epoch.
        cache_budget_gib: What `auto` may hold in memory, for train and dev together.
        cache_dir: Folder for the disk cache; empty for the system's temporary folder.
        shuffle_buffer: Utterances shuffled at a time where there is no cache (with one, the whole
            split is shuffled).
        deterministic: Ask TensorFlow for deterministic kernels on the CPU. (On GPUs they cost much
            speed, and some operations have none: there, runs with one seed are only close.)
        keep_checkpoints: How many of the newest checkpoints stay on disk.
        calibration_prior: Share of bona fide utterances for which scores are calibrated on dev. At
            0.5 both classes weigh the same, which is what Cllr measures.
        pretrained: Where the first weights come from: empty for none (from scratch), `champion` for
            the newest pushed model, else the path or URI of a pushed version's folder, of its
            `conformer.weights.h5`, or of an ASR Conformer encoder's weights
            (`models.training.asr_weights`).
    """

    epochs: int = 30
    batch_size: int = 32
    scale_with_replicas: bool = False
    accumulation_steps: int = 1
    learning_rate: float = 1e-3
    warmup_fraction: float = 0.1
    final_learning_rate_fraction: float = 0.01
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.05
    loss: Literal["bce", "focal", "oc_softmax", "am_softmax"] = "bce"
    selection: Literal["best", "last"] = "best"
    holdout_attacks: tuple[str, ...] = ()
    corpus_weights: tuple[str, ...] = ()
    class_weighting: Literal["balanced", "none"] = "balanced"
    ema_epochs: float = 1.0
    crop_frames: int = 0
    seed: int = 0
    members: int = 1
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    mixed_precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    xla: bool = False
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    cache_budget_gib: float = 4.0
    cache_dir: str = ""
    shuffle_buffer: int = 1024
    deterministic: bool = True
    keep_checkpoints: int = 2
    calibration_prior: float = 0.5
    pretrained: str = ""

    def __post_init__(self) -> None:
        """Refuses values that cannot train.

        Raises:
            ValueError: A field is out of its range; the message names it.
        """
        # JSON has no tuples, and a list would make the settings unhashable.
        for name in ("holdout_attacks", "corpus_weights"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        parse_weights(self.corpus_weights)
        checks = Checks(self, "trainer")
        checks.finite()
        counts = (
            *("epochs", "batch_size", "accumulation_steps", "members"),
            *("shuffle_buffer", "keep_checkpoints"),
        )
        checks.whole(*counts, least=1)
        checks.require(counts, lambda v: v < _COUNT_LIMIT, "below a million")
        checks.whole("crop_frames", "seed", least=0)
        last_seed = self.seed + self.members - 1
        checks.require(["seed"], lambda _: last_seed < _SEED_LIMIT, "below 2**31")
        checks.require(("learning_rate", "cache_budget_gib"), lambda v: v > 0, "above 0")
        checks.require(("weight_decay", "clip_norm", "ema_epochs"), lambda v: v >= 0, "0 or more")
        checks.require(("warmup_fraction", "label_smoothing"), lambda v: 0 <= v < 1, "in [0, 1)")
        checks.require(["calibration_prior"], lambda v: 0 < v < 1, "inside (0, 1)")
        checks.require(["final_learning_rate_fraction"], lambda v: 0 <= v <= 1, "in [0, 1]")
        checks.one_of("device", DEVICES)
        checks.one_of("mixed_precision", PRECISIONS)
        checks.one_of("cache", CACHES)
        checks.one_of("class_weighting", CLASS_WEIGHTINGS)
        checks.one_of("loss", LOSSES)
        checks.one_of("selection", SELECTIONS)
