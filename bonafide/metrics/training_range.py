"""What the speech that a model was trained on is like, and which recordings are unlike it.

Of each quality (bandwidth, level, ...) the range that holds the middle 95 % of the clips of a
class; of both classes the union, so that a class with few clips counts as much as the other one. A
recording is unlike training if a quality lies outside its range by more than a margin. The margin
is in the unit of the quality, so that a range without width (all clips at one level) is none of
one value. `bonafide.scoring.qualities` measures recordings, of training and of use alike.
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
# Of each class at least; of fewer clips the ends of a range are single clips.
LEAST_CLIPS = 10


class TrainingRangeError(ValueError):
    """A file that states no ranges; the message says what is wrong with it."""


@dataclasses.dataclass(frozen=True)
class Quality:
    """Something that is measured of speech.

    Attributes:
        name: In files.
        title: In words.
        margins: How far below and how far above its range a value is still like training.
        factor: From the value to what is shown.
        decimals: Of what is shown.
        unit: Behind what is shown.
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


# In the order in which `bonafide.scoring.qualities` measures them. With these margins, less than 2
# in 100 clips of a dev set like training are unlike it (docs/measurements/robustness.md).
QUALITIES = (
    Quality("bandwidth_hz", "bandwidth", (500.0, 500.0), 0.001, 1, "kHz"),
    Quality("level_dbfs", "level", (6.0, 6.0), 1.0, 0, "dBFS"),
    # Above: silence between words that is digital or nearly so has no bottom.
    Quality("snr_db", "speech above the noise floor", (4.0, 15.0), 1.0, 0, "dB"),
    Quality("segment_seconds", "length of a segment", (0.4, 0.4), 1.0, 1, "s"),
    Quality("speech_share", "share of speech in a segment", (0.2, 0.2), 100.0, 0, "%"),
)
LEVEL = "level_dbfs"


@dataclasses.dataclass(frozen=True)
class Range:
    """Where the clips of training lie.

    Attributes:
        low: Lower end.
        high: Upper end.
        judged: Whether a recording outside of it is unlike training. Not where the model does not
            notice: a level that its features take out.
    """

    low: float
    high: float
    judged: bool = True


@dataclasses.dataclass(frozen=True)
class Side:
    """The clips of a split on one side of the ranges.

    Attributes:
        n_bonafide: How many bona fide clips.
        n_spoof: How many spoofs.
        eer: Their equal error rate; None with too few of a class.
        far: Of these spoofs, the share above the frozen threshold; None where not known.
        frr: Of these bona fide clips, the share at or below it; None where not known.
    """

    n_bonafide: int
    n_spoof: int
    eer: float | None = None
    far: float | None = None
    frr: float | None = None

    @property
    def clips(self) -> int:
        """How many there are."""
        return self.n_bonafide + self.n_spoof


@dataclasses.dataclass(frozen=True)
class SplitCheck:
    """How the clips of a split lie to the ranges.

    Attributes:
        inside: Those like training.
        outside: Those unlike training.
    """

    inside: Side
    outside: Side

    @property
    def unlike_share(self) -> float:
        """Share of the clips that are unlike training."""
        return self.outside.clips / max(1, self.inside.clips + self.outside.clips)


@dataclasses.dataclass(frozen=True)
class TrainingRange:
    """What a model's training data are like.

    Attributes:
        ranges: Name of a quality -> its range.
        clips: How many clips of training were measured.
        copies: How many of them were degraded copies.
        splits: `dev` and `eval` -> how they lie to the ranges; empty where not known.
    """

    ranges: Mapping[str, Range]
    clips: int
    copies: int = 0
    splits: Mapping[str, SplitCheck] = dataclasses.field(default_factory=dict)

    def reasons(self, values: Sequence[float]) -> list[str]:
        """Says what about a recording is unlike training, in words; empty where nothing is.

        Args:
            values: [len(QUALITIES)] of the recording; NaN, not known, is like training.
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
        """Returns the range of a quality in words, such as `7.2 to 8 kHz`."""
        found = self.ranges[quality.name]
        low, high = quality.number(found.low), quality.number(found.high)
        return f"{low} {quality.unit}" if low == high else f"{low} to {high} {quality.unit}"

    def _outside(self, values: np.ndarray) -> np.ndarray:
        found = [self.ranges[quality.name] for quality in QUALITIES]
        below, above = np.array([quality.margins for quality in QUALITIES]).T
        low = np.array([one.low for one in found]) - below
        high = np.array([one.high for one in found]) + above
        judged = np.array([one.judged for one in found])
        return np.asarray(((values < low) | (values > high)) & judged)

    def to_json(self) -> dict[str, Any]:
        """Returns it ready for JSON, with the margins that hold now."""
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
            TrainingRangeError: It states no ranges, or in a format of a newer version.
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
            TrainingRangeError: It is no JSON, or states no ranges.
        """
        try:
            return cls.from_json(json.loads(text))
        except json.JSONDecodeError as error:
            raise TrainingRangeError(f"no JSON: {error}") from error


def range_words(training: TrainingRange) -> list[tuple[str, str, str]]:
    """Returns, of each quality, its title, its range and what follows from leaving it, in words."""
    return [
        (
            quality.title,
            training.words(quality),
            _margin_words(quality)
            if training.ranges[quality.name].judged
            else "not judged: the model's features are the same at any level",
        )
        for quality in QUALITIES
    ]


def _margin_words(quality: Quality) -> str:
    below, above = map(quality.number, quality.margins)
    if below == above:
        return f"unlike training if more than {below} {quality.unit} outside"
    return f"unlike training if more than {below} {quality.unit} below or {above} above"


def split_words(name: str, check: SplitCheck) -> str:
    """Says how many clips of a split are unlike training, and how well they are told apart."""
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
    """Returns the ranges of training's clips; None with fewer than `LEAST_CLIPS` of each class.

    Args:
        values: [N, len(QUALITIES)]; NaN where not known.
        is_bonafide: bool [N].
        copies: How many of them are degraded copies.
        unnoticed: Names of the qualities that are stated and not judged.
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
    """Returns how the clips of a split lie to the ranges.

    Args:
        unlike: bool [N], see `TrainingRange.unlike`.
        is_bonafide: bool [N].
        side_of: bool [N] -> error rates of the chosen clips; None counts them.
    """

    def counted(chosen: np.ndarray) -> Side:
        bonafide = int(np.count_nonzero(chosen & is_bonafide))
        return Side(bonafide, int(np.count_nonzero(chosen)) - bonafide)

    describe = side_of or counted
    return SplitCheck(describe(~unlike), describe(unlike))
