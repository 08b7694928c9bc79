"""How well single measures separate the classes: figures, without a verdict."""

from __future__ import annotations

import dataclasses

import numpy as np

from bonafide.audio.measures import NUMBERS
from bonafide.dataset.listing import CONDITIONS
from bonafide.metrics.detection import Floats, curve_of, eer_of, equal_error_rate
from bonafide.metrics.resampling import ClusterBootstrap, NoIntervalError
from bonafide.metrics.slices import MOST_VALUES
from bonafide.trials.trials import Trials
from components.data_gate.table import Table

ENCODING = "file_encoding"
# No shortcut: synthesis is smoother than speech. `one_sided` looks for the reverse.
ROUGHNESS = "roughness_db"
SHORTCUTS = tuple(name for name in NUMBERS if name != ROUGHNESS)
COLUMNS = (*SHORTCUTS, ENCODING, *CONDITIONS)
LEAST_TRIALS = 20  # of each class; splits with fewer are skipped
LEAST_OF_ATTACK = 10
_MOST_TRIALS = 40_000  # sampled from a split: enough for every figure here
_RESAMPLES = 200
_SEED = 1


@dataclasses.dataclass(frozen=True)
class Separation:
    """How well one measure separates the classes of a split.

    Attributes:
        split: Name of the split.
        number: Name of the measure, one of COLUMNS, or `all`.
        eer: Equal error rate of the best direction, a fraction.
        ci95: Its 95 % interval by speakers; None with too few speakers.
        spoof_higher: Whether larger values mean spoof.
        medians: Of bona fide and of spoof; None if the measure is categorical.
        attacks: Attack -> equal error rate against all bona fide speech, the lowest first.
    """

    split: str
    number: str
    eer: float
    ci95: tuple[float, float] | None
    spoof_higher: bool
    medians: tuple[float, float] | None
    attacks: dict[str, float]

    @property
    def cautious(self) -> float:
        """Upper end of the interval; the rate itself without an interval."""
        return self.ci95[1] if self.ci95 else self.eer


def samples_of(table: Table) -> dict[str, np.ndarray]:
    """Split -> sampled rows; splits with too few utterances of a class are skipped."""
    found = {}
    for split, rows in table.split_rows():
        flags = table.is_bonafide[rows]
        if min(np.count_nonzero(flags), np.count_nonzero(~flags)) < LEAST_TRIALS:
            continue
        if rows.size > _MOST_TRIALS:
            drawn = np.random.default_rng(_SEED).choice(rows, _MOST_TRIALS, replace=False)
            rows = np.sort(drawn)
        found[split] = rows
    return found


def column(table: Table, name: str, rows: np.ndarray) -> Floats:
    """Values of a measure, [n]; of a categorical one, the bona fide share of each category."""
    if name in NUMBERS:
        return table.number(name)[rows].astype(np.float64)
    _, codes = np.unique(_names(table, name)[rows], return_inverse=True)
    bonafide = np.bincount(codes, weights=table.is_bonafide[rows])
    return (bonafide / np.bincount(codes))[codes]


def _names(table: Table, name: str) -> np.ndarray:
    if name == ENCODING:
        return table.measured.encodings
    return table.metadata.get(name, np.full(len(table.utterances), ""))


def separate_by_number(table: Table, split: str, rows: np.ndarray) -> list[Separation]:
    """Returns the separation by each measure that is not constant in a split.

    Args:
        table: The utterances.
        split: Name of the split.
        rows: Of it, from `samples_of`.
    """
    bootstrap = _bootstrap(table, rows)
    found = []
    for name in COLUMNS:
        if name in CONDITIONS and np.unique(_names(table, name)[rows]).size > MOST_VALUES:
            continue  # A value of few utterances separates the classes by chance.
        values = column(table, name, rows)
        if np.ptp(values) == 0:
            continue
        bonafide = table.is_bonafide[rows]
        medians = (float(np.median(values[bonafide])), float(np.median(values[~bonafide])))
        found.append(
            separate(
                table,
                split,
                rows,
                name,
                values,
                bootstrap,
                medians=medians if name in NUMBERS else None,
            )
        )
    return found


def separate(
    table: Table,
    split: str,
    rows: np.ndarray,
    name: str,
    values: Floats,
    bootstrap: ClusterBootstrap | None = None,
    *,
    medians: tuple[float, float] | None = None,
) -> Separation:
    """Returns the separation by any values [n], in the better direction.

    Equal values are put into a random order: a threshold among them can only guess, and the
    official estimator of the EER would count all of them as errors.
    """
    ranks = _ranks(values)
    bonafide, systems = table.is_bonafide[rows], table.systems[rows]
    rate = equal_error_rate(ranks, bonafide).eer
    spoof_higher = rate > 0.5
    if spoof_higher:
        ranks = -ranks
        rate = equal_error_rate(ranks, bonafide).eer
    bootstrap = bootstrap or _bootstrap(table, rows)
    attacks = {}
    names, counts = np.unique(systems[~bonafide], return_counts=True)
    for attack in names[counts >= LEAST_OF_ATTACK]:
        own = ranks[systems == attack]
        eers = [eer_of(curve_of(s * ranks[bonafide], s * own)).eer for s in (1, -1)]
        attacks[str(attack)] = min(eers)
    return Separation(
        split=split,
        number=name,
        eer=rate,
        ci95=_range_of(bootstrap.eer(ranks)) if bootstrap else None,
        spoof_higher=spoof_higher,
        medians=medians,
        attacks=dict(sorted(attacks.items(), key=lambda item: (item[1], item[0]))),
    )


def _range_of(draws: Floats) -> tuple[float, float] | None:
    """The percentile interval of resampled rates [R]; None where they are not known.

    Not `bonafide.metrics.intervals`: a finding is about these recordings. Classes that never meet
    in them are a shortcut for training, however few the speakers are.
    """
    if np.isnan(draws).any():
        return None
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _ranks(values: Floats) -> Floats:
    order = np.lexsort((np.random.default_rng(_SEED).random(values.size), values))
    ranks = np.empty(values.size)
    ranks[order] = np.arange(values.size)
    return ranks


def _bootstrap(table: Table, rows: np.ndarray) -> ClusterBootstrap | None:
    speakers = table.speakers[rows] if table.has_speaker[rows].any() else None
    trials = Trials(
        utterances=table.utterances[rows],
        scores=np.zeros(rows.size),
        is_bonafide=table.is_bonafide[rows],
        attacks=table.systems[rows],
        speakers=speakers,
    )
    try:
        return ClusterBootstrap.of(trials, resamples=_RESAMPLES, seed=_SEED)
    except NoIntervalError:
        return None
