"""Selects the kernels of the network: ours, which are fused for CPUs, or those of Keras.

Both compute the same function with the same weights and weight names, within rounding; dropout
draws other random numbers. The selection is global to the process, because Keras calls layers from
its own threads if a model has several replicas. It takes effect when a graph is traced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from models.settings.trainer import Kernels

_current: Kernels = "fused"


def use(kernels: Kernels) -> None:
    """Selects the kernels of all graphs that are traced from now on."""
    global _current
    _current = kernels


def fused() -> bool:
    """Returns whether our kernels are in use."""
    return _current == "fused"


@contextlib.contextmanager
def using(kernels: Kernels) -> Iterator[None]:
    """Selects kernels for a block, for tests and benchmarks."""
    before = _current
    use(kernels)
    try:
        yield
    finally:
        use(before)
