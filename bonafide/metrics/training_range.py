"""Ranges of the qualities of training speech, and detection of recordings outside them.

The range of a quality (bandwidth, level, ...) is the union of the central 95 % of the clips of each
class, so that a class with few clips counts as much as the other one. A recording is unlike
training if a quality is outside its range by more than a margin. The margin is in the unit of the
quality, so that a range of zero width (all clips at one level) still admits other values.
`bonafide.scoring.qualities` measures training clips and scored recordings with the same code.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

FORMAT = 1
COVERAGE = 0.95
# Minimum per class; with fewer clips the ends of a range are single clips.
LEAST_CLIPS = 10


class TrainingRangeError(ValueError):
    """The file contains no valid ranges; the message gives the reason."""


@dataclasses.dataclass(frozen=True)
class Quality:
    """A measured quality of speech.

    Attributes:
        name: Name in files.
        title: Name in texts.
        margins: Tolerance below and above the range.
        factor: Factor from the value to the displayed number.
        decimals: Decimals of the displayed number.
        unit: Unit of the displayed number.
    """

    name: str
    title: str
    margins: tuple[float, float]
    factor: float
    decimals: int
    unit: str

    def number(self, value: float) -> str:
        """Returns a value in words, without its unit."""
        text = f"{value * self.factor:.{self.decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text

    def shown(self, value: float) -> str:
        """Returns a value in words."""
        return f"{self.number(value)} {self.unit}"


# In the order of `bonafide.scoring.qualities`. With these margins, fewer than 2 % of the clips of a
# dev set similar to training are unlike training (docs/measurements/robustness.md).
QUALITIES = (
    Quality("bandwidth_hz", "bandwidth", (500.0, 500.0), 0.001, 1, "kHz"),
    Quality("level_dbfs", "level", (6.0, 6.0), 1.0, 0, "dBFS"),
    # Wide upper margin: digital silence between words has an unbounded ratio.
    Quality("snr_db", "speech above the noise floor", (4.0, 15.0), 1.0, 0, "dB"),
    Quality("segment_seconds", "length of a segment", (0.4, 0.4), 1.0, 1, "s"),
    Quality("speech_share", "share of speech in a segment", (0.2, 0.2), 100.0, 0, "%"),
    # Raised by the gaps that lossy codecs leave at low bit rates, which keep the bandwidth.
    Quality("roughness_db", "roughness of the spectrum", (0.5, 0.5), 1.0, 1, "dB"),
)
LEVEL = "level_dbfs"
# Added after the others: a file without a range of it is older, and it is not judged.
_NOT_IN_OLDER_FILES = ("roughness_db",)


@dataclasses.dataclass(frozen=True)
class Range:
    """Range of a quality over the training clips.

    Attributes:
        low: Lower end.
        high: Upper end.
        judged: Whether a recording outside of it is unlike training. False if the model ignores the
            quality, as features with normalised level do.
    """

    low: float
    high: float
    judged: bool = True


_ANY = Range(0.0, 0.0, judged=False)


@dataclasses.dataclass(frozen=True)
class Side:
    """The clips of a split inside or outside the ranges.

    Attributes:
        n_bonafide: Number of bona fide clips.
        n_spoof: Number of spoofs.
        eer: Their equal error rate; None with too few of a class.
        far: Share of these spoofs above the frozen threshold; None if unknown.
        frr: Share of these bona fide clips at or below it; None if unknown.
    """

    n_bonafide: int
    n_spoof: int
    eer: float | None = None
    far: float | None = None
    frr: float | None = None

    @property
    def clips(self) -> int:
        """Number of clips."""
        return self.n_bonafide + self.n_spoof


@dataclasses.dataclass(frozen=True)
class SplitCheck:
    """The clips of a split by whether they are inside the ranges.

    Attributes:
        inside: Clips like training.
        outside: Clips unlike training.
    """

    inside: Side
    outside: Side

    @property
    def unlike_share(self) -> float:
        """Share of the clips that are unlike training."""
        return self.outside.clips / max(1, self.inside.clips + self.outside.clips)


@dataclasses.dataclass(frozen=True)
class TrainingRange:
    """Ranges of the training data of a model.

    Attributes:
        ranges: Name of a quality -> its range; qualities without one are not judged.
        clips: Number of measured training clips.
        copies: Number of degraded copies among them.
        splits: `dev` and `eval` -> their check against the ranges; empty if unknown.
    """

    ranges: Mapping[str, Range]
    clips: int
    copies: int = 0
    splits: Mapping[str, SplitCheck] = dataclasses.field(default_factory=dict)

    def reasons(self, values: Sequence[float]) -> list[str]:
        """Returns the reasons why a recording is unlike training; empty if it is not.

        Args:
            values: [len(QUALITIES)] of the recording; NaN (unknown) counts as like training.
        """
        return [
            f"{quality.title} {quality.shown(value)} (training: {self.words(quality)})"
            for quality, value, outside in zip(
                QUALITIES, values, self._outside(np.asarray([values], float))[0], strict=True
            )
            if outside
        ]

    def unlike(self, values: np.ndarray) -> np.ndarray:
        """Returns which of N recordings are unlike training, bool [N].

        Args:
            values: [N, len(QUALITIES)].
        """
        return np.asarray(self._outside(values).any(axis=1))

    def words(self, quality: Quality) -> str:
        """Returns the range of a quality that has one in words, such as `7.2 to 8 kHz`."""
        found = self.ranges[quality.name]
        low, high = quality.number(found.low), quality.number(found.high)
        return f"{low} {quality.unit}" if low == high else f"{low} to {high} {quality.unit}"

    def _outside(self, values: np.ndarray) -> np.ndarray:
        found = [self.ranges.get(quality.name, _ANY) for quality in QUALITIES]
        below, above = np.array([quality.margins for quality in QUALITIES]).T
        low = np.array([one.low for one in found]) - below
        high = np.array([one.high for one in found]) + above
        judged = np.array([one.judged for one in found])
        return np.asarray(((values < low) | (values > high)) & judged)

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON object, including the current margins."""
        margins = {quality.name: quality.margins for quality in QUALITIES}
        return {
            "format": FORMAT,
            "coverage": COVERAGE,
            "clips": self.clips,
            "copies": self.copies,
            "ranges": {
                name: {**dataclasses.asdict(one), "margins": margins[name]}
                for name, one in self.ranges.items()
            },
            "splits": {name: dataclasses.asdict(one) for name, one in self.splits.items()},
        }

    @classmethod
    def from_json(cls, found: Any) -> Self:
        """The inverse of `to_json`.

        Raises:
            TrainingRangeError: It contains no valid ranges, or has the format of a newer version.
        """
        if not isinstance(found, dict) or not isinstance(found.get("format"), int):
            raise TrainingRangeError("expected an object with `format` and `ranges`")
        if found["format"] != FORMAT:
            raise TrainingRangeError(
                f"expected format {FORMAT}, got {found['format']}: it is of another version of "
                "Bonafide"
            )
        try:
            ranges = {
                quality.name: Range(
                    float(found["ranges"][quality.name]["low"]),
                    float(found["ranges"][quality.name]["high"]),
                    bool(found["ranges"][quality.name]["judged"]),
                )
                for quality in QUALITIES
                if quality.name in found["ranges"] or quality.name not in _NOT_IN_OLDER_FILES
            }
            if not all(
                math.isfinite(one.low) and math.isfinite(one.high) and one.low <= one.high
                for one in ranges.values()
            ):
                raise TrainingRangeError("expected ranges of finite numbers, the lower end first")
            splits = {
                name: SplitCheck(Side(**check["inside"]), Side(**check["outside"]))
                for name, check in found["splits"].items()
            }
            return cls(ranges, int(found["clips"]), int(found["copies"]), splits)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, TrainingRangeError):
                raise
            raise TrainingRangeError(f"{type(error).__name__}: {error}") from error

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads the file.

        Raises:
            TrainingRangeError: It is not JSON, or contains no valid ranges.
        """
        try:
            return cls.from_json(json.loads(text))
        except json.JSONDecodeError as error:
            raise TrainingRangeError(f"no JSON: {error}") from error


def range_words(training: TrainingRange) -> list[tuple[str, str, str]]:
    """Returns title, range and rule of each quality, as texts."""
    return [
        (
            quality.title,
            training.words(quality),
            _margin_words(quality)
            if training.ranges[quality.name].judged
            else "not judged: the model's features are the same at any level",
        )
        for quality in QUALITIES
        if quality.name in training.ranges
    ]


def _margin_words(quality: Quality) -> str:
    below, above = map(quality.number, quality.margins)
    if below == above:
        return f"unlike training if more than {below} {quality.unit} outside"
    return f"unlike training if more than {below} {quality.unit} below or {above} above"


def split_words(name: str, check: SplitCheck) -> str:
    """Returns a text with the share of clips unlike training and the error rates."""
    total = check.inside.clips + check.outside.clips
    text = (
        f"Of {total:,} clips of {name}, {check.outside.clips:,} "
        f"({100 * check.unlike_share:.1f} %) are unlike training"
    )
    rates = [
        f"{title} {100 * outside:.0f} % of these and {100 * inside:.0f} % of the others"
        for title, inside, outside in (
            ("EER", check.inside.eer, check.outside.eer),
            ("FAR", check.inside.far, check.outside.far),
            ("FRR", check.inside.frr, check.outside.frr),
        )
        if inside is not None and outside is not None
    ]
    return f"{text}: {', '.join(rates)}." if rates else f"{text}."


def fit(
    values: np.ndarray, is_bonafide: np.ndarray, *, copies: int = 0, unnoticed: Sequence[str] = ()
) -> TrainingRange | None:
    """Returns the ranges of training clips; None with fewer than `LEAST_CLIPS` of a class.

    Args:
        values: [N, len(QUALITIES)]; NaN if unknown.
        is_bonafide: bool [N].
        copies: Number of degraded copies among them.
        unnoticed: Names of qualities to state but not to judge.
    """
    flags = np.asarray(is_bonafide, bool)
    classes = [values[flags], values[~flags]]
    if min(map(len, classes)) < LEAST_CLIPS:
        return None
    tail = 100 * (1 - COVERAGE) / 2
    ends = np.stack(
        [np.nanpercentile(of_class, [tail, 100 - tail], axis=0) for of_class in classes]
    )
    low, high = np.nanmin(ends[:, 0], axis=0), np.nanmax(ends[:, 1], axis=0)
    ranges = {
        quality.name: Range(
            round(float(low[i]), 3), round(float(high[i]), 3), quality.name not in unnoticed
        )
        for i, quality in enumerate(QUALITIES)
    }
    return TrainingRange(ranges, len(values), copies)


def check(
    unlike: np.ndarray,
    is_bonafide: np.ndarray,
    side_of: Callable[[np.ndarray], Side] | None = None,
) -> SplitCheck:
    """Counts the clips of a split inside and outside the ranges.

    Args:
        unlike: bool [N], see `TrainingRange.unlike`.
        is_bonafide: bool [N].
        side_of: bool [N] -> error rates of the selected clips; None only counts them.
    """

    def counted(chosen: np.ndarray) -> Side:
        bonafide = int(np.count_nonzero(chosen & is_bonafide))
        return Side(bonafide, int(np.count_nonzero(chosen)) - bonafide)

    describe = side_of or counted
    return SplitCheck(describe(~unlike), describe(unlike))
