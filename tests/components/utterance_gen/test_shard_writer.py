"""What a worker does for its speed; shards and their errors are in `test_executor.py`."""

import platform
import subprocess
import sys

import pytest

# Blocks as large as those of a batch of utterances, taken and freed again and again; prints how
# often the system had to find a page after the first rounds.
PAGE_FAULTS = """
import resource
import sys
import numpy as np
from components.utterance_gen import shard_writer

def batch():
    blocks = [np.empty(3 << 20, np.uint8) for _ in range(4)]
    for block in blocks:
        block[:: 1 << 12] = 1

if sys.argv[1] == "kept":
    shard_writer.keep_freed_memory()
for _ in range(3):
    batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's memory")
def test_a_worker_takes_memory_from_the_system_once():
    kept, not_kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", PAGE_FAULTS, way], check=True, capture_output=True, text=True
            ).stdout
        )
        for way in ("kept", "not kept")
    )
    assert kept < 100  # pages of 4 KiB, of 30,720 that the ten rounds touch
    assert not_kept > 10_000
