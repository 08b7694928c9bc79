"""Random chains of realistic degradations, for augmented training copies."""

from __future__ import annotations

import hashlib

import numpy as np

from bonafide.audio.degradation_specs import CODECS

# Probability of each kind of channel. Half of the copies keep most of their bandwidth:
# a detector of the channel's class would still work on them.
_KINDS = {
    "codec": 0.35,
    "lowpass": 0.2,
    "telephone": 0.15,
    "resample": 0.1,
    "open": 0.2,  # no channel: only noise, room or level
}
_MUSIC_CODECS = ("mp3", "aac", "opus", "vorbis", "wma")
_TELEPHONE_CODECS = ("alaw", "mulaw", "g726", "amrnb")
_RESAMPLED_HZ = (8_000, 11_025, 12_000, 22_050, 24_000, 44_100)
_NOISE_PROBABILITY, _ROOM_PROBABILITY, _GAIN_PROBABILITY = 0.35, 0.1, 0.5


def draw_chain(seed: int, utterance: str, copy: int) -> str:
    """Draws the chain of degradations of a copy of an utterance.

    A room and noise come first, as at a microphone, then the channel, then the level. Bit
    rates, band limits and so on are drawn uniformly from the values of `degradation_specs`.

    Args:
        seed: Seed of the run.
        utterance: Id of the utterance.
        copy: Number of the copy, from 1.

    Returns:
        A spec for `degrade`; it depends only on the arguments, not on the class of the utterance.
    """
    random = np.random.default_rng(seed_of(seed, utterance, copy))
    steps = []
    kind = str(random.choice(list(_KINDS), p=list(_KINDS.values())))
    if random.random() < _ROOM_PROBABILITY:
        steps.append(f"room:{random.uniform(0.1, 0.6):.2f}")
    if random.random() < _NOISE_PROBABILITY or (kind == "open" and not steps):
        steps.append(f"{random.choice(['noise', 'pink'])}:{random.uniform(10, 40):.0f}")
    steps += _channel(kind, random)
    if random.random() < _GAIN_PROBABILITY:
        steps.append(f"gain:{random.uniform(-15, 5):.0f}")
    return "|".join(steps)


def seed_of(seed: int, utterance: str, copy: int) -> int:
    """Returns the random seed, below 2**63, of a copy of an utterance.

    A hash: the same in every worker, and independent of the other utterances.
    """
    digest = hashlib.sha256(f"{seed}\t{utterance}\t{copy}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _channel(kind: str, random: np.random.Generator) -> list[str]:
    match kind:
        case "codec":
            return [_coded(str(random.choice(_MUSIC_CODECS)), random)]
        case "lowpass":
            return [f"lowpass:{10 * random.integers(340, 790)}"]
        case "telephone":
            band = ["highpass:300"] if random.random() < 0.5 else []
            return [*band, _coded(str(random.choice(_TELEPHONE_CODECS)), random)]
        case "resample":
            return [f"resample:{random.choice(_RESAMPLED_HZ)}"]
    return []


def _coded(name: str, random: np.random.Generator) -> str:
    rates = CODECS[name].rates
    return f"{name}:{random.choice(rates)}" if rates else name
