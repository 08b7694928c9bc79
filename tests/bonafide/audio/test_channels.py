"""Which channels are alike: the kinds that people have, on both sides of the thresholds."""

import io

import audio_kinds
import numpy as np
import pytest
from scipy import signal

from bonafide.audio import channels, decoding, recording

RATE = 16_000
SECONDS = 8


def judged(samples, block=4_096):
    meter = channels.Meter(samples.shape[1])
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block].astype(np.float32), RATE)
    return meter.finish()


def side_by_side(*columns):
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def voices():
    """Two voices, float64 [N] each: one backwards and at another pitch."""
    one = np.tile(audio_kinds.speech(), SECONDS // 2).astype(np.float64)
    other = signal.resample(one[::-1][: round(len(one) * 0.9)], len(one))
    return one, other


def noise(like, below_db, seed=0):
    level = np.sqrt(np.mean(like**2)) * 10 ** (-below_db / 20)
    return np.random.default_rng(seed).normal(0, level, len(like))


def with_crosstalk(voices, db):
    one, other = voices
    gain = 10 ** (-db / 20)
    return side_by_side(one + gain * other, other + gain * one)


ALIKE = {
    "one voice twice": lambda v: side_by_side(v[0], v[0]),
    "another gain, 5 dB": lambda v: side_by_side(v[0], 0.56 * v[0]),
    "noise of its own at 20 dB": lambda v: side_by_side(
        v[0] + noise(v[0], 20), v[0] + noise(v[0], 20, 1)
    ),
    "a bed of stereo noise at 20 dB": lambda v: (
        v[0][:, None] + side_by_side(noise(v[0], 20), noise(v[0], 20, 1))
    ),
    "an offset": lambda v: side_by_side(v[0] + 0.1, v[0] - 0.1),
    "four of a kind": lambda v: side_by_side(v[0], v[0], v[0], v[0]),
    "all silent": lambda v: np.zeros((RATE, 2)),
    "half a second of something else": lambda v: side_by_side(
        v[0], np.concatenate([v[0][:RATE], v[1][: RATE // 2], v[0][RATE * 3 // 2 :]])
    ),
}
DIFFERENT = {
    "two voices": lambda v: side_by_side(*v),
    "two voices, crosstalk at 20 dB": lambda v: with_crosstalk(v, 20),
    "two voices, crosstalk at 12 dB": lambda v: with_crosstalk(v, 12),
    "two voices, crosstalk at 6 dB": lambda v: with_crosstalk(v, 6),
    "another gain, 8 dB": lambda v: side_by_side(v[0], 0.4 * v[0]),
    "a voice and noise at -60 dBFS": lambda v: side_by_side(v[0], noise(np.ones(len(v[0])), 60)),
    "5 ms later": lambda v: side_by_side(v[0], np.roll(v[0], 80)),
    "each in its turn": lambda v: side_by_side(
        v[0] * (np.arange(len(v[0])) % (4 * RATE) < 2 * RATE),
        v[1] * (np.arange(len(v[0])) % (4 * RATE) >= 2 * RATE),
    ),
    "one second of another in one of them": lambda v: side_by_side(
        v[0], np.concatenate([v[0][: 3 * RATE], v[1][:RATE], v[0][4 * RATE :]])
    ),
    "the third of three": lambda v: side_by_side(v[0], v[0], v[1]),
}
OPPOSITE = {
    "a negative": lambda v: side_by_side(v[0], -v[0]),
    "a negative, with noise": lambda v: side_by_side(
        v[0] + noise(v[0], 25), -v[0] + noise(v[0], 25, 1)
    ),
}
ONE_SILENT = {
    "zeros": lambda v: side_by_side(np.zeros(len(v[0])), v[0]),
    "noise at -75 dBFS": lambda v: side_by_side(noise(np.ones(len(v[0])), 75), v[0]),
}


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param(kind, make, id=f"{kind}: {name}")
        for kind, made in (
            ("alike", ALIKE),
            ("different", DIFFERENT),
            ("opposite", OPPOSITE),
            ("one silent", ONE_SILENT),
        )
        for name, make in made.items()
    ],
)
def test_kinds(voices, kind, make):
    samples = make(voices)
    found = judged(samples)
    assert found.kind == kind, str(found)
    assert found.alike == (kind == "alike")
    expected = {
        "alike": (channels.MIX,),
        "one silent": ("right",),
    }.get(kind, channels.names(samples.shape[1]))
    assert found.to_score == expected


def test_the_thresholds_lie_between_what_was_measured(voices):
    """Both sides keep their distance from them."""
    lowest = min(judged(ALIKE[name](voices)).correlation for name in list(ALIKE)[:4])
    highest = max(
        judged(DIFFERENT[name](voices)).correlation for name in DIFFERENT if "voices" in name
    )
    assert lowest > channels.MIN_CORRELATION + 0.05
    assert highest < channels.MIN_CORRELATION - 0.03


@pytest.mark.parametrize("kind", ["ogg", "mp3", "opus", "m4a", "webm", "wma"])
def test_codings_that_lose_something_change_no_verdict(voices, kind):
    for made, expected in (
        (side_by_side(voices[0], voices[0]), "alike"),
        (side_by_side(voices[0], -voices[0]), "opposite"),
        (side_by_side(*voices), "different"),
    ):
        data = audio_kinds.make(kind, made[: 4 * RATE].astype(np.float32))
        assert decoding.decode_recording(data, RATE, 0.3).agreement.kind == expected


@pytest.mark.parametrize("block", [1, 999, 8_000, 10**6])
def test_blocks_make_no_difference(voices, block):
    samples = with_crosstalk([voice[: 2 * RATE] for voice in voices], 12)[: 2 * RATE]
    whole, parts = judged(samples, 10**7), judged(samples, block)
    assert parts.kind == whole.kind
    assert parts.correlation == pytest.approx(whole.correlation, abs=1e-5)
    assert parts.different_seconds == whole.different_seconds


def test_one_channel_is_one():
    meter = channels.Meter(1)
    meter.add(np.ones((100, 1), np.float32), RATE)
    found = meter.finish()
    assert (found.kind, found.to_score, str(found)) == ("one", ("mix",), "one channel")


def test_it_says_what_it_found(voices):
    assert str(judged(side_by_side(*voices))).startswith("different channels for 8.0 s (correlat")
    assert str(judged(ONE_SILENT["zeros"](voices))) == "silent: left"
    assert str(judged(OPPOSITE["a negative"](voices))).startswith("channels opposite in phase for")
    assert str(judged(ALIKE["four of a kind"](voices))) == "4 channels that are alike"


@pytest.mark.parametrize(
    ("channel", "count", "place"),
    [
        ("mix", 1, None),
        ("mix", 6, None),
        ("left", 1, None),
        ("right", 1, None),
        ("mono", 1, None),
        ("left", 2, 0),
        ("right", 2, 1),
        ("right", 6, 1),
        ("channel 6", 6, 5),
    ],
)
def test_names_of_channels(channel, count, place):
    assert channels.index(channel, count) == place


@pytest.mark.parametrize(("channel", "count"), [("mono", 2), ("channel 7", 6), ("centre", 2)])
def test_a_channel_that_there_is_not(channel, count):
    expected = f"expected one of mix, .*, got '{channel}' for {count} ch"
    with pytest.raises(ValueError, match=expected):
        channels.index(channel, count)


def test_a_long_recording_is_compared_in_little_memory_and_read_again(wav, voices, monkeypatch):
    monkeypatch.setattr(recording, "_KEPT_SAMPLES", 10_000)
    monkeypatch.setattr(recording, "_BLOCK_SAMPLES", 4_000)
    data = wav(side_by_side(*voices))
    with decoding.Recording(io.BytesIO(data), RATE, 0.3) as opened:
        assert opened.agreement.kind == "different"
        assert opened._kept is None
        found = np.concatenate(list(opened.blocks("right")))
    np.testing.assert_array_equal(found, decoding.decode(data, RATE, 0.3, channel="right"))
    np.testing.assert_allclose(found / 32_768, voices[1], atol=1 / 32_768)
