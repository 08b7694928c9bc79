"""Where a recording is cut into clips of the length that the model scores.

A model takes the first part of what is longer than its clip. So a longer recording is scored in
windows of a clip's length, each starting half a clip after the one before, and the last one flush
with the end: every sample is heard, and what is shorter than half a clip lies whole in a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def hop(clip_samples: int) -> int:
    """Returns the distance between the starts of windows, in samples: half a clip."""
    return max(1, clip_samples // 2)


def starts(samples: int, clip_samples: int) -> list[int]:
    """Returns where the windows of a recording start, in samples.

    Args:
        samples: Length of the recording, above 0.
        clip_samples: Length of a window, above 0.

    Returns:
        A single 0 for what is not longer than a window.
    """
    last = max(0, samples - clip_samples)
    return [*range(0, last, hop(clip_samples)), last]


def cut(blocks: Iterable[np.ndarray], clip_samples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Cuts a stream into the windows of `starts`, holding little more than a window and a block.

    Args:
        blocks: int16 samples of a recording, in blocks of any lengths.
        clip_samples: Length of a window, above 0.

    Yields:
        Where a window starts, and its samples [clip_samples], fewer where the recording is shorter.
        Nothing of a recording without samples.
    """
    step = hop(clip_samples)
    held, held_from = np.zeros(0, np.int16), 0
    following = 0  # where the window starts that comes next
    for block in blocks:
        held = np.concatenate([held, block])
        # While there is more: a window that ends with the recording is the last one, below.
        while held_from + len(held) > following + clip_samples:
            begin = following - held_from
            yield following, held[begin : begin + clip_samples]
            following += step
        # The last window may start at any place after the start of the one before.
        begin = max(0, following - step - held_from)
        held, held_from = held[begin:], held_from + begin
    if len(held):
        last = max(0, held_from + len(held) - clip_samples)
        yield last, held[last - held_from :]
