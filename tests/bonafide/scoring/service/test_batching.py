import threading
import time

import numpy as np
import pytest

from bonafide.scoring.service.batching import Batcher


def slow(sizes):
    """Scores are the lengths of the clips."""

    def score(clips):
        time.sleep(0.05)
        sizes.append(len(clips))
        return np.array([len(clip) for clip in clips], np.float32)

    return score


def test_clips_of_several_recordings_are_scored_together_and_come_back_to_theirs():
    sizes, watched, found = [], [], {}
    batcher = Batcher(watched.append, batch_clips=8)
    score = batcher.through(slow(sizes))

    def one(number):
        clips = [bytes(number)] * (1 + number % 3)
        found[number] = score(clips).tolist() == [float(number)] * len(clips)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 19
    assert all(found.values())
    assert sizes == watched
    assert max(sizes) > 3
    assert max(sizes) <= 8
    batcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        score([b"x"])


def test_recordings_of_two_models_are_not_mixed():
    old, new = [], []
    batcher = Batcher()
    scorers = [batcher.through(slow(old)), batcher.through(slow(new))]
    threads = [threading.Thread(target=scorers[n % 2], args=([b"x"],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(old), sum(new)) == (4, 4)
    batcher.close()


def test_a_failure_reaches_those_whose_batch_it_was_and_no_other():
    def fail(clips):
        raise ValueError("broken")

    batcher = Batcher()
    with pytest.raises(ValueError, match="broken"):
        batcher.through(fail)([b"x"])
    assert batcher.through(slow([]))([b"xy"]).tolist() == [2.0]
    batcher.close()
