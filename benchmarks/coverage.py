"""How often do the 95 % intervals hold the true figure?

    python -m benchmarks.coverage --json FILE [--datasets 100] [--golden FOLDER]

Simulated scores are normal, with an effect of the speaker that both classes share and one of each
class: together they make a correlation of .25 between the bona fide scores of a speaker (.21 is
measured in the scores of two published systems on ASVspoof 2019 LA). The true figures are those of
the whole population, by formula. Three layouts: `balanced` (30 trials of each class from each
speaker), `unbalanced` (speakers of very different numbers of trials, eight spoofs to a bona fide
trial) and `voices` (the spoofs are of other voices, twice as many, than the bona fide speakers).
Thresholds are frozen: at the EER, at FAR 1 % and .1 %, and at FRR 1 %, of the population.

Attacks as a sample: `--attacks` gives numbers of attacks, whose effects on the scores of their
spoofs have a deviation of .7, of 20 speakers; the truth is that of all attacks. The intervals by
speakers (`same attacks`) and by speakers and attacks (`unseen`) are counted.

With published score files (`--golden`), speakers are drawn from the real ones with replacement, and
the truth is the figure on all trials.

For each figure it counts how often the interval holds the truth, how often its upper end is below
it (a gate whose limit is the true EER passes the model then), and its mean width: for our intervals
(`bonafide.metrics.intervals`), the percentile interval and BCa (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapter 14), which has its acceleration from leaving out one
speaker at a time; for FAR and FRR also for bootstrap-t, whose standard errors are those of a ratio
of sums by speakers. `ratios`: our coverage over 95 %, the lowest of any layout and EER, and the
share of passes that a gate allows over the share that is seen, at worst.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import pathlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from bonafide.metrics import calibration, costs, detection, intervals
from bonafide.metrics.costs import DetectionCosts
from bonafide.metrics.detection import Floats
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.intervals import Interval, Sample
from bonafide.metrics.resampling import ClusterBootstrap, Measures
from bonafide.trials import protocols, score_files
from bonafide.trials.trials import Trials

SPEAKERS = (5, 8, 13, 20, 67)
EERS = (0.01, 0.05, 0.1, 0.3)
LAYOUTS = ("balanced", "unbalanced", "voices")
REAL_SPEAKERS = (5, 13, 20)
COSTS = DetectionCosts()
RESAMPLES = 400
SHARED, OF_BONAFIDE, OF_SPOOF = 0.3, 0.5, 0.3  # deviations of the effects of a speaker
ATTACKS = (3, 6, 13)
OF_ATTACK = 0.7  # deviation of the effects of an attack
ATTACK_SPEAKERS, ATTACK_SPOOFS = 20, 10  # spoofs of an attack from each speaker
SCORE_FILES = {
    "rawgat-st": "cm_eval_RawGAT-ST_add.txt",
    "aasist-l": "cm_eval_AASIST-L.txt",
}
PROTOCOL = "ASVspoof2019.LA.cm.eval.trl.txt"
METHODS = ("ours", "percentile", "bca", "bootstrap_t")
LIMIT_OF_PASSES = 0.05  # share of runs in which the gate may pass a model at its limit


@dataclasses.dataclass(frozen=True)
class Population:
    """Where trials come from, and the true figures.

    Attributes:
        means: Of bona fide and of spoofed scores.
        scale: Of all scores, so that they are nearly log-likelihood ratios.
        thresholds: Name -> frozen threshold.
        truth: Figure -> value.
    """

    means: tuple[float, float]
    scale: float
    thresholds: dict[str, float]
    truth: dict[str, float]


def population(eer: float, *, of_attack: float = 0.0) -> Population:
    """Returns the population of normal scores that has an EER.

    Args:
        eer: Of all speakers and attacks.
        of_attack: Deviation of the effects of attacks.
    """
    bona = float(np.sqrt(1 + SHARED**2 + OF_BONAFIDE**2))
    spoof = float(np.sqrt(1 + SHARED**2 + OF_SPOOF**2 + of_attack**2))
    apart = -float(stats.norm.ppf(eer))
    mean_bona, mean_spoof = apart * bona, -apart * spoof  # the EER is at 0

    def far(threshold: npt.ArrayLike) -> Floats:
        return np.asarray(stats.norm.sf(threshold, mean_spoof, spoof))

    def frr(threshold: npt.ArrayLike) -> Floats:
        return np.asarray(stats.norm.cdf(threshold, mean_bona, bona))

    scale = 2 * (mean_bona - mean_spoof) / (bona**2 + spoof**2)
    places = {
        "eer": 0.0,
        "far1": optimize.brentq(lambda at: float(far(at)) - 0.01, -30, 30),
        "far0.1": optimize.brentq(lambda at: float(far(at)) - 0.001, -30, 30),
        "frr1": optimize.brentq(lambda at: float(frr(at)) - 0.01, -30, 30),
    }
    grid = np.linspace(-12, 12, 24_001)
    miss, accept = COSTS.weights
    normal = np.linspace(-9, 9, 6_001)
    weight = stats.norm.pdf(normal) / stats.norm.pdf(normal).sum()
    terms = calibration.cllr_terms
    truth = {
        "eer": eer,
        "min_dcf": float(np.min(miss * frr(grid) + accept * far(grid))),
        "cllr": float(
            weight @ terms(-scale * (mean_bona + bona * normal))
            + weight @ terms(scale * (mean_spoof + spoof * normal))
        )
        / 2,
    }
    for name, at in places.items():
        truth[f"far_at/{name}"], truth[f"frr_at/{name}"] = float(far(at)), float(frr(at))
    return Population(
        (mean_bona, mean_spoof), scale, {name: scale * at for name, at in places.items()}, truth
    )


def simulate(of: Population, layout: str, speakers: int, random: np.random.Generator) -> Trials:
    """Draws the trials of some speakers."""
    if layout == "unbalanced":
        size = random.lognormal(0.0, 0.7, speakers)
        sizes = np.maximum(1, np.stack([12 * size, 100 * size]).astype(int))
    elif layout == "voices":
        others, own = np.zeros(2 * speakers, int), np.zeros(speakers, int)
        sizes = np.stack([np.concatenate([own + 12, others]), np.concatenate([own, others + 20])])
    else:
        sizes = np.full((2, speakers), 30)
    count = sizes.shape[1]
    shared = random.normal(0, SHARED, count)
    parts, places = [], []
    for mean, deviation, size in zip(of.means, (OF_BONAFIDE, OF_SPOOF), sizes, strict=True):
        place = np.repeat(np.arange(count), size)
        effect = shared + random.normal(0, deviation, count)
        parts.append(mean + effect[place] + random.normal(0, 1, place.size))
        places.append(place)
    return _trials(of.scale * np.concatenate(parts), places[0].size, np.concatenate(places))


def simulate_attacks(of: Population, attacks: int, random: np.random.Generator) -> Trials:
    """Draws attacks and `ATTACK_SPEAKERS` speakers, all with 30 bona fide trials."""
    speakers = np.arange(ATTACK_SPEAKERS)
    shared = random.normal(0, SHARED, ATTACK_SPEAKERS)
    own = random.normal(0, OF_BONAFIDE, ATTACK_SPEAKERS)
    spoofed = random.normal(0, OF_SPOOF, ATTACK_SPEAKERS)
    effect = random.normal(0, OF_ATTACK, attacks)
    of_bonafide = np.repeat(speakers, 30)
    who = np.tile(np.repeat(speakers, ATTACK_SPOOFS), attacks)
    which = np.repeat(np.arange(attacks), ATTACK_SPEAKERS * ATTACK_SPOOFS)
    bonafide = of.means[0] + (shared + own)[of_bonafide] + random.normal(size=of_bonafide.size)
    spoof = of.means[1] + (shared + spoofed)[who] + effect[which] + random.normal(size=who.size)
    trials = _trials(
        of.scale * np.concatenate([bonafide, spoof]),
        of_bonafide.size,
        np.concatenate([of_bonafide, who]),
    )
    names = np.char.add("A", which.astype(str))
    return dataclasses.replace(
        trials, attacks=np.concatenate([np.full(of_bonafide.size, "-"), names])
    )


def attack_intervals(
    trials: Trials, thresholds: dict[str, float], seed: int
) -> Iterator[tuple[str, str, Interval]]:
    """Yields figure, method (`same attacks`, `unseen`) and interval."""
    found = evaluate(trials, detection_costs=COSTS, resamples=RESAMPLES, seed=seed).figures
    for name in ("eer", "min_dcf", "cllr"):
        figure = found[name]
        assert figure.ci95 is not None
        assert figure.unseen_ci95 is not None
        yield name, "same attacks", figure.ci95
        yield name, "unseen", figure.unseen_ci95
    measures = Measures(COSTS, {}, {}, {}, thresholds)
    bootstrap = ClusterBootstrap.of(trials, resamples=RESAMPLES, seed=seed)
    draws = bootstrap.measure_unseen(trials.scores, measures)
    far, _ = bootstrap.error_rates_at(trials.scores, thresholds["eer"])
    value = detection.error_rates_at(trials.scores, trials.is_bonafide, thresholds["eer"]).far
    samples = bootstrap.unseen_samples(trials.scores)
    same = intervals.interval(value, far, "rate", samples[1:2])
    unseen = intervals.interval(value, draws["far_at/eer"], "rate", samples[1:])
    assert same is not None
    assert unseen is not None
    yield "far_at/eer", "same attacks", same
    yield "far_at/eer", "unseen", unseen


def measure_attacks(numbers: Sequence[int], datasets: int) -> dict[str, object]:
    """Returns figure -> method -> coverage for each number of attacks."""
    of = population(0.05, of_attack=OF_ATTACK)
    result: dict[str, object] = {}
    for number in numbers:
        found: Counts = defaultdict(list)
        for seed in np.random.SeedSequence([number]).generate_state(datasets).tolist():
            trials = simulate_attacks(of, number, np.random.default_rng(seed))
            for name, method, (low, high) in attack_intervals(trials, of.thresholds, seed):
                true = of.truth[name]
                found[name, method].append((low <= true <= high, high < true, high - low))
        result[f"{number} attacks"] = summary(found)
    return result


def _trials(scores: Floats, n_bonafide: int, speakers: npt.NDArray[np.int64]) -> Trials:
    flags = np.arange(scores.size) < n_bonafide
    return Trials(
        utterances=np.arange(scores.size).astype(str),
        scores=scores,
        is_bonafide=flags,
        attacks=np.where(flags, "-", "A01"),
        speakers=speakers.astype(str),
    )


@dataclasses.dataclass(frozen=True)
class Real:
    """Trials of a published system; speakers are drawn from it."""

    trials: Trials
    thresholds: dict[str, float]
    truth: dict[str, float]

    @classmethod
    def of(cls, folder: pathlib.Path, name: str) -> Real:
        """Reads a score file of the eval split of ASVspoof 2019 LA."""
        protocol = protocols.read_protocol(folder / PROTOCOL)
        trials = score_files.match(score_files.read_scores(folder / name), protocol)
        # As log-likelihood ratios, as our own scores are.
        fitted = calibration.fit_affine(trials.scores, trials.is_bonafide)
        trials = dataclasses.replace(trials, scores=fitted.apply(trials.scores))
        curve = detection.error_curve(trials.scores, trials.is_bonafide)
        thresholds = {
            "eer": detection.eer_of(curve).threshold,
            "far1": detection.frr_at_far(curve, 0.01)[1],
            "far0.1": detection.frr_at_far(curve, 0.001)[1],
            "frr1": detection.far_at_frr(curve, 0.01)[1],
        }
        return cls(trials, thresholds, figures_of(trials, thresholds))

    def draw(self, speakers: int, random: np.random.Generator) -> Trials:
        """Draws speakers with replacement, until both classes have two."""
        assert self.trials.speakers is not None
        names, place = np.unique(self.trials.speakers, return_inverse=True)
        spoofed = np.bincount(place[~self.trials.is_bonafide], minlength=names.size) > 0
        while np.count_nonzero(spoofed[drawn := random.integers(names.size, size=speakers)]) < 2:
            pass
        members = [np.flatnonzero(place == speaker) for speaker in drawn]
        own = np.repeat(np.arange(speakers), [rows.size for rows in members])
        rows = np.concatenate(members)
        order = np.argsort(~self.trials.is_bonafide[rows], kind="stable")
        bonafide = int(np.count_nonzero(self.trials.is_bonafide[rows]))
        return _trials(self.trials.scores[rows[order]], bonafide, own[order])


def figures_of(trials: Trials, thresholds: dict[str, float]) -> dict[str, float]:
    """Returns the measured figures that are counted here."""
    curve = detection.error_curve(trials.scores, trials.is_bonafide)
    found = {
        "eer": detection.eer_of(curve).eer,
        "min_dcf": costs.min_dcf(curve, COSTS),
        "cllr": calibration.cllr(trials.scores, trials.is_bonafide),
    }
    for name, threshold in thresholds.items():
        rates = detection.error_rates_at(trials.scores, trials.is_bonafide, threshold)
        found[f"far_at/{name}"], found[f"frr_at/{name}"] = rates.far, rates.frr
    return found


def all_intervals(
    trials: Trials, thresholds: dict[str, float], seed: int
) -> Iterator[tuple[str, str, Interval]]:
    """Yields figure, method and interval of everything."""
    measures = Measures(COSTS, {}, {}, {}, thresholds)
    bootstrap = ClusterBootstrap.of(trials, resamples=RESAMPLES, seed=seed)
    draws, without = bootstrap.measure_and_leave_out(trials.scores, measures)
    samples = bootstrap.samples(trials.scores)
    for name, value in figures_of(trials, thresholds).items():
        own: tuple[Sample, ...] = samples
        if name.startswith(("far_at", "frr_at")):
            own = samples[1:] if name.startswith("far") else samples[:1]
            threshold = thresholds[name.partition("/")[2]]
            keep = trials.is_bonafide == name.startswith("frr")
            wrong = (trials.scores <= threshold) == trials.is_bonafide
            yield name, "bootstrap_t", bootstrap_t(value, wrong[keep], bootstrap, keep)
        scale = {"cllr": "bits", "min_dcf": "cost"}.get(name, "rate")
        ours = intervals.interval(value, draws[name], scale, own, without=without[name])
        assert ours is not None
        yield name, "ours", ours
        low, high = np.percentile(draws[name], [2.5, 97.5])
        yield name, "percentile", (float(low), float(high))
        yield name, "bca", bca(value, draws[name], without[name])


def bca(value: float, draws: Floats, without: Floats) -> Interval:
    """Returns the bias-corrected and accelerated interval; `without` [S] leaves a speaker out."""
    below = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    bias = stats.norm.ppf(np.clip(below, 0.5 / draws.size, 1 - 0.5 / draws.size))
    without = without[np.isfinite(without)]
    apart = without.mean() - without if without.size else np.zeros(1)
    size = 6 * np.sum(apart**2) ** 1.5
    acceleration = np.sum(apart**3) / size if size > 0 else 0.0
    places = []
    for normal in stats.norm.ppf([0.025, 0.975]):
        moved = bias + normal
        places.append(stats.norm.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(draws, places)
    return float(low), float(high)


def bootstrap_t(
    rate: float,
    wrong: npt.NDArray[np.bool_],
    bootstrap: ClusterBootstrap,
    keep: npt.NDArray[np.bool_],
) -> Interval:
    """Returns the studentised interval of a rate, a ratio of sums by speakers."""
    place = np.unique(bootstrap.cluster[keep], return_inverse=True)[1]
    sizes = np.bincount(place).astype(np.float64)
    errors = np.bincount(place, weights=wrong)
    drawn = np.random.default_rng(bootstrap.seed).multinomial(
        sizes.size, np.full(sizes.size, 1 / sizes.size), size=bootstrap.resamples
    )
    rates = (drawn @ errors) / (drawn @ sizes)
    residuals = errors[np.newaxis] - rates[:, np.newaxis] * sizes[np.newaxis]
    deviations = np.sqrt(np.sum(drawn * residuals**2, axis=1)) / (drawn @ sizes)
    own = float(np.sqrt(np.sum((errors - rate * sizes) ** 2)) / sizes.sum())
    defined = deviations > 0
    if not defined.any():
        return rate, rate
    low, high = np.quantile((rates[defined] - rate) / deviations[defined], [0.025, 0.975])
    return max(0.0, rate - float(high) * own), min(1.0, rate - float(low) * own)


Counts = dict[tuple[str, str], list[tuple[bool, bool, float]]]


def count(
    found: Counts, trials: Trials, thresholds: dict[str, float], truth: dict[str, float], seed: int
) -> None:
    """Adds the intervals of one data set."""
    for name, method, (low, high) in all_intervals(trials, thresholds, seed):
        true = truth[name]
        found[name, method].append((low <= true <= high, high < true, high - low))


def summary(found: Counts) -> dict[str, dict[str, dict[str, float]]]:
    """Returns figure -> method -> coverage, share below and mean width."""
    result: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (name, method), rows in found.items():
        covered, below, width = np.mean(np.array(rows, dtype=np.float64), axis=0).tolist()
        result[name][method] = {"coverage": covered, "upper_below": below, "width": width}
    return result


def merged(parts: Iterator[Counts]) -> Counts:
    """Puts counts together."""
    found: Counts = defaultdict(list)
    for part in parts:
        for key, rows in part.items():
            found[key] += rows
    return found


def measure_real(
    options: argparse.Namespace,
) -> tuple[dict[str, dict[str, dict[str, dict[str, float]]]], dict[str, str]]:
    """Draws speakers of published scores; returns the summaries, and what was skipped and why."""
    real: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    skipped: dict[str, str] = {}
    for system, name in SCORE_FILES.items():
        if options.golden is None or not (options.golden / name).is_file():
            where = "no --golden" if options.golden is None else f"no {options.golden / name}"
            skipped[system] = f"draws of real scores were skipped: {where}"
            continue
        source = Real.of(options.golden, name)
        for speakers in options.real_speakers:
            found: Counts = defaultdict(list)
            for seed in range(options.real_datasets):
                random = np.random.default_rng([speakers, seed])
                trials = source.draw(speakers, random)
                count(found, trials, source.thresholds, source.truth, seed)
            real[f"{system}, {speakers} speakers"] = summary(found)
    return real, skipped


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Simulates everything; returns the report."""
    simulated: dict[tuple[int, float, str], Counts] = {}
    for speakers, eer, layout in itertools.product(options.speakers, options.eers, LAYOUTS):
        of, part = population(eer), defaultdict(list)
        seeds = np.random.SeedSequence([speakers, int(1000 * eer), LAYOUTS.index(layout)])
        for seed in seeds.generate_state(options.datasets).tolist():
            random = np.random.default_rng(seed)
            trials = simulate(of, layout, speakers, random)
            count(part, trials, of.thresholds, of.truth, seed)
        simulated[speakers, eer, layout] = part
    by_speakers = {
        speakers: summary(merged(part for key, part in simulated.items() if key[0] == speakers))
        for speakers in options.speakers
    }
    detail = {
        f"{speakers} speakers, EER {eer:g}, {layout}": summary(part)
        for (speakers, eer, layout), part in simulated.items()
    }
    real, skipped = measure_real(options)
    attacks = measure_attacks(options.attacks, options.datasets)
    ratios = {}
    for speakers, figures in by_speakers.items():
        for name, methods in figures.items():
            ratios[f"{name}, {speakers} speakers"] = methods["ours"]["coverage"] / intervals.LEVEL
    passes = [
        figures["eer"]["ours"]["upper_below"]
        for speakers, figures in by_speakers.items()
        if speakers >= 13
    ]
    for source, figures in real.items():
        if int(source.split()[1]) >= 13:
            passes.append(figures["eer"]["ours"]["upper_below"])
        for name, methods in figures.items():
            ratios[f"{name}, {source}"] = methods["ours"]["coverage"] / intervals.LEVEL
    if passes:
        ratios["passes_allowed_over_seen"] = LIMIT_OF_PASSES / max(*passes, 1e-3)
    return {
        "figures": {"by_speakers": by_speakers, "detail": detail, "real": real, "attacks": attacks},
        "skipped": skipped,
        "datasets": options.datasets,
        "real_datasets": options.real_datasets,
        "resamples": RESAMPLES,
        "ratios": ratios,
    }


def shown(report: dict[str, object]) -> str:
    """Returns the coverage by number of speakers as a table."""
    figures = report["figures"]
    assert isinstance(figures, dict)
    lines = ["% covered, % below the truth, width: " + ", ".join(METHODS)]
    for speakers, found in {**figures["by_speakers"], **figures["real"]}.items():
        for name, methods in found.items():
            cells = [
                f"{100 * one['coverage']:5.1f} {100 * one['upper_below']:4.1f} {one['width']:.4f}"
                if (one := methods.get(method))
                else " " * 17
                for method in METHODS
            ]
            lines.append(f"{speakers!s:>24} {name:18} " + " | ".join(cells))
    skipped = report["skipped"]
    assert isinstance(skipped, dict)
    lines += [f"{system:>24} {reason}" for system, reason in skipped.items()]
    for number, found in figures["attacks"].items():
        for name, methods in found.items():
            cells = [
                f"{method} {100 * one['coverage']:5.1f} {100 * one['upper_below']:4.1f} "
                f"{one['width']:.4f}"
                for method, one in methods.items()
            ]
            lines.append(f"{number:>24} {name:18} " + " | ".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--datasets", type=int, default=100, help="of each simulated setting")
    parser.add_argument("--real-datasets", type=int, default=60, help="of each score file")
    parser.add_argument("--speakers", type=int, nargs="+", default=SPEAKERS)
    parser.add_argument("--eers", type=float, nargs="+", default=EERS)
    parser.add_argument("--real-speakers", type=int, nargs="+", default=REAL_SPEAKERS)
    parser.add_argument("--attacks", type=int, nargs="*", default=ATTACKS)
    parser.add_argument("--golden", type=pathlib.Path, help="folder of published score files")
    options = parser.parse_args()
    report = measure(options)
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(shown(report))


if __name__ == "__main__":
    main()
