"""Is a part of a recording spoofed, and the rest not?

Segments next to each other share half of their samples, so that one of them below a threshold says
little: a run of them does. The rule, on the segments of one channel in the order of time:

- a run is `MIN_RUN` or more segments in a row, each of which would be called spoof by itself;
- the mean of the segments outside of the run (weighted by speech, as the recording's score is) is
  above the run's by at least `MIN_STEP` and by `MIN_SPREADS` standard deviations of their scores,
  and would not be called spoof;
- inside and outside there are `MIN_SECONDS` of speech or more.

Of runs that satisfy it the one with the lowest mean counts. What the rule costs in false alarms on
real recordings stands in docs/measurements/listening.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bonafide.scoring.engine import Segment
from bonafide.scoring.thresholds import SPOOF, Threshold

MIN_RUN = 2
MIN_STEP = 1.0
MIN_SPREADS = 3.0
MIN_SECONDS = 1.0


def spoofed_run(segments: Sequence[Segment], threshold: Threshold) -> Sequence[Segment]:
    """Returns the run of segments that makes a recording look partly spoofed; empty where none.

    Args:
        segments: Of one channel, in the order of their starts.
        threshold: By which it is decided.
    """
    best: Sequence[Segment] = ()
    lowest = np.inf
    for first, end in _runs([threshold.decide(s.score) == SPOOF for s in segments]):
        run, rest = segments[first:end], [*segments[:first], *segments[end:]]
        if len(run) < MIN_RUN or min(_speech_seconds(run), _speech_seconds(rest)) < MIN_SECONDS:
            continue
        inside, outside = _mean(run), _mean(rest)
        spread = float(np.std([segment.score for segment in rest]))
        stands_out = outside - inside >= max(MIN_STEP, MIN_SPREADS * spread)
        if stands_out and threshold.decide(outside) != SPOOF and inside < lowest:
            best, lowest = run, inside
    return best


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.asarray(flags, bool), prepend=False, append=False))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _mean(segments: Sequence[Segment]) -> float:
    weights = [segment.speech_seconds for segment in segments]
    return float(np.average([segment.score for segment in segments], weights=weights))


def _speech_seconds(segments: Sequence[Segment]) -> float:
    """Speech in segments, of which neighbours share half: each counts as half of its own."""
    return sum(segment.speech_seconds for segment in segments) / 2
