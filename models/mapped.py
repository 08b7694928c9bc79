"""Arrays mapped from a file, without what of them has been read staying in the process."""

from __future__ import annotations

import mmap

import numpy as np


def release_pages(array: np.ndarray) -> None:
    """Takes the pages of a mapped file out of this process; one in memory is left alone.

    Otherwise every row that was ever touched counts as memory of the process, and an epoch holds
    the whole file. What was written is not lost: the kernel keeps it, and gives it back to who
    reads it next.
    """
    if isinstance(array, np.memmap):
        array.base.madvise(mmap.MADV_DONTNEED)
