"""The front end against librosa, and the laws of length fitting."""

import json

import librosa
import numpy as np
import pytest
import scipy.fft
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import frontend
from models.features.frontend import FeatureConfig


def pcm_bytes(samples):
    return np.asarray(samples, "<i2").tobytes()


def speech_like(rng, batch, samples):
    """Noise with a falling spectrum and pauses, so that quiet bands are in the comparison."""
    noise = np.cumsum(rng.normal(size=(batch, samples)), axis=1)
    noise -= noise.mean(axis=1, keepdims=True)
    gate = np.repeat(rng.random((batch, samples // 1000 + 1)) > 0.2, 1000, axis=1)[:, :samples]
    return (0.5 * noise / np.abs(noise).max() * gate).astype(np.float32)


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"window_samples": 512},
        {"window_samples": 401},  # odd, and an odd margin
        {"fft_length": 1024, "num_bands": 128, "fmin_hz": 0.0, "fmax_hz": 8000.0},
        {"fmin_hz": 300.0, "fmax_hz": 3400.0, "num_bands": 30, "hop_samples": 128},
        {
            "sample_rate": 8000,
            "clip_samples": 20001,
            "window_samples": 200,
            "hop_samples": 80,
            "fft_length": 256,
            "num_bands": 40,
            "fmin_hz": 100.0,
            "fmax_hz": 3900.0,
        },
    ],
    ids=["default", "window=fft", "odd", "fft1024", "telephone", "8kHz"],
)
def test_log_mel_equals_librosa(settings_):
    config = FeatureConfig(**settings_)
    waveform = speech_like(np.random.default_rng(0), 2, config.clip_samples)
    expected = librosa.feature.melspectrogram(
        y=waveform,
        sr=config.sample_rate,
        n_fft=config.fft_length,
        win_length=config.window_samples,
        hop_length=config.hop_samples,
        n_mels=config.num_bands,
        fmin=config.fmin_hz,
        fmax=config.fmax_hz,
        window="hann",
        center=False,
        power=2.0,
        htk=True,
        norm=None,
    )
    expected = np.log(np.swapaxes(expected, 1, 2) + config.log_floor)

    actual = frontend.log_bands(tf.constant(waveform), config).numpy()

    assert actual.shape == (2, config.num_frames, config.num_bands)
    np.testing.assert_allclose(actual, expected, atol=2e-3, rtol=0)
    assert np.abs(actual - expected).mean() < 1e-4


@pytest.mark.parametrize("front_end", ["mel", "linear", "lfcc"])
def test_a_relative_floor_removes_level_and_quiet_noise(front_end):
    config = FeatureConfig(
        front_end=front_end, num_bands=40, clip_samples=8000, relative_floor_db=-20.0
    )
    rng = np.random.default_rng(0)
    loud = np.repeat([0.0, 0.3, 0.0, 0.3], 2000) * rng.normal(size=8000)
    clips = np.array([loud, 0.01 * loud, loud + 1e-4 * rng.normal(size=8000), np.zeros(8000)])
    found = frontend.compute_features(tf.constant(clips, tf.float32), config).numpy()
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=0.1)
    if front_end != "lfcc":
        assert found.min() >= np.log(0.01) - 1e-5
    assert np.isfinite(found).all()
    assert np.ptp(found[3], axis=0).max() < 1e-5


def test_mel_matrix_equals_librosa():
    config = FeatureConfig()
    expected = librosa.filters.mel(
        sr=16000, n_fft=512, n_mels=80, fmin=20.0, fmax=7600.0, htk=True, norm=None
    )
    np.testing.assert_allclose(frontend.filter_matrix(config), expected.T, atol=1e-6)


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    clip_samples=st.integers(1, 120),
)
def test_fit_length_repeats_each_recording(lengths, clip_samples):
    longest = max(lengths)
    # No sample is 0, so padding that leaks into the result cannot hide.
    waveform = 1 + np.arange(len(lengths) * longest, dtype=np.int16).reshape(len(lengths), longest)

    fitted = frontend.fit_length(tf.constant(waveform), tf.constant(lengths), clip_samples).numpy()

    assert fitted.dtype == np.int16
    assert fitted.shape == (len(lengths), clip_samples)
    for row, source, length in zip(fitted, waveform, lengths, strict=True):
        expected = [source[n % length] if length else 0 for n in range(clip_samples)]
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize("length", [-1, 9])
def test_fit_length_clips_impossible_lengths(length):
    fitted = frontend.fit_length(tf.constant([[1, 2, 3]]), tf.constant([length]), 4).numpy()
    np.testing.assert_array_equal(fitted[0], [1, 2, 3, 1] if length > 0 else [0, 0, 0, 0])


def test_decode_crops_repeats_and_scales():
    config = FeatureConfig(clip_samples=600)
    rng = np.random.default_rng(1)
    long = rng.integers(-32768, 32768, 5000)
    short = np.array([-32768, 32767, 5])
    odd = pcm_bytes([7]) + b"\x01"  # half a sample at the end

    waveform = frontend.decode_pcm16(
        tf.constant([pcm_bytes(long), pcm_bytes(short), b"", b"\x01", odd]), config
    ).numpy()

    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform[0], (long[:600] / 32768).astype(np.float32))
    np.testing.assert_array_equal(waveform[1], np.resize(short / 32768, 600).astype(np.float32))
    np.testing.assert_array_equal(waveform[2:4], np.zeros((2, 600)))
    np.testing.assert_array_equal(waveform[4], np.full(600, 7 / 32768, np.float32))
    assert waveform.min() >= -1.0
    assert waveform.max() < 1.0


@pytest.mark.parametrize("clips", [[b""], [b"", b""], [pcm_bytes([1] * 3)]])
def test_empty_and_tiny_clips_give_finite_features_in_a_graph(clips):
    config = FeatureConfig(clip_samples=2000)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def graph(pcm16):
        raw = frontend.log_bands(frontend.decode_pcm16(pcm16, config), config)
        return raw, frontend.normalise_utterance(raw)

    raw, normalised = graph(tf.constant(clips))
    assert raw.shape == (len(clips), config.num_frames, config.num_bands)
    assert np.isfinite(raw).all()
    assert np.isfinite(normalised).all()
    if clips[0] == b"":
        np.testing.assert_allclose(raw, np.log(config.log_floor), rtol=1e-6)
        np.testing.assert_allclose(normalised, 0.0, atol=5e-3)  # rounding, not features


def test_graph_keeps_static_shapes_and_takes_an_empty_batch():
    config = FeatureConfig(clip_samples=2000)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def graph(pcm16):
        return frontend.log_bands(frontend.decode_pcm16(pcm16, config), config)

    output = graph.get_concrete_function().structured_outputs
    assert output.shape.as_list() == [None, config.num_frames, config.num_bands]
    assert graph(tf.constant([], tf.string)).shape == (0, config.num_frames, config.num_bands)


def test_features_do_not_depend_on_the_batch():
    config = FeatureConfig(clip_samples=8000)
    rng = np.random.default_rng(2)
    clips = [pcm_bytes(rng.integers(-9000, 9000, n)) for n in (900, 8000, 12345)]

    def extract(batch):
        raw = frontend.log_bands(frontend.decode_pcm16(tf.constant(batch), config), config)
        return frontend.normalise_utterance(raw).numpy()

    together = extract(clips)
    for clip, expected in zip(clips, together, strict=True):
        np.testing.assert_allclose(extract([clip])[0], expected, atol=1e-4)


def test_normalise_utterance_gives_each_clip_its_own_moments():
    raw = np.random.default_rng(3).normal(3.0, [[[1.0, 5.0]], [[2.0, 0.5]]], (2, 400, 2))
    normalised = frontend.normalise_utterance(tf.constant(raw, tf.float32)).numpy()
    np.testing.assert_allclose(normalised.mean(axis=1), 0.0, atol=1e-5)
    np.testing.assert_allclose(normalised.var(axis=1), 1.0, atol=1e-4)


def test_the_mean_of_a_clip_is_removed_and_its_dynamics_kept():
    raw = np.random.default_rng(3).normal([[[7.0, -2.0]]], [[[1.0, 5.0]]], (2, 400, 2))
    found = frontend.remove_mean(tf.constant(raw, tf.float32)).numpy()
    np.testing.assert_allclose(found, raw - raw.mean(axis=1, keepdims=True), atol=1e-4)
    shifted = frontend.remove_mean(tf.constant(np.add(raw, [3.0, -8.0]), tf.float32)).numpy()
    np.testing.assert_allclose(found, shifted, atol=1e-4)  # another filter, another gain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fmax_hz": 8001.0}, "fmax_hz"),
        ({"fmin_hz": 7600.0}, "fmin_hz"),
        ({"fmin_hz": -1.0}, "fmin_hz"),
        ({"window_samples": 513}, "window_samples"),
        ({"clip_samples": 511}, "clip_samples"),
        ({"hop_samples": 0}, "hop_samples"),
        ({"num_bands": 80.5}, "num_bands"),
        ({"num_bands": 400}, "bands that cover an FFT bin"),
        ({"log_floor": 0.0}, "log_floor"),
        ({"normalisation": "batch"}, "normalisation"),
        ({"relative_floor_db": 1.0}, "relative_floor_db"),
    ],
)
def test_config_refuses_what_cannot_work(change, message):
    with pytest.raises(ValueError, match=message):
        FeatureConfig(**change)


def test_config_travels_as_json():
    config = FeatureConfig(num_bands=40, normalisation="utterance")
    assert FeatureConfig(**json.loads(json.dumps(vars(config)))) == config
    assert config.num_frames == 1 + (64000 - 512) // 160
    assert config.frames_per_second == 100.0


def test_linear_bands_are_equally_wide_triangles():
    config = FeatureConfig(
        front_end="linear", num_bands=7, fmin_hz=0.0, fmax_hz=8000.0, fft_length=512
    )
    matrix = frontend.filter_matrix(config)
    assert matrix.shape == (257, 7)
    assert matrix.argmax(axis=0).tolist() == [32 * k for k in range(1, 8)]  # every 1000 Hz
    np.testing.assert_allclose(matrix.max(axis=0), 1)
    np.testing.assert_allclose(matrix[32:225].sum(axis=1), 1, atol=1e-6)


def test_lfcc_is_the_dct_of_linear_bands_with_differences():
    config = FeatureConfig(
        front_end="lfcc", num_bands=20, num_coefficients=6, fmin_hz=0.0, fmax_hz=8000.0
    )
    waveform = speech_like(np.random.default_rng(3), 2, 8000)
    bands = frontend.log_bands(tf.constant(waveform), config).numpy()
    static = scipy.fft.dct(bands, norm="ortho", axis=-1)[..., :6]

    def difference(x):
        padded = np.pad(x, ((0, 0), (1, 1), (0, 0)), mode="edge")
        return padded[:, 2:] - padded[:, :-2]

    expected = np.concatenate([static, difference(static), difference(difference(static))], axis=-1)
    actual = frontend.compute_features(tf.constant(waveform), config).numpy()
    assert actual.shape[-1] == config.num_features == 18
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_an_offset_is_removed_and_high_frequencies_are_emphasised():
    waveform = tf.constant([[0.5, 0.7, 0.3]])
    removed = frontend.condition(waveform, FeatureConfig(remove_dc=True))
    np.testing.assert_allclose(removed, [[0.0, 0.2, -0.2]], atol=1e-7)
    emphasised = frontend.condition(waveform, FeatureConfig(preemphasis=0.5))
    np.testing.assert_allclose(emphasised, [[0.5, 0.45, -0.05]], atol=1e-7)
    assert frontend.condition(waveform, FeatureConfig()) is waveform


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"front_end": "cqt"}, r"one of mel, linear, lfcc, .*\(features.front_end\)"),
        ({"preemphasis": 1.0}, r"from 0 to below 1, .*\(features.preemphasis\)"),
        ({"front_end": "lfcc", "num_coefficients": 81}, "at most features.num_bands"),
        ({"num_coefficients": 0}, "features.num_coefficients"),
    ],
)
def test_front_ends_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FeatureConfig(**changes)
