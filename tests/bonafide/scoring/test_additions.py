"""What is added to a recording and is no speech makes no spoof bona fide."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from voices import RATE, level, voice

from bonafide.scoring import ahead, engine, reading, thresholds

CLIP = RATE
EVEN = thresholds.choose(thresholds.EVEN, {})


def mean(batch):
    """A detector whose score is the mean of samples, as that of the tests' model."""
    return np.array([np.frombuffer(pcm16, "<i2").mean() / 1000 for pcm16 in batch])


def judged(samples):
    """What is found of samples, [N] or [N, channels], in a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    file.seek(0)
    clips = ahead.clips_of(reading.tracks_of(file, RATE), RATE, CLIP)
    [recording] = engine.score_recordings(["it"], clips, mean)
    return recording


def silence(count, rng):
    return np.zeros(count, np.int16)


def noise(count, rng):
    """At -60 dBFS."""
    return np.rint(rng.normal(0, 32.768, count)).astype(np.int16)


@settings(max_examples=40)
@given(
    st.floats(-3, -0.3),
    st.floats(1.2, 6),
    st.lists(
        st.tuples(st.sampled_from((silence, noise)), st.integers(0, 12 * RATE)),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 2**31),
)
def test_silence_and_faint_noise_behind_a_spoof(value, seconds, parts, seed):
    rng = np.random.default_rng(seed)
    spoof = level(value, seconds)
    before = judged(spoof)
    after = judged(np.concatenate([spoof, *(kind(count, rng) for kind, count in parts)]))
    assert EVEN.decide(before.verdict.score) == thresholds.SPOOF
    assert EVEN.decide(after.verdict.score) == thresholds.SPOOF
    assert after.verdict.score == pytest.approx(before.verdict.score, abs=0.1)


@settings(max_examples=15)
@given(st.floats(-3, -0.3), st.floats(0.3, 3), st.floats(1.5, 5), st.booleans())
def test_a_copy_of_the_other_channel_behind_a_spoof(spoofed, real, seconds, left):
    """A call with a synthetic voice on one side, and one side once more behind both."""
    one, other = level(spoofed, seconds), voice(seconds)[::-1] + np.int16(1_000 * real)
    call = np.stack([one, other] if left else [other, one], axis=1)
    longer = np.concatenate([call, call[:, ::-1][: len(call) // 4]])
    for samples in (call, longer, np.concatenate([one, one])):
        assert EVEN.decide(judged(samples).verdict.score) == thresholds.SPOOF
    both = judged(np.stack([one, one], axis=1))
    assert [track.channel for track in both.tracks] == ["mix"]
    assert both.verdict.score == pytest.approx(judged(one).verdict.score, abs=0.01)
