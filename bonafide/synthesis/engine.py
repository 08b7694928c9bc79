"""What an engine of synthesis is."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Kind = Literal[
    "vocoder", "neural vocoder", "conversion", "text to speech", "external", "partly spoofed"
]
FULL_SCALE = 32_768.0


class SynthesisError(RuntimeError):
    """An engine cannot make a copy; the message states the reason."""


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
    """A synthetic copy.

    Attributes:
        samples: float [M], full scale 1.
        rate_hz: Sampling rate.
        parameters: What was drawn for this copy: names and JSON values.
        segments: Synthetic stretches in samples of `pcm`, for a partly spoofed copy; empty if all
            of it is synthetic.
    """

    samples: np.ndarray
    rate_hz: int
    parameters: Mapping[str, Any]
    segments: tuple[tuple[int, int], ...] = ()


class Engine(abc.ABC):
    """Makes a synthetic copy of a recording, or speaks its text.

    An engine is small and can be pickled: worker processes get a copy of it.

    Attributes:
        name: Id of the attack in the manifest.
        kind: What it is.
        licence: Licence of the software that it uses.
        needs_text: Whether `make` needs a text.
        needs_voice: Whether `make` needs a recording of another speaker.
        aligned: Whether a copy has the timing of the recording, sample for sample.
        top_hz: Frequency above which its copies contain nothing. The real recording gets the same
            limit, so that the band does not tell them apart.
        languages: Codes of the languages that it speaks, such as `en`; empty for any.
    """

    name: str
    kind: Kind = "vocoder"
    licence: str = "Apache-2.0 (this project)"
    needs_text: bool = False
    needs_voice: bool = False
    aligned: bool = True
    top_hz: float = float("inf")
    languages: tuple[str, ...] = ()

    def missing(self) -> str:
        """Returns what is missing to use it and how to get that; empty if it can be used."""
        return ""

    def speaks(self, language: str) -> bool:
        """Returns whether it speaks a language (`en`, `pt-BR`); an unknown one counts as spoken."""
        code = language.lower().replace("_", "-").partition("-")[0]
        return not self.needs_text or not code or not self.languages or code in self.languages

    @property
    def base(self) -> str:
        """The name of the engine that makes its sound, which decides for which splits it is."""
        return self.name

    def identity(self) -> Mapping[str, Any]:
        """Returns what determines its output besides the arguments of `make`, as JSON values."""
        return {"name": self.name}

    @abc.abstractmethod
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
        """Makes a copy.

        Args:
            pcm: int16 [N], mono, N > 0: the recording.
            rate: Its sampling rate in Hz.
            text: What is spoken, for engines with `needs_text`.
            voice: int16 [V] at the same rate, of the speaker whose voice the copy gets, for engines
                with `needs_voice`.
            seed: Of everything that is drawn. The same arguments give the same copy.
            language: Code of the language of the text, such as `en`; empty if it is not known.

        Raises:
            SynthesisError: It cannot make a copy of this recording.
        """


class CopySynthesis(Engine):
    """An engine that needs nothing but the recording."""

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
        """Makes a copy of the recording; see `Engine.make`."""
        return self.copied(as_float(pcm), rate, np.random.default_rng(seed))

    @abc.abstractmethod
    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy.

        Args:
            samples: float64 [N], full scale 1, without their mean.
            rate: Sampling rate in Hz.
            random: Generator of everything that is drawn.

        Raises:
            SynthesisError: It cannot make a copy of this recording.
        """


def as_float(pcm: np.ndarray) -> np.ndarray:
    """Returns int16 samples as float64, full scale 1, without their mean."""
    samples = pcm.astype(np.float64) / FULL_SCALE
    return np.asarray(samples - samples.mean())
