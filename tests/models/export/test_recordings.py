import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.audio import conversion, decoding
from models.export.recordings import wav_to_pcm16, waveform_to_pcm16

RATE = 16_000


def from_wav(*files, max_samples=100_000):
    found = wav_to_pcm16(tf.constant(files), sample_rate=RATE, max_samples=max_samples)
    return [np.frombuffer(row, "<i2") for row in found.numpy()]


def from_waveform(rows, lengths, max_samples=100_000):
    rows = tf.constant(np.asarray(rows, np.float32))
    found = waveform_to_pcm16(rows, tf.constant(lengths, tf.int32), max_samples=max_samples)
    return [np.frombuffer(row, "<i2").tolist() for row in found.numpy()]


def noise(samples, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(-32768, 32768, (samples, channels)).astype(np.int16)


def test_16_bit_wav_comes_through_bit_for_bit(wav):
    long, short = noise(5_000)[:, 0], noise(3, seed=1)[:, 0]
    found = from_wav(wav(long), wav(short), wav(long[:0]))
    assert [np.array_equal(*pair) for pair in zip(found, (long, short, []), strict=True)] == [
        *(True, True, True)
    ]


@pytest.mark.parametrize("channels", [2, 3])
def test_channels_are_averaged_as_at_ingestion(wav, channels):
    file = wav(noise(8_000, channels))
    [found] = from_wav(file)
    assert np.array_equal(found, decoding.decode(file, RATE, 0.3))


def test_only_the_beginning_of_a_long_wav_is_kept(wav):
    samples = noise(1_000)[:, 0]
    [found] = from_wav(wav(samples), max_samples=400)
    assert np.array_equal(found, samples[:400])


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_another_rate_is_an_error_that_says_so(wav, rate_hz):
    files = [wav(noise(50)), wav(noise(50), rate_hz)]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"at 16000 Hz.*resample it before.*"
    ) as told:
        from_wav(*files)
    assert str(rate_hz) in str(told.value)


@pytest.mark.parametrize(
    ("kind", "subtype", "reason"),
    [
        ("WAV", "FLOAT", "Expected 1 .PCM., but got3"),
        ("WAV", "PCM_24", "16-bit WAV files, but received 24"),
        ("WAV", "PCM_U8", "16-bit WAV files, but received 8"),
        ("WAVEX", "PCM_16", "Expected 16 or 18, but got40"),
        ("FLAC", "PCM_16", "Expected RIFF but found fLaC"),
    ],
)
def test_what_tensorflow_does_not_decode(wav, kind, subtype, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        from_wav(wav(noise(50), subtype=subtype, kind=kind))


def test_wav_files_that_are_cut_off_or_nothing(wav):
    for content in (wav(noise(50))[:-2], b"", b"RIFF"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Data too short"):
            from_wav(content)


@settings(max_examples=30)
@given(
    samples=hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1.5, 1.5, width=32)),
    length=st.integers(1, 40),
)
def test_samples_are_rounded_as_at_ingestion(samples, length):
    length = min(length, len(samples))
    expected = conversion.to_int16(samples[:length])
    assert from_waveform([samples], [length]) == [expected.tolist()]


def test_every_16_bit_sample_is_itself():
    every = np.arange(-32768, 32768)
    assert from_waveform([every / 32768], [len(every)]) == [every.tolist()]


def test_padding_is_never_looked_at_and_rows_stay_apart():
    rows = np.full((3, 5), np.nan)
    rows[0, :2], rows[1], rows[2, :4] = 0.5, -0.25, 1.0
    assert from_waveform(rows, [2, 5, 4], max_samples=3) == [
        *([16384] * 2, [-8192] * 3, [32767] * 3)
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 8.1, -32768.0])
def test_what_is_no_audio_becomes_nothing(bad):
    assert from_waveform([[0.5, bad, 0.5], [0.5, 0.5, 0.5]], [3, 3]) == [[], [16384] * 3]
    assert from_waveform([[0.5, bad, 0.5]], [1]) == [[16384]]


@pytest.mark.parametrize("length", [0, -1, 4, 2**31 - 1])
def test_a_length_that_cannot_be_becomes_nothing(length):
    assert from_waveform([[0.5, 0.5, 0.5]], [length]) == [[]]
