"""Degradations of speech, each given by a short spec; `degradation_specs` lists them."""

from __future__ import annotations

import numpy as np

from bonafide.audio import coding, distortions
from bonafide.audio.coding import CodecMissingError
from bonafide.audio.degradation_specs import CODECS, STEPS, DegradationError, Step, parse

__all__ = ["STEPS", "CodecMissingError", "DegradationError", "degrade", "parse"]

_FULL_SCALE = 32_768.0


def degrade(pcm: np.ndarray, spec: str, seed: int, sample_rate: int = 16_000) -> np.ndarray:
    """Degrades speech.

    The delay of a codec is compensated. The same arguments give the same samples, with the
    same version of PyAV and on the same kind of processor.

    Args:
        pcm: int16 [N], mono.
        spec: Steps separated by `|`, such as `mp3:64k` or `amrnb:12.2k|lowpass:3400`; `none`
            does not change the samples.
        seed: Random seed (noise, rooms), 0 or more.
        sample_rate: Sampling rate in Hz.

    Returns:
        int16 [N].

    Raises:
        DegradationError: There is no such degradation.
        CodecMissingError: The installed FFmpeg lacks the encoder.

    Example:
        >>> telephone = degrade(pcm, "highpass:300|amrnb:12.2k", seed=1)
    """
    steps = parse(spec)
    if not steps or not len(pcm):
        return pcm
    samples = pcm.astype(np.float32) / np.float32(_FULL_SCALE)
    for place, step in enumerate(steps):
        samples = _apply(step, samples, sample_rate, np.random.default_rng([seed, place]))
    return np.asarray(np.clip(np.rint(samples * _FULL_SCALE), -32_768, 32_767), np.int16)


def _apply(
    step: Step, samples: np.ndarray, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """Applies one step: float32 [N], full scale 1, to float32 [N]."""
    if step.name in CODECS:
        return coding.round_trip(samples, sample_rate, step.name, step.rate, step.rate_hz)
    match step.name:
        case "lowpass":
            return distortions.lowpass(samples, sample_rate, step.number)
        case "highpass":
            return distortions.highpass(samples, sample_rate, step.number)
        case "resample":
            return distortions.through_rate(samples, sample_rate, step.number)
        case "noise":
            return distortions.add_noise(samples, sample_rate, step.number, random)
        case "pink":
            return distortions.add_noise(samples, sample_rate, step.number, random, tilt=1.0)
        case "room":
            return distortions.add_room(samples, sample_rate, step.number, random)
        case "gain":
            return distortions.gain(samples, step.number)
        case "level":
            return distortions.to_level(samples, sample_rate, step.number)
    raise NotImplementedError(step.name)
