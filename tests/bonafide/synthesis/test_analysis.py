"""The signal processing, against librosa and against signals whose analysis is known."""

import librosa
import numpy as np
import pytest
import scipy.signal
import voices

from bonafide.synthesis import analysis
from bonafide.synthesis.engines import parametric

RATE = 16_000


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=8_001)


@pytest.mark.parametrize("length", [8_000, 8_001, 513])
def test_a_transform_and_back_is_the_signal(noise, length):
    spectra = analysis.stft(noise[:length], 512, 128)
    assert spectra.shape[1] == 257
    back = analysis.istft(spectra, 128, length)
    np.testing.assert_allclose(back, noise[:length], atol=1e-4)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("unit_area", [True, False])
def test_mel_bands_are_those_of_librosa(scale, unit_area):
    ours = analysis.mel_bands(22_050, 1_024, 80, 0, 8_000, scale=scale, unit_area=unit_area)
    theirs = librosa.filters.mel(
        sr=22_050,
        n_fft=1_024,
        n_mels=80,
        fmin=0,
        fmax=8_000,
        htk=scale == "htk",
        norm="slaney" if unit_area else None,
    )
    np.testing.assert_allclose(ours, theirs.T, atol=1e-6)


def test_griffin_lim_comes_nearer_with_iterations(noise):
    speech = voices.voice(0.5) / 32_768
    magnitudes = np.abs(analysis.stft(speech, 512, 128))

    def error(iterations):
        random = np.random.default_rng(1)
        made = analysis.griffin_lim(magnitudes, 128, len(speech), iterations, random)
        return np.linalg.norm(np.abs(analysis.stft(made, 512, 128)) - magnitudes)

    assert error(32) < 0.6 * error(1)


def test_the_pitch_of_a_glide():
    hertz = np.linspace(110, 260, 2 * RATE)
    turns = np.cumsum(hertz) / RATE
    pulses = np.diff(np.floor(turns), prepend=0.0)
    speech = scipy.signal.lfilter([1], [1, -1.2, 0.7], pulses)
    found = analysis.pitch(speech, RATE, 80)[10:-10]
    true = hertz[np.arange(10, 10 + len(found)) * 80 % len(hertz)]
    assert np.mean(found > 0) > 0.95
    kept = found > 0
    assert np.median(np.abs(found[kept] / true[kept] - 1)) < 0.02


def test_noise_and_silence_have_no_pitch(noise):
    assert np.mean(analysis.pitch(noise, RATE, 80) > 0) < 0.1
    assert not analysis.pitch(np.zeros(4_000), RATE, 80).any()


def test_an_envelope_lies_over_the_harmonics():
    speech = voices.voice(0.5) / 32_768
    magnitudes = np.abs(analysis.stft(speech, 1_024, 256)) + 1e-4
    plain = analysis.envelopes(magnitudes, 38, rounds=0)
    true = analysis.envelopes(magnitudes, 38, rounds=8)
    assert np.all(true.mean(axis=1) > plain.mean(axis=1))


def test_a_minimum_phase_has_the_magnitudes_and_comes_first():
    logs = np.log(np.abs(scipy.signal.freqz([1, 0.5], [1, -0.9], 257, include_nyquist=True)[1]))
    response = analysis.minimum_phase(logs[None])
    np.testing.assert_allclose(np.log(np.abs(response[0])), logs, atol=1e-6)
    impulse = np.fft.irfft(response[0])
    np.testing.assert_allclose(impulse[:3], [1, 1.4, 1.26], atol=0.01)


def test_filtering_by_one_response_is_a_convolution(noise):
    taps = np.array([0.5, 0.3, -0.2])
    response = np.fft.rfft(taps, 512)[None].repeat(101, axis=0)
    made = analysis.filtered(noise, response, 80)
    np.testing.assert_allclose(made[200:-200], np.convolve(noise, taps)[200:-202], atol=1e-4)


def test_linear_prediction_finds_the_filter_of_a_signal():
    random = np.random.default_rng(0)
    true = np.array([1, -1.5, 0.9])
    signal = scipy.signal.lfilter([0.1], true, random.normal(size=RATE))
    speech = parametric.Speech(signal, RATE)
    responses = np.abs(parametric._all_pole(speech.magnitudes, 2)).mean(axis=0)
    expected = np.abs(scipy.signal.freqz([0.1], true, len(responses), include_nyquist=True)[1])
    assert np.median(np.abs(np.log(responses / expected))) < 0.15


def test_frequencies_are_warped_as_by_an_all_pass():
    alpha, order = 0.42, 60
    cepstrum = np.array([0.3, 0.5, -0.2, 0.1])
    warped = cepstrum @ parametric.frequency_transform(3, order, alpha)
    omega = np.linspace(0, np.pi, 50)
    mel = omega + 2 * np.arctan(alpha * np.sin(omega) / (1 - alpha * np.cos(omega)))
    direct = np.cos(np.outer(omega, np.arange(4))) @ cepstrum
    np.testing.assert_allclose(
        np.cos(np.outer(mel, np.arange(order + 1))) @ warped, direct, atol=1e-6
    )


def test_a_mel_cepstrum_keeps_smooth_envelopes():
    logs = np.cos(np.linspace(0, np.pi, 257))[None].repeat(2, axis=0)
    made = parametric.mel_cepstral_logs(logs, 30, 0.42)
    np.testing.assert_allclose(made, logs, atol=0.01)
