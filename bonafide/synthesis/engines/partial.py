"""Partly spoofed recordings: a synthetic stretch inside a real recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import soxr

from bonafide.audio.distortions import fitted
from bonafide.audio.measures import speech_of
from bonafide.synthesis.engine import FULL_SCALE, Engine, Kind, Made, SynthesisError, as_float

_LEAST_SECONDS = 0.4
_FADE_SECONDS = 0.02
_SHARES = (0.25, 0.6)


class PartlySpoofed(Engine):
    """Replaces a stretch of the speech by another engine's copy of the same stretch.

    Args:
        inner: Makes the copy; its copies have the timing of the recording.
    """

    kind: Kind = "partly spoofed"
    aligned = True

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.name = f"partial_{inner.name}"
        self.licence = inner.licence
        self.needs_voice, self.top_hz = inner.needs_voice, inner.top_hz

    @property
    def base(self) -> str:
        """See `Engine.base`."""
        return self.inner.name

    def missing(self) -> str:
        """See `Engine.missing`."""
        return self.inner.missing()

    def identity(self) -> Mapping[str, Any]:
        """See `Engine.identity`."""
        return {"name": self.name, "inner": self.inner.identity()}

    def make(
        self,
        pcm: np.ndarray,
        rate: int,
        text: str | None = None,
        voice: np.ndarray | None = None,
        *,
        seed: int,
        language: str = "",
    ) -> Made:
        """Makes a copy; see `Engine.make`."""
        random = np.random.default_rng([seed, 1])
        speech, _ = speech_of(pcm, rate)
        length = speech.stop - speech.start
        least = round(_LEAST_SECONDS * rate)
        if length < 2 * least:
            raise SynthesisError(
                f"expected {2 * _LEAST_SECONDS:g} s of speech for a synthetic stretch, got "
                f"{length / rate:.2f} s"
            )
        stretch = max(least, round(length * random.uniform(*_SHARES)))
        begin = speech.start + int(random.integers(length - stretch + 1))
        end = begin + stretch
        made = self.inner.make(pcm, rate, text, voice, seed=seed)
        copy = fitted(_at_rate(made, rate), len(pcm))
        real = as_float(pcm)
        copy *= _size(real[begin:end]) / max(_size(copy[begin:end]), 1 / FULL_SCALE)
        fade = round(_FADE_SECONDS * rate)
        share = np.zeros(len(pcm))
        share[begin:end] = 1
        share = np.convolve(np.pad(share, fade, mode="edge"), np.hanning(fade) / (fade / 2), "same")
        share = np.clip(share[fade:-fade], 0, 1)
        samples = real * (1 - share) + copy * share
        parameters = {"inner": self.inner.name, **made.parameters}
        return Made(samples, rate, parameters, segments=((begin, end),))


def _at_rate(made: Made, rate: int) -> np.ndarray:
    if made.rate_hz == rate:
        return np.asarray(made.samples, np.float64)
    return np.asarray(soxr.resample(made.samples, made.rate_hz, rate, "HQ"), np.float64)


def _size(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))
