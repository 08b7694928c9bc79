"""Settings of the features and their mel filters, in a module that imports no framework."""

import dataclasses
import functools

import numpy as np

from models.checks import Checks

NORMALISATIONS = ("corpus", "utterance")


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """Settings of the log-mel front end; primitives only, so they travel as JSON.

    Attributes:
        sample_rate: Rate of the PCM, in Hz.
        clip_samples: Length every clip is cropped to, or repeated to, in samples.
        window_samples: Length of the Hann window, in samples.
        hop_samples: Distance between frames, in samples.
        fft_length: FFT size; the window is centred in it and padded with zeros.
        num_bands: Number of mel bands.
        fmin_hz: Lower edge of the lowest band.
        fmax_hz: Upper edge of the highest band, at most half the sample rate.
        log_floor: Added to the mel power before the logarithm. Full scale is 1, so the rounding
            noise of 16-bit PCM is about 1e-8 per FFT bin and the default stays above it.
        normalisation: `corpus` (mean and variance per band of the training split) or `utterance`
            (mean and variance per band of each clip).
    """

    sample_rate: int = 16000
    clip_samples: int = 64000
    window_samples: int = 400
    hop_samples: int = 160
    fft_length: int = 512
    num_bands: int = 80
    fmin_hz: float = 20.0
    fmax_hz: float = 7600.0
    log_floor: float = 1e-6
    normalisation: str = "corpus"

    def __post_init__(self) -> None:
        """Checks ranges, with messages that say which setting to change.

        Raises:
            ValueError: A setting is out of its range or does not fit the others.
        """
        checks = Checks(self, "features")
        checks.finite()
        checks.whole(
            "sample_rate",
            "clip_samples",
            "window_samples",
            "hop_samples",
            "fft_length",
            "num_bands",
            least=1,
        )
        if self.window_samples > self.fft_length:
            raise ValueError(
                f"features.window_samples ({self.window_samples}) must not be longer than "
                f"features.fft_length ({self.fft_length})"
            )
        if self.clip_samples < self.fft_length:
            raise ValueError(
                f"features.clip_samples ({self.clip_samples}) must hold at least one FFT frame "
                f"(features.fft_length is {self.fft_length})"
            )
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate / 2:
            raise ValueError(
                "features.fmin_hz and features.fmax_hz must satisfy 0 <= fmin < fmax <= "
                f"{self.sample_rate / 2:g} (half of sample_rate), got {self.fmin_hz:g} and "
                f"{self.fmax_hz:g}"
            )
        checks.require(["log_floor"], lambda floor: floor > 0, "above 0")
        checks.one_of("normalisation", NORMALISATIONS)
        empty = np.flatnonzero(mel_matrix(self).max(axis=0) == 0)
        if empty.size:
            raise ValueError(
                f"features: mel band {empty[0]} ({empty.size} in all) covers no FFT bin; lower "
                f"num_bands ({self.num_bands}) or raise fft_length ({self.fft_length})"
            )

    @property
    def num_frames(self) -> int:
        """Frames in a clip: only whole FFT frames, none beyond the end of the clip."""
        return 1 + (self.clip_samples - self.fft_length) // self.hop_samples

    @property
    def num_bins(self) -> int:
        """FFT bins from zero to half the sample rate."""
        return 1 + self.fft_length // 2

    @property
    def frames_per_second(self) -> float:
        """Frame rate, in Hz."""
        return self.sample_rate / self.hop_samples


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """HTK's mel scale, 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@functools.lru_cache(maxsize=16)
def mel_matrix(config: FeatureConfig) -> np.ndarray:
    """Triangular mel filters, equal to `librosa.filters.mel(..., htk=True, norm=None)`.

    HTK triangles without area normalisation: each filter's peak is 1, so `log_floor` sits at the
    same distance from the power of an FFT bin in every band. Area normalisation (the `slaney`
    choice) would divide wide bands by hundreds of Hz and push the quiet high frequencies, where
    synthesis leaves its traces, below the floor; the per-band normalisation that follows removes
    every other difference between the two.

    `tf.signal.linear_to_mel_weight_matrix` is not used because its triangles are straight lines on
    the mel axis, librosa's on the Hz axis.

    Args:
        config: The front end's settings.

    Returns:
        Weights [num_bins, num_bands], float32.
    """
    bins_hz = np.linspace(0.0, config.sample_rate / 2, config.num_bins)
    low, high = _hz_to_mel(np.array([config.fmin_hz, config.fmax_hz], np.float64))
    edges_hz = _mel_to_hz(np.linspace(low, high, config.num_bands + 2))
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
