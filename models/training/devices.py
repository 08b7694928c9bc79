"""Device and precision of training: a TPU, else GPUs, else the CPU."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

_LOG = logging.getLogger("bonafide")
_NO_CUDA = (
    "the driver of an NVIDIA GPU is loaded, but TensorFlow sees no GPU: run GPU=1 make env, which "
    "installs CUDA's libraries; if they are installed, the full log has TensorFlow's reason"
)
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
# The precisions of the settings as Keras policies: variables stay float32 in all of them.
_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@dataclasses.dataclass(frozen=True)
class Placement:
    """A distribution strategy, the precision of the computation and a description.

    Attributes:
        strategy: Creates the variables and runs the steps.
        kind: `tpu`, `gpu` or `cpu`.
        precision: `float32`, `bfloat16` or `float16`.
        description: For the log, for example `2 GPUs (NVIDIA A100), bfloat16`.
        worker: Number of this process, from 0, the chief.
        workers: Number of processes that train together.
    """

    strategy: tf.distribute.Strategy
    kind: str
    precision: str
    description: str
    worker: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the results."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Number of copies of the model that share a batch."""
        return self.strategy.num_replicas_in_sync

    @property
    def needs_loss_scaling(self) -> bool:
        """Float16 has too few exponent bits for small gradients; bfloat16 has enough."""
        return self.precision == "float16"

    def distribute(self, batches: tf.data.Dataset) -> Iterable[Any]:
        """Distributes global batches [B, ...] over the replicas."""
        if self.workers == 1:
            return self._among_own(batches)
        local = self.replicas // self.workers
        return self._parts(batches, self.replicas, self.worker * local)

    def distribute_to_each_worker(self, batches: tf.data.Dataset) -> Iterable[Any]:
        """Distributes global batches over the replicas of each worker."""
        if self.workers == 1:
            return self._among_own(batches)
        return self._parts(batches, self.replicas // self.workers, 0)

    def _among_own(self, batches: tf.data.Dataset) -> Iterable[Any]:
        if self.kind == "cpu" and self.replicas == 1:
            return batches  # Distribution has a cost, and a single device needs none.
        return self.strategy.experimental_distribute_dataset(batches)

    def _parts(self, batches: tf.data.Dataset, count: int, first: int) -> Iterable[Any]:
        """Splits batches into `count` parts; this worker's replicas receive those from `first` on.

        Every worker reads whole batches: mixing needs all utterances of a batch, and TensorFlow's
        sharding would assemble other batches than a single process.
        """
        local = self.replicas // self.workers

        def cut(*batch: tf.Tensor) -> tf.data.Dataset:
            parts = [tf.reshape(x, [count, x.shape[0] // count, *x.shape[1:]]) for x in batch]
            return tf.data.Dataset.from_tensor_slices(
                tuple(part[first : first + local] for part in parts)
            )

        return self.strategy.distribute_datasets_from_function(
            lambda _: batches.flat_map(cut).prefetch(tf.data.AUTOTUNE)
        )

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Layers created in the block have the strategy and the precision."""
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(_POLICIES[self.precision])
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(previous)


def choose_placement(device: str = "auto", mixed_precision: str = "auto") -> Placement:
    """Selects the best available device.

    If `TF_CONFIG` names several workers, they train together; each of them must call this
    before TensorFlow does anything else.

    Args:
        device: `auto`, or `tpu`, `gpu` or `cpu` to require one.
        mixed_precision: `auto` selects bfloat16 on TPUs and on GPUs that support it (compute
            capability 8.0), float16 on GPUs with tensor cores (7.0), and float32 elsewhere.

    Raises:
        ValueError: The configured device is missing or unusable, or `TF_CONFIG` is
            invalid.
    """
    worker, workers = _place_among_workers()
    kind, name, strategy, best = _find(device, workers)
    precision = best if mixed_precision == "auto" else mixed_precision
    replicas = strategy.num_replicas_in_sync
    shown = f"{replicas} {name} replicas" if replicas > 1 else name
    if workers > 1:
        shown += f" of {workers} workers (this is number {worker})"
    return Placement(strategy, kind, precision, f"{shown}, {precision}", worker, workers)


def _place_among_workers() -> tuple[int, int]:
    """Returns the index of this process and the number of processes, from `TF_CONFIG`."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        chiefs, others = (config["cluster"].get(kind, []) for kind in ("chief", "worker"))
        if len(chiefs) + len(others) < 2:
            return 0, 1
        task, index = config["task"]["type"], int(config["task"]["index"])
        if task not in ("chief", "worker"):
            raise ValueError(f"task {task}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            "TF_CONFIG must be JSON with cluster.worker (and at most cluster.chief), and with task "
            f"type chief or worker and its index; unset it to train with one process ({error!r})"
        ) from error
    return index + (len(chiefs) if task == "worker" else 0), len(chiefs) + len(others)


def _find(device: str, workers: int) -> tuple[str, str, tf.distribute.Strategy, str]:
    """Returns kind, name and strategy of the selected device, and its best precision."""
    if workers > 1:
        return _find_for_workers(device)
    address = _tpu_address()
    if device == "tpu" and address is None:
        raise ValueError(
            "trainer.device is tpu, but there is no TPU here: set TPU_NAME or use auto"
        )
    if device in ("auto", "tpu") and address is not None:
        try:
            return "tpu", "TPU", _tpu_strategy(address), "bfloat16"
        except (tf.errors.OpError, ValueError, RuntimeError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            problem = (
                f"a TPU seems to be here ({address}), but TensorFlow cannot use it: is "
                f"tensorflow-tpu installed in place of tensorflow? ({reason})"
            )
            if device == "tpu":
                raise ValueError(f"trainer.device is tpu: {problem}") from error
            _LOG.warning("%s", problem)
    gpus = tf.config.list_physical_devices("GPU")
    if device in ("auto", "gpu") and gpus:
        return "gpu", *_gpu_strategy(gpus), _best_gpu_precision(gpus)
    has_driver = _NVIDIA_DRIVER.exists()
    if device == "gpu":
        problem = _NO_CUDA if has_driver else "TensorFlow sees no GPU here: use auto or cpu"
        raise ValueError(f"trainer.device is gpu, but {problem}")
    if device == "auto" and has_driver:
        _LOG.warning("%s", _NO_CUDA)
    # Float32, even if the CPU supports bfloat16: other CPUs emulate it slowly,
    # and a recipe should not change with the machine. `mixed_precision=bfloat16` selects it.
    return "cpu", "CPU", _cpu_strategy(), "float32"


def _find_for_workers(device: str) -> tuple[str, str, tf.distribute.Strategy, str]:
    """As `_find`, for several processes, each on its CPU or its GPUs."""
    if device == "tpu":
        raise ValueError("trainer.device is tpu, but TF_CONFIG names workers: unset it for TPUs")
    # First, because collectives must be set up before TensorFlow is initialised.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" and gpus:
        raise ValueError(
            "trainer.device is cpu, but workers take the GPUs they see: hide them with "
            "CUDA_VISIBLE_DEVICES=-1"
        )
    if gpus:
        return "gpu", "GPU", strategy, _best_gpu_precision(gpus)
    if device == "gpu":
        raise ValueError("trainer.device is gpu, but this worker sees no GPU: use auto or cpu")
    return "cpu", "CPU", strategy, "float32"


def _tpu_address() -> str | None:
    """Returns the address of a TPU, if there is evidence of one.

    The cluster resolver is not used: outside Google Cloud it waits for a metadata
    server that never responds.
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
        # Leaves memory for other processes on the GPU. TensorFlow refuses this after its
        # initialisation.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    if len(gpus) == 1:
        return name, tf.distribute.OneDeviceStrategy("/gpu:0")
    return name, tf.distribute.MirroredStrategy()


def _cpu_strategy() -> tf.distribute.Strategy:
    cpus = tf.config.list_logical_devices("CPU")
    if len(cpus) > 1:  # only if the CPU was split explicitly, as in tests
        return tf.distribute.MirroredStrategy([cpu.name for cpu in cpus])
    # Pinned, so that `device: cpu` is obeyed on a machine with a GPU.
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def _best_gpu_precision(gpus: list[tf.config.PhysicalDevice]) -> str:
    """Returns the fast precision of the weakest GPU."""
    capability = min(
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in gpus
    )
    if capability >= (8, 0):
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"
