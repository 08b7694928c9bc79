"""Recordings as the engine hands them out, made without a model."""

from bonafide.scoring.engine import Recording, Segment, Track


def track(samples, starts, scores, *, clip, rate_hz, channel="mono"):
    """A track that is speech all over; segments are `clip` long, but for the end."""
    segments = []
    for start, score in zip(starts, scores, strict=True):
        end = min(start + clip, samples)
        segments.append(Segment(start, end, (end - start) / rate_hz, score))
    return Track(channel, samples, samples / rate_hz, segments)


def recording(path, samples, starts, scores, *, clip, rate_hz):
    """A recording with one such track."""
    return Recording(path, [track(samples, starts, scores, clip=clip, rate_hz=rate_hz)])
