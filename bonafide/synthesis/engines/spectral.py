"""Copy-synthesis that keeps magnitudes of a short-time spectrum and loses its phases."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from bonafide.synthesis import analysis
from bonafide.synthesis.engine import CopySynthesis, Made

# Window lengths and hops in seconds: those of text-to-speech systems.
_WINDOWS = (0.032, 0.064)
_HOPS_A_WINDOW = 4


class GriffinLimLinear(CopySynthesis):
    """All magnitudes of the spectrum, phases by the algorithm of Griffin and Lim (1984)."""

    name = "griffin_lim_linear"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        length = _length(float(random.choice(_WINDOWS)), rate)
        iterations = int(random.integers(8, 33))
        hop = length // _HOPS_A_WINDOW
        magnitudes = np.abs(analysis.stft(samples, length, hop))
        samples = analysis.griffin_lim(magnitudes, hop, len(samples), iterations, random)
        return Made(samples, rate, {"window": length, "hop": hop, "iterations": iterations})


class GriffinLimMel(CopySynthesis):
    """A mel spectrogram, back to magnitudes by the pseudo-inverse, then Griffin and Lim."""

    name = "griffin_lim_mel"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        length = _length(0.064, rate)
        hop = length // int(random.choice([4, 8]))
        bands = int(random.choice([64, 80, 100, 128]))
        iterations = int(random.integers(8, 25))
        weights = analysis.mel_bands(rate, length, bands)
        mel = np.abs(analysis.stft(samples, length, hop)) @ weights
        magnitudes = np.maximum(mel @ np.linalg.pinv(weights), 1e-7)
        samples = analysis.griffin_lim(magnitudes, hop, len(samples), iterations, random)
        return Made(samples, rate, {"bands": bands, "hop": hop, "iterations": iterations})


class PhaseDisturbed(CopySynthesis):
    """All magnitudes, with phases that are noisy, coarse or those of minimum phase.

    Neural vocoders that predict phases err in this way.
    """

    name = "phase_disturbed"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        length = _length(float(random.choice(_WINDOWS)), rate)
        hop = length // _HOPS_A_WINDOW
        spectra = analysis.stft(samples, length, hop)
        way = str(random.choice(["noisy", "coarse", "smooth"]))
        strength = float(random.uniform(0.6, 1.6))
        match way:
            case "noisy":
                turns = strength * random.normal(size=spectra.shape)
            case "smooth":  # Alike in neighbouring frames and frequencies.
                noise = scipy.ndimage.gaussian_filter(random.normal(size=spectra.shape), (1, 3))
                turns = 2 * strength * noise / noise.std()
            case _:
                step = 2 * np.pi / (3 + round(2 * strength))
                turns = np.round(np.angle(spectra) / step) * step - np.angle(spectra)
        changed = spectra * np.exp(1j * turns.astype(np.float32))
        samples = analysis.istft(changed, hop, len(samples))
        return Made(samples, rate, {"way": way, "strength": round(strength, 3), "window": length})


def _length(seconds: float, rate: int) -> int:
    """Returns the nearest length that is a multiple of 16 samples."""
    return max(16, round(seconds * rate / 16) * 16)
