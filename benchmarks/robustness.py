"""How does a recipe do on sources it has never seen, and through channels it has never met?

    python -m benchmarks.robustness --json FILE [--manifest FOLDER ...] [--variants a,b]
                                    [--sources a,b] [--seeds 0,1] [--quick] [--cache FOLDER]
                                    [--set FIELD=VALUE] [--unseen-threshold] [--dev-fold N]
                                    [--factory FOLDER ...] [--factory-use USE] [--steps N]
                                    [--keep-one-sided]

Leave-source-out: every source of the manifests (folders with `manifest.csv`, column `source`) with
at least 20 clips of each class is held out in turn; a detector is trained on all the others.
Inside, a fifth of systems and speakers is kept from training, and the threshold is frozen there:
the first fold (of `benchmarks.generalise`) with spoofs of at least three systems, or `--dev-fold`.
Clips of the held-out source are scored as they are and under each condition of the setting
`evaluation.conditions`. Macro EER is the mean over the held-out sources; FAR and FRR are at the
frozen threshold, means over sources.

Of sources whose spoofs alone went through a lossy codec (DataGate's rule `one_sided_codec`, applied
to the training clips), the spoofs are left out of training and dev, as the rule advises;
`--keep-one-sided` keeps them. The peer is trained on the same clips.

`--factory` adds the spoofs that `bonafide synthesize` made of the other sources' bona fide clips
(folders with its manifest); `--factory-use all` adds its real recordings as well, and `alone` takes
both in place of the collected clips.
`--steps` gives every training as many steps, whatever the number of its clips.

`--unseen-threshold` adds FAR and FRR at a threshold frozen on sources that a detector has not seen:
for each other source with both classes, one more detector is trained without it and without the
held-out source, and scores it; the threshold is that of the EER of all these scores together,
without sources on which the EER is 50 % or more. With n sources it takes n (n - 1) / 2 trainings
more. An affine calibration is fitted to the same scores: `cllr_unseen` is the Cllr of the held-out
source's calibrated scores in bits, `min_cllr` its minimum.

The peer is the classic of the field, an LFCC-GMM (see `benchmarks.generalise`), trained on the same
clips. `ratios`: its macro EER over ours, clean and in our worst condition, and our clean macro EER
over that of the worst condition (1 where no condition costs anything).

Without manifests, the bundled corpus stands in: its train, dev and eval splits are the "sources",
which shows that the program runs and little else.

`--quick` takes 6 epochs, at most 80 clips of a held-out source, and no peer. Degraded clips are
kept in `--cache`, if given: a second run of the same settings begins sooner.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks import generalise
from benchmarks.generalise import Clip, Scorer, labels_of
from benchmarks.source_folds import (
    FACTORY_USES,
    LEAST_OF_A_CLASS,
    Fold,
    make_folds,
    split_dev,
    with_factory,
)
from bonafide.audio.chains import draw_chain, seed_of
from bonafide.audio.codecs import degrade
from bonafide.audio.degradation_specs import CONDITIONS
from bonafide.metrics.calibration import AffineCalibration, cllr, fit_affine, min_cllr
from bonafide.metrics.detection import equal_error_rate, error_rates_at
from pipeline.config import Settings, override, sample, small_corpus

MOST_TESTED, MOST_TESTED_QUICKLY = 300, 80
CLEAN = "as_recorded"
COPIES = "utterances.degraded_copies="
# What each variant changes of the preset. Of k copies an epoch has 1 + k times the steps; epochs
# are divided by that, so that every variant has as many steps.
VARIANTS: dict[str, list[str]] = {
    "default": [],
    "copies_1": [f"{COPIES}1"],
    "copies_2": [f"{COPIES}2"],
    "copies_3": [f"{COPIES}3"],
    "waveform": [
        *("waveform.random_start=true", "waveform.equalizer_probability=0.5"),
        *("waveform.band_limit_probability=0.3", "waveform.noise_probability=0.3"),
        "waveform.gain_probability=0.5",
    ],
    # With what recorders, codecs and resampling to 16 kHz do near half the sampling rate.
    "to_8_khz": ["features.fmax_hz=8000"],
    "to_8_khz_copies_2": [f"{COPIES}2", "features.fmax_hz=8000"],
    "to_4_khz": ["features.fmax_hz=4000"],
    "to_4_khz_copies_2": [f"{COPIES}2", "features.fmax_hz=4000"],
    "relative_floor_10": ["features.relative_floor_db=-10"],
    "relative_floor_20": ["features.relative_floor_db=-20"],
    "utterance_normalised": ["features.normalisation=utterance"],
    "utterance_mean": ["features.normalisation=utterance_mean"],
    "copies_2_utterance_normalised": [f"{COPIES}2", "features.normalisation=utterance"],
}


class Degrader:
    """Degrades clips, each once, and keeps what it has made.

    Args:
        folder: Where degraded clips are kept between runs; None for nowhere.
    """

    def __init__(self, folder: pathlib.Path | None) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str, int], np.ndarray] = {}

    def make(self, clips: Sequence[Clip], specs: Sequence[str], copy: int) -> list[Clip]:
        """Returns the clips, each with its spec applied; `copy` seeds what is random."""
        missing = [
            (clip, spec)
            for clip, spec in zip(clips, specs, strict=True)
            if (clip.name, spec, copy) not in self._made
        ]
        for (clip, spec), samples in zip(missing, self._read_or_make(missing, copy), strict=True):
            self._made[clip.name, spec, copy] = samples
        return [
            dataclasses.replace(clip, samples=self._made[clip.name, spec, copy])
            for clip, spec in zip(clips, specs, strict=True)
        ]

    def condition(self, clips: Sequence[Clip], spec: str) -> list[Clip]:
        """Returns the clips under a condition."""
        return list(clips) if spec == CLEAN else self.make(clips, [spec] * len(clips), 0)

    def with_copies(self, clips: Sequence[Clip], count: int) -> list[Clip]:
        """Returns the clips and so many degraded copies of each, as UtteranceGen makes them."""
        result = list(clips)
        for copy in range(1, count + 1):
            result += self.make(clips, [draw_chain(1, clip.name, copy) for clip in clips], copy)
        return result

    def _read_or_make(self, wanted: Sequence[tuple[Clip, str]], copy: int) -> Sequence[np.ndarray]:
        if not wanted:
            return []
        keys = [f"{clip.name} {len(clip.samples)} {spec} {copy}" for clip, spec in wanted]
        name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:24]
        path = None if self._folder is None else self._folder / f"{name}.npy"
        if path is not None and path.is_file():
            whole = np.load(path)
        else:
            made = [
                degrade(clip.samples, spec, seed_of(1, clip.name, copy)) for clip, spec in wanted
            ]
            whole = np.concatenate(made)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, whole)
        return np.split(whole, np.cumsum([len(clip.samples) for clip, _ in wanted])[:-1])


@dataclasses.dataclass(frozen=True)
class FromUnseen:
    """What scores of unseen sources decide: a threshold and a calibration."""

    threshold: float
    calibration: AffineCalibration


class UnseenThreshold:
    """Thresholds and calibrations by scores of sources that a detector was not trained on.

    Args:
        clips: Of all sources.
        folds: Those that can be held out.
        make_scorer: Trains a recipe on the `train` of a fold.
        dev_fold: See `split_dev`.
        keep_one_sided: Whether to keep spoofs that went through a codec alone.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        folds: Sequence[Fold],
        make_scorer: Callable[[Fold], Scorer],
        dev_fold: int | None = None,
        *,
        keep_one_sided: bool = False,
    ) -> None:
        self._clips, self._folds, self._make_scorer = clips, folds, make_scorer
        self._dev_fold, self._keep = dev_fold, keep_one_sided
        # Two held-out sources -> the scores of each, by a detector that knows neither.
        self._scores: dict[frozenset[str], dict[str, np.ndarray]] = {}

    def of(self, source: str) -> FromUnseen:
        """Returns threshold and calibration for a held-out source, which nothing of it decides.

        The calibration changes nothing where every other source is below chance.

        Raises:
            ValueError: There is no other source with both classes.
        """
        others = [fold for fold in self._folds if fold.source != source]
        if not others:
            raise ValueError(
                f"expected another source than {source} with {LEAST_OF_A_CLASS} clips of each "
                "class, got none. Add manifests, or leave --unseen-threshold out."
            )
        scores = [self._of_pair(source, fold.source)[fold.source] for fold in others]
        labels = [labels_of(fold.test) for fold in others]
        # The threshold of a source on which the detector is below chance accepts nothing.
        useful = [
            place
            for place, of_source in enumerate(scores)
            if equal_error_rate(of_source, labels[place]).eer < 0.5
        ]
        places = useful or range(len(scores))
        pooled = np.concatenate([scores[place] for place in places])
        is_bonafide = np.concatenate([labels[place] for place in places])
        return FromUnseen(
            equal_error_rate(pooled, is_bonafide).threshold,
            fit_affine(pooled, is_bonafide) if useful else AffineCalibration(),
        )

    def _of_pair(self, one: str, other: str) -> dict[str, np.ndarray]:
        pair = frozenset((one, other))
        if pair not in self._scores:
            rest = [clip for clip in self._clips if clip.source not in pair]
            train, _ = split_dev(rest, self._dev_fold, keep_one_sided=self._keep)
            scorer = self._make_scorer(Fold("+".join(sorted(pair)), train, [], []))
            self._scores[pair] = {
                fold.source: scorer(fold.test) for fold in self._folds if fold.source in pair
            }
        return self._scores[pair]


def measure_fold(
    scorer: Scorer,
    fold: Fold,
    conditions: Sequence[str],
    degrader: Degrader,
    unseen: FromUnseen | None = None,
) -> dict[str, dict[str, float]]:
    """Returns condition -> EER, and FAR and FRR at the threshold of the EER on dev.

    With `unseen` also `far_unseen` and `frr_unseen`, at its threshold, `cllr_unseen` of its
    calibration and `min_cllr`.
    """
    threshold = equal_error_rate(scorer(fold.dev), labels_of(fold.dev)).threshold
    labels = labels_of(fold.test)
    found = {}
    for spec in (CLEAN, *conditions):
        scores = scorer(degrader.condition(fold.test, spec))
        rates = error_rates_at(scores, labels, threshold)
        eer = equal_error_rate(scores, labels).eer
        found[spec] = {"eer": eer, "far": rates.far, "frr": rates.frr}
        if unseen is not None:
            rates = error_rates_at(scores, labels, unseen.threshold)
            found[spec] |= {
                "far_unseen": rates.far,
                "frr_unseen": rates.frr,
                "cllr_unseen": cllr(unseen.calibration.apply(scores), labels),
                "min_cllr": min_cllr(scores, labels),
            }
    return found


def our_scorer(
    settings: Settings, fold: Fold, seed: int, degrader: Degrader, steps: int | None = None
) -> Scorer:
    """Trains a recipe on a fold, with as many steps whatever the number of copies.

    Args:
        settings: The recipe.
        fold: Its training clips are used, and its dev clips to calibrate several members.
        seed: Of the training.
        degrader: Makes the copies.
        steps: Of the training; None for those of the recipe's epochs without copies. The horizon of
            the moving average keeps its share of all epochs.
    """
    copies, trainer = settings.utterances.degraded_copies, settings.trainer
    share = 1 / (1 + copies)
    if steps is not None:
        share *= steps * trainer.batch_size / (trainer.epochs * len(fold.train))
    epochs = max(1, round(trainer.epochs * share))
    trainer = dataclasses.replace(trainer, epochs=epochs, ema_epochs=trainer.ema_epochs * share)
    settings = dataclasses.replace(settings, trainer=trainer)
    train_part = degrader.with_copies(fold.train, copies)
    return generalise.our_scorer(settings, train_part, seed, fold.dev)


def summary(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Returns condition -> means over sources and seeds."""
    return {
        spec: {
            "macro_eer" if name == "eer" else name: float(
                np.mean([run[spec][name] for run in runs])
            )
            for name in runs[0][spec]
        }
        for spec in runs[0]
    }


def worst_eer(figures: Mapping[str, Mapping[str, float]]) -> float:
    """Returns the highest macro EER of any condition but the clean one."""
    return max(found["macro_eer"] for spec, found in figures.items() if spec != CLEAN)


def ratios(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """Returns the ratios of the report; see the top of this file."""
    result = {}
    for name, ours in figures.items():
        if name == "lfcc_gmm":
            continue
        suffix = "" if name == "default" else f"_{name}"
        result[f"clean_over_worst_condition_eer{suffix}"] = ours[CLEAN]["macro_eer"] / worst_eer(
            ours
        )
        if gmm := figures.get("lfcc_gmm"):
            result[f"gmm_over_ours_macro_eer{suffix}"] = (
                gmm[CLEAN]["macro_eer"] / ours[CLEAN]["macro_eer"]
            )
            result[f"gmm_over_ours_worst_condition_eer{suffix}"] = worst_eer(gmm) / worst_eer(ours)
    return result


def show(name: str, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Prints the figures of a variant."""
    names = next(iter(figures.values()))
    print(f"{name}: {', '.join(names)} in %")
    for spec, found in figures.items():
        values = " ".join(f"{100 * value:5.1f}" for value in found.values())
        print(f"  {spec:16} {values}", flush=True)


def read_clips(manifests: Sequence[pathlib.Path], *, with_samples: bool) -> list[Clip]:
    """Reads the clips; those of the bundled corpus where there is no manifest."""
    if not manifests:
        return [
            dataclasses.replace(clip, source=clip.name[3]) for clip in generalise.read_samples()
        ]
    clips = [clip for folder in manifests for clip in generalise.read_manifest(folder)]
    return clips + (generalise.read_samples() if with_samples else [])


def main() -> None:
    """Measures the baseline and the variants and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument(
        "--manifest", type=pathlib.Path, action="append", default=[], help="may be given twice"
    )
    parser.add_argument("--with-samples", action="store_true", help="train on samples/ as well")
    parser.add_argument("--variants", default="default", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--sources", help="hold out these alone, with commas between them")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--quick", action="store_true", help="minutes, and rough figures")
    parser.add_argument("--no-peer", action="store_true", help="leave the LFCC-GMM out")
    parser.add_argument("--dev-fold", type=int, choices=range(generalise.FOLDS), help="see above")
    parser.add_argument("--unseen-threshold", action="store_true", help="see above")
    parser.add_argument("--factory", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--factory-use", choices=FACTORY_USES, default="spoofs", help="see above")
    parser.add_argument("--steps", type=int, help="steps of every training")
    parser.add_argument("--keep-one-sided", action="store_true", help="see above")
    parser.add_argument("--cache", type=pathlib.Path, help="folder for degraded clips")
    parser.add_argument(
        "--set", action="append", default=[], dest="assignments", metavar="FIELD=VALUE"
    )
    options = parser.parse_args()
    clips = read_clips(options.manifest, with_samples=options.with_samples)
    if options.with_samples:
        clips = [dataclasses.replace(c, source=c.source or "samples") for c in clips]
    most_tested = MOST_TESTED_QUICKLY if options.quick else MOST_TESTED
    folds = make_folds(clips, most_tested, options.dev_fold, keep_one_sided=options.keep_one_sided)
    if options.factory:
        made = read_clips(options.factory, with_samples=False)
        folds = with_factory(folds, made, options.factory_use)
    all_folds = folds
    if options.sources:
        folds = [fold for fold in folds if fold.source in options.sources.split(",")]
    degrader = Degrader(options.cache)
    base = small_corpus() if options.manifest else sample()
    copied = max(
        override(base, [*options.assignments, *VARIANTS[name]]).utterances.degraded_copies
        for name in options.variants.split(",")
    )
    # All at once: folds share most of their clips.
    degrader.with_copies(clips, copied)
    quick = ["trainer.epochs=6", "trainer.ema_epochs=1"] if options.quick else []
    report: dict = {
        "sources": {
            fold.source: {
                "train": len(fold.train),
                "dev": len(fold.dev),
                "bonafide": int(labels_of(fold.test).sum()),
                "spoof": int((labels_of(fold.test) == 0).sum()),
            }
            for fold in folds
        },
        "figures": {},
        "per_source": {},
    }
    print(json.dumps(report["sources"]), flush=True)
    variants = {} if options.quick or options.no_peer else {"lfcc_gmm": None}
    variants |= {
        name: override(base, [*quick, *options.assignments, *VARIANTS[name]])
        for name in options.variants.split(",")
    }
    for name, settings in variants.items():
        started, runs = time.perf_counter(), []
        report["per_source"][name] = {}
        for seed in map(int, options.seeds.split(",")):

            def make_scorer(
                fold: Fold, settings: Settings | None = settings, seed: int = seed
            ) -> Scorer:
                if settings is None:
                    return generalise.gmm_scorer(fold.train, seed)
                return our_scorer(settings, fold, seed, degrader, options.steps)

            unseen = UnseenThreshold(
                clips,
                all_folds,
                make_scorer,
                options.dev_fold,
                keep_one_sided=options.keep_one_sided,
            )
            for fold in folds:
                of_unseen = unseen.of(fold.source) if options.unseen_threshold else None
                runs.append(measure_fold(make_scorer(fold), fold, CONDITIONS, degrader, of_unseen))
                report["per_source"][name][f"{fold.source}, seed {seed}"] = runs[-1]
            if settings is None:
                break
        report["figures"][name] = summary(runs)
        show(f"{name} ({time.perf_counter() - started:.0f} s)", report["figures"][name])
        report["ratios"] = ratios(report["figures"])
        # Written after every variant: a long run that is stopped has not been for nothing.
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
