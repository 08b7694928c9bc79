"""Engines of libraries: WORLD (pyworld) and Praat (praat-parselmouth)."""

from __future__ import annotations

import importlib
import importlib.util
import math
from typing import Any

import numpy as np

from bonafide.synthesis.engine import CopySynthesis, Made, SynthesisError

_GET = "pip install 'bonafide[synthesis]'"
_PITCH_HZ = (75, 600)


class World(CopySynthesis):
    """The vocoder WORLD (Morise et al. 2016), with pitch, formants and resolution changed."""

    name = "world"
    licence = "MIT (pyworld), modified BSD (WORLD)"

    def missing(self) -> str:
        """See `Engine.missing`."""
        return _without("pyworld")

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        pyworld = importlib.import_module("pyworld")
        rough, times = pyworld.dio(samples, rate)
        pitches = pyworld.stonemask(samples, rough, times, rate)
        envelope = pyworld.cheaptrick(samples, pitches, times, rate)
        noise = pyworld.d4c(samples, pitches, times, rate)
        shift, formants = float(random.uniform(0.85, 1.18)), float(random.uniform(0.94, 1.07))
        coded = int(random.choice([0, 24, 40, 60]))
        if coded:
            size = 2 * (envelope.shape[1] - 1)
            code = pyworld.code_spectral_envelope(envelope, rate, coded)
            envelope = pyworld.decode_spectral_envelope(code, rate, size)
        places = np.clip(np.arange(envelope.shape[1]) / formants, 0, envelope.shape[1] - 1)
        low = np.minimum(places.astype(int), envelope.shape[1] - 2)
        share = places - low
        warped = envelope[:, low] * (1 - share) + envelope[:, low + 1] * share
        made = pyworld.synthesize(pitches * shift, np.ascontiguousarray(warped), noise, rate)
        parameters = {
            "pitch_factor": round(shift, 3),
            "formant_factor": round(formants, 3),
            "coded_dimensions": coded,
        }
        return Made(made, rate, parameters)


class Psola(CopySynthesis):
    """Pitch and duration changed by Praat's overlap-add of periods (PSOLA)."""

    name = "psola"
    licence = "GPL-3.0-or-later (praat-parselmouth, Praat)"
    aligned = False

    def missing(self) -> str:
        """See `Engine.missing`."""
        return _without("parselmouth", "praat-parselmouth")

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        away = float(random.uniform(0.1, 0.35)) * float(random.choice([-1, 1]))
        pitch, time = math.exp(away), float(random.uniform(0.9, 1.1))

        def change(call: Any, sound: Any) -> Any:
            manipulation = call(sound, "To Manipulation", 0.01, *_PITCH_HZ)
            tier = call(manipulation, "Extract pitch tier")
            call(tier, "Multiply frequencies", sound.xmin, sound.xmax, pitch)
            call([tier, manipulation], "Replace pitch tier")
            durations = call(manipulation, "Extract duration tier")
            call(durations, "Add point", (sound.xmin + sound.xmax) / 2, time)
            call([durations, manipulation], "Replace duration tier")
            return call(manipulation, "Get resynthesis (overlap-add)")

        samples = _with_praat(samples, rate, change, random)
        parameters = {"pitch_factor": round(pitch, 3), "duration_factor": round(time, 3)}
        return Made(samples, rate, parameters)


class FormantChange(CopySynthesis):
    """Formants, pitch and its range changed by Praat's "Change gender"."""

    name = "formant_change"
    licence = "GPL-3.0-or-later (praat-parselmouth, Praat)"
    aligned = False

    def missing(self) -> str:
        """See `Engine.missing`."""
        return _without("parselmouth", "praat-parselmouth")

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        away = float(random.uniform(0.06, 0.2)) * float(random.choice([-1, 1]))
        formants, spread = math.exp(away), float(random.uniform(0.7, 1.3))

        def change(call: Any, sound: Any) -> Any:
            return call(sound, "Change gender", *_PITCH_HZ, formants, 0, spread, 1)

        samples = _with_praat(samples, rate, change, random)
        return Made(
            samples, rate, {"formant_factor": round(formants, 3), "pitch_range": round(spread, 3)}
        )


def _with_praat(
    samples: np.ndarray, rate: int, change: Any, random: np.random.Generator
) -> np.ndarray:
    parselmouth = importlib.import_module("parselmouth")
    praat = importlib.import_module("parselmouth.praat")
    # Its name is Praat's: fine for all but cryptography. Periods in noise are drawn.
    seed = int(random.integers(1, 2**31))
    praat.run(f"random_initializeWithSeedUnsafelyButPredictably ({seed})")
    sound = parselmouth.Sound(samples, sampling_frequency=float(rate))
    try:
        return np.asarray(change(praat.call, sound).values[0])
    except parselmouth.PraatError as error:
        raise SynthesisError(f"Praat refused it: {str(error).splitlines()[0]}") from error


def _without(module: str, package: str = "") -> str:
    if importlib.util.find_spec(module):
        return ""
    return f"the package {package or module}. Run: {_GET}"
