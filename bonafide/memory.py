"""Control of unused memory: pages of mapped files, and freed blocks.

It imports no framework, because Beam's workers use it as well.
"""

from __future__ import annotations

import mmap

import numpy as np


def release_pages(array: np.ndarray) -> None:
    """Releases the resident pages of a mapped file; other arrays are unchanged.

    Otherwise every accessed row counts as memory of the process, the whole file after an epoch.
    Written data is not lost: it remains in the page cache.
    """
    base: object = array.base  # numpy's annotations declare an array
    if isinstance(array, np.memmap) and isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def keep_freed_memory() -> None:
    """Reuses the memory of processed utterances for the next ones.

    By default, glibc returns large blocks to the system when they are freed, and the system must
    clear new pages for the next ones: 6 % and more of UtteranceGen's time, a quarter of that of
    features. After a block of up to 32 MiB is freed, glibc serves blocks up to that size from its
    heap, of which it keeps at most 64 MiB (mallopt(3), dynamic M_MMAP_THRESHOLD). Other C
    libraries are not affected.
    """
    np.empty(
        (32 << 20) - 8192, np.uint8
    )  # Less than 32 MiB including the overhead of glibc and numpy.
