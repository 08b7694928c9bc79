"""Settings of the features and their filters, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
import functools
from typing import Annotated, Literal

import numpy as np

from bonafide.settings import Bounds, Section

Samples = Annotated[int, Bounds(ge=1, unit="samples")]
Normalisation = Literal["corpus", "utterance", "utterance_mean"]


@dataclasses.dataclass(frozen=True)
class FeatureConfig(Section, section="features"):
    """Settings of the front end, which computes frames of features.

    Attributes:
        front_end: Kind of features: `mel` (log power in bands of equal width in mel), `linear` (of
            equal width in Hz, so that high frequencies keep their detail), or `lfcc` (the cepstrum
            of `linear`, with first and second differences).
        sample_rate: Sampling rate of the PCM.
        clip_samples: Length to which every clip is cropped, or repeated.
        window_samples: Length of the Hann window.
        hop_samples: Distance between frames.
        fft_length: Length of the FFT; the window is centred in it and padded with zeros.
        num_bands: Number of bands.
        num_coefficients: Number of cepstral coefficients of `lfcc`, including the 0th; a frame has
            three times as many features.
        fmin_hz: Lower edge of the lowest band.
        fmax_hz: Upper edge of the highest band, at most half the sampling rate.
        log_floor: Power added before the logarithm. Full scale is 1, so the quantisation noise
            of 16-bit PCM is about 1e-8 per FFT bin, below the default.
        relative_floor_db: Power added before the logarithm in place of `log_floor`, relative to the
            mean of the clip's band powers, which become 1: the level of the recording has no
            effect, and what is far below the speech (the noise floor, the gaps that codecs leave)
            little. 0 for none.
        remove_dc: Whether to subtract the mean of the clip: recorders and services add offsets that
            are unrelated to speech.
        preemphasis: Coefficient a of the pre-emphasis x[n] - a x[n-1]; 0 for none.
        normalisation: Scope of mean and variance normalisation per band: the training split
            (`corpus`); each clip (`utterance`); or the mean of each clip, which removes its
            channel and level, and the variance of the training split (`utterance_mean`).
    """

    front_end: Literal["mel", "linear", "lfcc"] = "mel"
    sample_rate: Annotated[int, Bounds(ge=1, unit="Hz")] = 16000
    clip_samples: Samples = 64000
    window_samples: Samples = 400
    hop_samples: Samples = 160
    fft_length: Samples = 512
    num_bands: Annotated[int, Bounds(ge=1, unit="bands")] = 80
    num_coefficients: Annotated[int, Bounds(ge=1, unit="coefficients")] = 20
    fmin_hz: Annotated[float, Bounds(ge=0, unit="Hz")] = 20.0
    fmax_hz: Annotated[float, Bounds(gt=0, unit="Hz")] = 7600.0
    log_floor: Annotated[float, Bounds(gt=0)] = 1e-6
    relative_floor_db: Annotated[float, Bounds(ge=-120, le=0, unit="dB")] = 0.0
    remove_dc: bool = False
    preemphasis: Annotated[float, Bounds(ge=0, lt=1)] = 0.0
    normalisation: Normalisation = "corpus"

    def __post_init__(self) -> None:
        """Checks ranges, and that lengths, edges and bands fit each other.

        Raises:
            SettingsError: A setting is out of its range or does not fit the others.
        """
        super().__post_init__()
        if self.window_samples > self.fft_length:
            raise self.refused(
                "window_samples", f"at most features.fft_length ({self.fft_length} samples)"
            )
        if self.clip_samples < self.fft_length:
            raise self.refused(
                "clip_samples",
                f"at least one FFT frame (features.fft_length is {self.fft_length} samples)",
            )
        if self.fmax_hz > self.sample_rate / 2:
            half = f"{self.sample_rate / 2:g} Hz, half of features.sample_rate"
            raise self.refused("fmax_hz", f"at most {half}")
        if self.fmin_hz >= self.fmax_hz:
            raise self.refused("fmin_hz", f"a frequency below features.fmax_hz ({self.fmax_hz:g})")
        if self.front_end == "lfcc" and self.num_coefficients > self.num_bands:
            raise self.refused("num_coefficients", f"at most features.num_bands ({self.num_bands})")
        empty = np.flatnonzero(filter_matrix(self).max(axis=0) == 0)
        if empty.size:
            raise self.refused(
                "num_bands",
                f"bands that cover an FFT bin each, but band {empty[0]} ({empty.size} in all) "
                "covers none",
                f"Lower it, or raise features.fft_length ({self.fft_length}).",
            )

    @property
    def num_frames(self) -> int:
        """Frames in a clip: only whole FFT frames, none beyond the end of the clip."""
        return 1 + (self.clip_samples - self.fft_length) // self.hop_samples

    @property
    def num_features(self) -> int:
        """Features of a frame, F."""
        return 3 * self.num_coefficients if self.front_end == "lfcc" else self.num_bands

    @property
    def num_bins(self) -> int:
        """FFT bins from zero to half the sample rate."""
        return 1 + self.fft_length // 2

    @property
    def frames_per_second(self) -> float:
        """Frame rate, in Hz."""
        return self.sample_rate / self.hop_samples


def _hz_to_mel(hz: float) -> float:
    """HTK's mel scale, 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@functools.lru_cache(maxsize=16)
def filter_matrix(config: FeatureConfig) -> np.ndarray:
    """Triangular filters, of equal width in mel or in Hz.

    Those in mel equal `librosa.filters.mel(..., htk=True, norm=None)`: triangles without area
    normalisation. Each filter's peak is 1, so `log_floor` sits at the same distance from the power
    of an FFT bin in every band. Area normalisation (the `slaney` choice) would divide wide bands by
    hundreds of Hz and push the quiet high frequencies, where synthesis leaves its traces, below the
    floor; the per-band normalisation that follows removes every other difference between the two.

    `tf.signal.linear_to_mel_weight_matrix` is not used because its triangles are straight lines on
    the mel axis, librosa's on the Hz axis.

    Args:
        config: The front end's settings.

    Returns:
        Weights [num_bins, num_bands], float32.
    """
    bins_hz = np.linspace(0.0, config.sample_rate / 2, config.num_bins)
    low, high = config.fmin_hz, config.fmax_hz
    if config.front_end == "mel":
        edges_hz = _mel_to_hz(np.linspace(_hz_to_mel(low), _hz_to_mel(high), config.num_bands + 2))
    else:
        edges_hz = np.linspace(low, high, config.num_bands + 2)
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
