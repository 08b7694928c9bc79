"""Where and how precisely to compute: TPU, then GPUs, then the CPU, chosen without being told."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

# The precisions of the settings as Keras policies: variables stay float32 in all of them.
_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@dataclasses.dataclass(frozen=True)
class Placement:
    """A distribution strategy, the precision to compute in and words for both.

    Attributes:
        strategy: Creates the variables and runs the steps.
        kind: `tpu`, `gpu` or `cpu`.
        precision: `float32`, `bfloat16` or `float16`.
        description: For people, for instance `2 GPUs (NVIDIA A100), bfloat16`.
    """

    strategy: tf.distribute.Strategy
    kind: str
    precision: str
    description: str

    @property
    def replicas(self) -> int:
        """How many copies of the model share a batch."""
        return self.strategy.num_replicas_in_sync

    @property
    def needs_loss_scaling(self) -> bool:
        """Float16 has too few exponent bits for small gradients; bfloat16 has enough."""
        return self.precision == "float16"

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Layers made in here get the strategy and the precision; both end with the block."""
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(_POLICIES[self.precision])
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(previous)


def choose_placement(device: str = "auto", mixed_precision: str = "auto") -> Placement:
    """Finds the best device there is.

    Args:
        device: `auto`, or `tpu`, `gpu` or `cpu` to insist on one.
        mixed_precision: `auto` takes bfloat16 on TPUs and on GPUs that compute in it (compute
            capability 8.0), float16 on GPUs with tensor cores (7.0), and float32 elsewhere.

    Raises:
        ValueError: The device that was asked for is not there.
    """
    address = _tpu_address()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "tpu" and address is None:
        raise ValueError(
            "trainer.device is tpu, but there is no TPU here: set TPU_NAME or use auto"
        )
    if device == "gpu" and not gpus:
        raise ValueError("trainer.device is gpu, but TensorFlow sees no GPU here: use auto or cpu")
    if device == "tpu" or (device == "auto" and address is not None):
        kind, name, strategy = "tpu", "TPU", _tpu_strategy(address or "local")
        best = "bfloat16"
    elif device == "gpu" or (device == "auto" and gpus):
        kind, name, strategy = "gpu", *_gpu_strategy(gpus)
        best = _best_gpu_precision(gpus)
    else:
        kind, name, strategy = "cpu", "CPU", _cpu_strategy()
        # Not every CPU multiplies bfloat16, and those that do not emulate it slowly.
        best = "float32"
    precision = best if mixed_precision == "auto" else mixed_precision
    replicas = strategy.num_replicas_in_sync
    shown = f"{replicas} {name} replicas" if replicas > 1 else name
    return Placement(strategy, kind, precision, f"{shown}, {precision}")


def _tpu_address() -> str | None:
    """The TPU's address where there are signs of one.

    The cluster resolver itself is not asked: away from Google Cloud it waits for a metadata
    server that never answers.
    """
    name = os.environ.get("TPU_NAME")
    if name:
        return name
    attached = any(Path("/dev").glob("accel[0-9]*")) or "TPU_WORKER_ID" in os.environ
    return "local" if attached else None


def _tpu_strategy(address: str) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
    if address != "local":
        tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def _gpu_strategy(gpus: list[tf.config.PhysicalDevice]) -> tuple[str, tf.distribute.Strategy]:
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    name = f"GPU ({details[0].get('device_name', 'unknown type')})"
    for gpu in gpus:
        # Leaves memory for whoever shares the GPU. TensorFlow refuses once it is initialised,
        # and then this is no longer ours to set.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    if len(gpus) == 1:
        return name, tf.distribute.OneDeviceStrategy("/gpu:0")
    return name, tf.distribute.MirroredStrategy()


def _cpu_strategy() -> tf.distribute.Strategy:
    cpus = tf.config.list_logical_devices("CPU")
    if len(cpus) > 1:  # only where someone split the CPU on purpose, as tests do
        return tf.distribute.MirroredStrategy([cpu.name for cpu in cpus])
    # Pinned, so that `device: cpu` also means it on a machine with a GPU.
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def _best_gpu_precision(gpus: list[tf.config.PhysicalDevice]) -> str:
    """What the weakest of the GPUs computes fast in."""
    capability = min(
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in gpus
    )
    if capability >= (8, 0):
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"
