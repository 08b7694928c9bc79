"""Cache of features and recordings between epochs, in memory or in an unnamed file on disk."""

from __future__ import annotations

import math
import shutil
import tempfile

import numpy as np
import numpy.typing as npt

GIB = 1 << 30


def choose_cache(requested: str, needed_bytes: int, *, budget_bytes: int) -> str:
    """Returns the location of features; `auto` is memory if they fit the budget, else disk."""
    if requested != "auto":
        return requested
    return "memory" if needed_bytes <= budget_bytes else "disk"


def new_array(
    shape: tuple[int, ...], dtype: npt.DTypeLike, *, on_disk: bool, folder: str
) -> np.ndarray:
    """Returns an empty array, in memory or in an unnamed file.

    Raises:
        OSError: The disk has not enough space.
    """
    if not on_disk:
        return np.empty(shape, dtype)
    place = cache_folder(folder)
    needed_bytes, free_bytes = np.dtype(dtype).itemsize * math.prod(shape), shutil.disk_usage(place)
    if free_bytes.free < needed_bytes:
        raise OSError(
            f"the cache needs {needed_bytes / GIB:.1f} GiB in {place}, where "
            f"{free_bytes.free / GIB:.1f} GiB are free: set trainer.cache_dir to a larger disk, "
            "or trainer.cache=none"
        )
    # The file has no name, so that even a killed process leaves nothing; the array keeps the
    # descriptor open.
    with tempfile.TemporaryFile(dir=folder or None) as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


def cache_folder(folder: str) -> str:
    """Returns the folder of feature files: that of the settings, else the system's."""
    return folder or tempfile.gettempdir()
