"""Channels of a recording: their names, and whether they carry the same signal.

The mean of channels with different voices is a mixture of them, and that of a channel and its
negative is silence. So channels are averaged only if they are alike; otherwise each is scored
separately.

The rule: a recording is divided into sections of half a second. A section is compared if its
loudest channel is at most 40 dB below the loudest section of the recording. In it, each channel
that is not silent is compared with the loudest one. They are alike if their correlation (without
delay, without their means) is at least `MIN_CORRELATION` and their levels differ by at most
`MAX_LEVEL_DIFFERENCE_DB`. The channels of a recording differ if the sections in which they differ
last `MIN_DIFFERENT_SECONDS` in total, or `MIN_DIFFERENT_SHARE` of the compared time. They are
opposite if the correlation is below `-MIN_CORRELATION` in most of these sections. A channel is
silent if its level over the whole recording is below `SILENT_DBFS`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

MIX: Literal["mix"] = "mix"
Choice = Literal["mix", "left", "right", "reject"]  # Policy of a corpus for several channels.
Kind = Literal["one", "alike", "opposite", "different", "one silent"]

MIN_CORRELATION = 0.9
MAX_LEVEL_DIFFERENCE_DB = 6.0
MIN_DIFFERENT_SECONDS = 1.0
MIN_DIFFERENT_SHARE = 0.2
SILENT_DBFS = -70.0
_SECTION_SECONDS = 0.5
_QUIET_DB = 40.0
_TINY = 1e-20


def names(count: int) -> tuple[str, ...]:
    """Returns the names of the channels of a recording: `left` and `right` if there are two."""
    if count == 1:
        return ("mono",)
    if count == 2:
        return ("left", "right")
    return tuple(f"channel {number}" for number in range(1, count + 1))


def index(channel: str, count: int) -> int | None:
    """Returns the index of a channel; None for `mix`, or if there is only one channel.

    Args:
        channel: `mix`, `left`, `right` (the first and the second of any number), or one
            of `names(count)`.
        count: Number of channels of the recording.

    Raises:
        ValueError: There is no such channel.
    """
    if channel == MIX:
        return None
    known = dict(zip(("left", "right"), range(count), strict=False))
    known |= {name: place for place, name in enumerate(names(count))}
    if count == 1 and channel in ("left", "right", "mono"):
        return None
    if channel not in known:
        raise ValueError(
            f"expected one of mix, {', '.join(known)}, got {channel!r} for {count} channels"
        )
    return known[channel]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Whether the channels of a recording carry the same signal.

    Attributes:
        kind: `one` channel; `alike`; `opposite` in phase; `different`; or `one silent`: at least
            one channel is silent, and the others are alike.
        names: Names of the channels, in order.
        silent: Names of the silent channels. If all are silent, `kind` is `alike`.
        correlation: Lowest correlation of a channel with the loudest one, the median over
            sections: over the sections that differ, unless `kind` is `alike`. 1 if nothing was
            compared.
        level_difference_db: Largest level difference of a channel from the loudest one, the median
            over the same sections, at least 0.
        different_seconds: Total duration of the sections that differ.
    """

    kind: Kind
    names: tuple[str, ...]
    silent: tuple[str, ...] = ()
    correlation: float = 1.0
    level_difference_db: float = 0.0
    different_seconds: float = 0.0

    @property
    def alike(self) -> bool:
        """Whether the mean of the channels equals each of them."""
        return self.kind in ("one", "alike")

    @property
    def to_score(self) -> tuple[str, ...]:
        """Channels to score: `mix` if the channels are alike, else each that is not silent."""
        if self.alike:
            return (MIX,)
        return tuple(name for name in self.names if name not in self.silent)

    def __str__(self) -> str:
        if self.kind == "one silent":
            return f"silent: {', '.join(self.silent)}"
        said = {
            "one": "one channel",
            "alike": f"{len(self.names)} channels that are alike",
            "opposite": "channels opposite in phase",
            "different": "different channels",
        }[self.kind]
        if self.kind in ("one", "alike"):
            return said
        return (
            f"{said} for {self.different_seconds:.1f} s (correlation {self.correlation:.2f}, "
            f"levels {self.level_difference_db:.1f} dB apart)"
        )


class Meter:
    """Compares the channels of a recording block by block, in bounded memory.

    Args:
        count: Number of channels.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rest = np.zeros((0, count), np.float32)
        self._rate_hz = 0
        self._seconds: list[np.ndarray] = []  # Durations of sections, [S] each.
        self._powers: list[np.ndarray] = []  # Of channels, [S, C] each.
        self._correlations: list[np.ndarray] = []  # With the loudest one, [S, C] each.

    def add(self, block: np.ndarray, rate_hz: int) -> None:
        """Adds the next samples.

        Args:
            block: float32 [M, C], full scale 1.
            rate_hz: Their rate. A change starts a new section.
        """
        if rate_hz != self._rate_hz:
            self._flush()
            self._rate_hz = rate_hz
        if len(self._rest):
            block = np.concatenate([self._rest, block])
        length = max(1, round(self._rate_hz * _SECTION_SECONDS))
        whole = len(block) // length
        self._rest = block[whole * length :].copy()
        if whole:
            self._compare(block[: whole * length].reshape(whole, length, self._count))

    def finish(self) -> Agreement:
        """Returns the result for all samples."""
        self._flush()
        known = names(self._count)
        if self._count == 1:
            return Agreement("one", known)
        if not self._seconds:
            return Agreement("alike", known, silent=known)
        seconds = np.concatenate(self._seconds)
        powers, correlations = np.concatenate(self._powers), np.concatenate(self._correlations)
        level = 10 * np.log10(np.average(powers, axis=0, weights=seconds) + _TINY)
        audible = level >= SILENT_DBFS
        silent = tuple(name for name, loud in zip(known, audible, strict=True) if not loud)
        if not audible.any():
            return Agreement("alike", known, silent=silent)
        return _judged(known, silent, seconds, powers[:, audible], correlations[:, audible])

    def _flush(self) -> None:
        # A shorter last section is compared as well, weighted by its length.
        if len(self._rest) > 1:
            self._compare(self._rest[None])
        self._rest = self._rest[:0]

    def _compare(self, sections: np.ndarray) -> None:
        """Compares sections [S, L, C]."""
        length = sections.shape[1]
        centred = sections - sections.mean(axis=1, keepdims=True)
        products = np.matmul(centred.transpose(0, 2, 1), centred).astype(np.float64)  # [S, C, C]
        energies = np.einsum("scc->sc", products)
        loudest = energies.argmax(axis=1)
        rows = np.arange(len(sections))
        scale = np.sqrt(energies * energies[rows, loudest][:, None])
        self._correlations.append(products[rows, loudest] / np.maximum(scale, _TINY))
        self._powers.append(energies / length)
        self._seconds.append(np.full(len(sections), length / self._rate_hz))


def _judged(
    known: tuple[str, ...],
    silent: tuple[str, ...],
    seconds: np.ndarray,
    powers: np.ndarray,
    correlations: np.ndarray,
) -> Agreement:
    """Returns the agreement of channels that are not silent: [S], [S, C] and [S, C]."""
    loudest = powers.max(axis=1)
    counts = loudest >= loudest.max() * 10 ** (-_QUIET_DB / 10)
    seconds, powers, correlations = seconds[counts], powers[counts], correlations[counts]
    below_db = 10 * np.log10((loudest[counts][:, None] + _TINY) / (powers + _TINY))
    unlike = (correlations < MIN_CORRELATION) | (below_db > MAX_LEVEL_DIFFERENCE_DB)
    different = unlike.any(axis=1)
    different_seconds = float(seconds[different].sum())
    enough = min(MIN_DIFFERENT_SECONDS, MIN_DIFFERENT_SHARE * float(seconds.sum()))
    if not different.any() or different_seconds < enough:
        kind: Kind = "one silent" if silent else "alike"
        shown = np.ones(len(seconds), bool)
    else:
        opposite = float(seconds[(correlations < -MIN_CORRELATION).any(axis=1)].sum())
        kind = "opposite" if opposite > different_seconds / 2 else "different"
        shown = different
    return Agreement(
        kind,
        names=known,
        silent=silent,
        correlation=float(np.median(correlations[shown].min(axis=1))),
        level_difference_db=float(np.median(below_db[shown].max(axis=1))),
        different_seconds=different_seconds,
    )
