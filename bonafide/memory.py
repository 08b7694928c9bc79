"""What becomes of memory that is not needed any more: mapped files, and blocks that were freed.

Imports no framework: Beam's workers use it as well.
"""

from __future__ import annotations

import mmap

import numpy as np


def release_pages(array: np.ndarray) -> None:
    """Takes the pages of a mapped file out of this process; one in memory is left alone.

    Otherwise every row that was ever touched counts as memory of the process, and an epoch holds
    the whole file. What was written is not lost: the kernel keeps it, and gives it back to who
    reads it next.
    """
    base: object = array.base  # numpy's types say that it is an array
    if isinstance(array, np.memmap) and isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def keep_freed_memory() -> None:
    """Lets the memory of utterances that are done serve the next ones.

    By itself glibc hands every large block back to the system when it is freed, and the system has
    to clear new pages for the next one: 6 % of UtteranceGen's time and more, a quarter of that of
    features. After a block of up to 32 MiB was freed, glibc serves blocks of that size from what it
    has, and keeps 64 MiB of that at most (mallopt(3), on the dynamic M_MMAP_THRESHOLD). Other C
    libraries have other rules, which this does not change.
    """
    np.empty((32 << 20) - 8192, np.uint8)  # Less than 32 MiB with what glibc and numpy add.
