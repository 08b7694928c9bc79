"""Settings of the features and their filters, in a module that imports no framework."""

import dataclasses
import functools

import numpy as np

from bonafide.checks import Checks

NORMALISATIONS = ("corpus", "utterance")
FRONT_ENDS = ("mel", "linear", "lfcc")


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """Settings of the front end; primitives only, so they travel as JSON.

    Attributes:
        front_end: `mel` (log power in bands of equal width in mel), `linear` (of equal width in Hz,
            so that high frequencies keep their detail), or `lfcc` (the cepstrum of `linear`, with
            first and second differences).
        sample_rate: Rate of the PCM, in Hz.
        clip_samples: Length every clip is cropped to, or repeated to, in samples.
        window_samples: Length of the Hann window, in samples.
        hop_samples: Distance between frames, in samples.
        fft_length: FFT size; the window is centred in it and padded with zeros.
        num_bands: Number of bands.
        num_coefficients: Cepstral coefficients of `lfcc`, the 0th included; features are three
            times as many.
        fmin_hz: Lower edge of the lowest band.
        fmax_hz: Upper edge of the highest band, at most half the sample rate.
        log_floor: Added to the power before the logarithm. Full scale is 1, so the rounding
            noise of 16-bit PCM is about 1e-8 per FFT bin and the default stays above it.
        remove_dc: Take the mean of the clip from it: recorders and services leave offsets that say
            nothing about speech.
        preemphasis: a in x[n] - a x[n-1]; 0 for none.
        normalisation: `corpus` (mean and variance per band of the training split) or `utterance`
            (mean and variance per band of each clip).
    """

    front_end: str = "mel"
    sample_rate: int = 16000
    clip_samples: int = 64000
    window_samples: int = 400
    hop_samples: int = 160
    fft_length: int = 512
    num_bands: int = 80
    num_coefficients: int = 20
    fmin_hz: float = 20.0
    fmax_hz: float = 7600.0
    log_floor: float = 1e-6
    remove_dc: bool = False
    preemphasis: float = 0.0
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
            "num_coefficients",
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
        checks.require(["preemphasis"], lambda a: 0 <= a < 1, "in [0, 1)")
        checks.one_of("normalisation", NORMALISATIONS)
        checks.one_of("front_end", FRONT_ENDS)
        if self.front_end == "lfcc" and self.num_coefficients > self.num_bands:
            raise ValueError(
                f"features.num_coefficients ({self.num_coefficients}) must not be more than "
                f"features.num_bands ({self.num_bands})"
            )
        empty = np.flatnonzero(filter_matrix(self).max(axis=0) == 0)
        if empty.size:
            raise ValueError(
                f"features: band {empty[0]} ({empty.size} in all) covers no FFT bin; lower "
                f"num_bands ({self.num_bands}) or raise fft_length ({self.fft_length})"
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


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """HTK's mel scale, 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    return 2595.0 * np.log10(1.0 + hz / 700.0)


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
    ends_hz = np.array([config.fmin_hz, config.fmax_hz], np.float64)
    if config.front_end == "mel":
        edges_hz = _mel_to_hz(np.linspace(*_hz_to_mel(ends_hz), config.num_bands + 2))
    else:
        edges_hz = np.linspace(*ends_hz, config.num_bands + 2)
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
