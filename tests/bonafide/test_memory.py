"""Pages of mapped files leave the process and come back; blocks that were freed serve again."""

import pathlib
import platform
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from bonafide.memory import release_pages
from models.data.pcm_split import PcmSplit, Recordings
from models.data.splits import ArraySplit
from models.settings.waveform import WaveformConfig

MEBIBYTE = 1 << 20
# Blocks as large as those of a batch of utterances, taken and freed again and again; prints how
# often the system had to find a page after the first rounds.
PAGE_FAULTS = """
import resource
import sys
import numpy as np
from bonafide.memory import keep_freed_memory

def batch():
    blocks = [np.empty(3 << 20, np.uint8) for _ in range(4)]
    for block in blocks:
        block[:: 1 << 12] = 1

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def mapped(shape, dtype, folder):
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


def resident_of_files():
    """Bytes of this process that are pages of files."""
    status = pathlib.Path("/proc/self/status").read_text()
    return sum(1024 * int(status.split(name)[1].split()[0]) for name in ("RssFile:", "RssShmem:"))


def test_released_pages_keep_what_was_written(tmp_path):
    array = mapped((48 * MEBIBYTE,), np.uint8, tmp_path)
    before = resident_of_files()
    array[:] = np.arange(len(array)) % 251
    assert resident_of_files() - before > 40 * MEBIBYTE
    release_pages(array)
    assert resident_of_files() - before < 8 * MEBIBYTE
    assert array[1000] == 1000 % 251
    assert array[-1] == (len(array) - 1) % 251


def test_an_array_in_memory_is_left_alone():
    array = np.arange(5)
    release_pages(array)
    assert array.tolist() == [0, 1, 2, 3, 4]


def test_a_pass_over_a_mapped_split_does_not_keep_it_resident(tmp_path):
    features = mapped((96, 128, 1024), np.float32, tmp_path)  # 48 MiB
    features[:] = np.arange(96, dtype=np.float32)[:, None, None]
    split = ArraySplit(features, np.arange(96) % 2)
    release_pages(features)
    before = resident_of_files()
    seen, most = [], 0
    for batch, _ in split.batches(8, order_seed=(1, 2)):
        seen.extend(batch[:, 0, 0].numpy().tolist())
        most = max(most, resident_of_files() - before)
    assert sorted(seen) == list(range(96))
    assert most < 24 * MEBIBYTE


def test_nor_does_one_over_mapped_recordings(tmp_path):
    count, length = 96, MEBIBYTE // 4
    samples = mapped((count * length,), np.int16, tmp_path)  # 48 MiB
    samples[:] = np.repeat(np.arange(count), length)
    release_pages(samples)

    def transform(inputs):
        pcm = tf.io.decode_raw(inputs["pcm16"][:, 0], tf.int16)
        return {"features": tf.cast(pcm, tf.float32)[:, :, None]}

    split = PcmSplit(
        recordings=Recordings(samples, np.arange(count + 1) * length),
        labels=np.arange(count) % 2,
        transform=transform,
        feature_shape=(length, 1),
        sample_rate=16000,
        clip_samples=length,
        config=WaveformConfig(),
    )
    before, seen, most = resident_of_files(), [], 0
    for batch, _ in split.batches(8, order_seed=None):
        seen.extend(batch[:, 0, 0].numpy().tolist())
        most = max(most, resident_of_files() - before)
    assert seen == list(range(count))
    assert most < 40 * MEBIBYTE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's memory")
def test_memory_that_was_freed_is_taken_again():
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
