"""Generalisation of a recipe to unseen systems and voices, compared with a classic baseline.

    python -m benchmarks.generalise --json FILE [--manifest FOLDER] [--variants a,b] [--seeds 0,1]
                                    [--set section.field=value]

Clips are split into folds by source system and by speaker, never by clip: the test part of a fold
has the spoofs of some systems and the bona fide speech of some speakers, and its training part has
neither those systems nor those speakers. The corpus is `samples/` as a whole, or with `--manifest`
a folder with `manifest.csv` (path, key, speaker, system). Every figure is the EER of the spoofs of
one held-out system against the bona fide speech of its fold; the macro EER is the mean over
systems.

The baseline is the classic of the field: LFCC with differences and one Gaussian mixture of 64
components for each class (scikit-learn), scored by the mean log-likelihood ratio of the frames. The
ratio is its macro EER over that of the preset (`small-corpus` for a manifest, `sample` for
`samples/`): above 1, ours has fewer errors. Each variant changes one thing of the preset. Nothing
is selected on the test part: the last epoch is used.
"""

from __future__ import annotations

import argparse
import collections
import csv
import dataclasses
import json
import pathlib
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import soundfile
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from bonafide.metrics.calibration import fit_affine
from bonafide.metrics.detection import equal_error_rate
from bonafide.version import REPOSITORY
from models.data.batches import evaluation_batches
from models.data.pcm_split import PcmSplit, Recordings
from models.data.splits import ArraySplit, Split
from models.data.views import MeanRemoved
from models.features import frontend as features_lib
from models.features.preprocessing import FEATURES, PCM16
from models.network.conformer import Conformer
from models.settings.features import FeatureConfig
from models.training.devices import choose_placement
from models.training.steps import make_score_step, score_batches
from models.training.train import train
from models.training.trainer import members
from pipeline.config import Settings, override, sample, small_corpus

FOLDS = 5
BONAFIDE = "-"
RATE = 16000
LFCC = FeatureConfig(
    front_end="lfcc", num_bands=20, num_coefficients=20, fmin_hz=0.0, fmax_hz=8000.0, remove_dc=True
)
MIXTURES, MOST_FRAMES = 64, 100_000
CALIBRATED_ON = 200  # clips of training
# Changes of the preset by variant.
_CORPUS = "features.normalisation=corpus"
VARIANTS: dict[str, list[str]] = {
    "default": [],
    "mel": [
        *("features.front_end=mel", "features.num_bands=120"),
        *("features.window_samples=640", "features.fft_length=1024"),
    ],
    "linear_120_bands": [
        *("features.front_end=linear", "features.num_bands=120"),
        *("features.window_samples=640", "features.fft_length=1024"),
    ],
    "classic_lfcc": ["features.num_bands=20", "features.num_coefficients=20"],
    "to_8_khz": ["features.fmax_hz=8000"],
    "utterance_normalised": ["features.normalisation=utterance"],
    "utterance_mean": ["features.normalisation=utterance_mean"],
    "two_seconds": ["features.clip_samples=32000"],
    "whole_clips": ["trainer.crop_frames=0"],
    "without_spec_augment": ["augment.spec_augment_probability=0"],
    "without_mixup": ["augment.mixup_probability=0"],
    "without_averaging": ["trainer.ema_epochs=0"],
    "conditioned": ["features.remove_dc=true", "features.preemphasis=0.97"],
    "corpus_normalised": [_CORPUS],
    "linear": ["features.front_end=linear", "features.fmin_hz=0"],
    "lfcc": [
        *("features.front_end=lfcc", "features.fmin_hz=0", "features.num_bands=60"),
        *("features.num_coefficients=40", "features.window_samples=320", "features.fft_length=512"),
    ],
    "rawboost": ["waveform.random_start=true", "waveform.rawboost_probability=0.5"],
    "channels": [
        *("waveform.random_start=true", "waveform.equalizer_probability=0.5"),
        *("waveform.band_limit_probability=0.3", "waveform.noise_probability=0.3"),
    ],
    "resynthesis": ["waveform.random_start=true", "waveform.resynthesis_probability=0.4"],
    "am_softmax": ["trainer.loss=am_softmax", "conformer.head=cosine_pair"],
    "oc_softmax": ["trainer.loss=oc_softmax", "conformer.head=cosine"],
}


@dataclasses.dataclass(frozen=True)
class Clip:
    """One utterance; `system` is `-` of bona fide, `samples` int16, `source` may be empty."""

    samples: np.ndarray
    system: str
    speaker: str
    source: str = ""
    name: str = ""


# Scores [N] of clips.
Scorer = Callable[[Sequence[Clip]], np.ndarray]


def read_samples() -> list[Clip]:
    """Reads the bundled corpus, all splits together."""
    root = REPOSITORY / "samples" / "LA"
    clips = []
    for split, ending in (("train", "train.trn"), ("dev", "dev.trl"), ("eval", "eval.trl")):
        protocol = root / f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        for line in protocol.read_text().splitlines():
            speaker, utterance, _, system, _ = line.split()
            path = root / f"ASVspoof2019_LA_{split}/flac/{utterance}.flac"
            samples = soundfile.read(path, dtype="int16")[0]
            clips.append(Clip(samples, system, speaker, "samples", utterance))
    return clips


def read_manifest(folder: pathlib.Path) -> list[Clip]:
    """Reads a folder with `manifest.csv`; audio is 16 kHz mono."""
    clips = []
    with (folder / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            samples, rate = soundfile.read(folder / row["path"], dtype="int16")
            if rate != RATE or samples.ndim != 1:
                raise SystemExit(f"{row['path']} is not {RATE} Hz mono")
            system = BONAFIDE if row["key"] == "bonafide" else row["system"]
            clips.append(Clip(samples, system, row["speaker"], row.get("source", ""), row["path"]))
    return clips


def deal(sizes: collections.Counter[str], folds: int) -> dict[str, int]:
    """Assigns names to folds, the largest first, each to the smallest fold so far."""
    totals, fold_of = [0] * folds, {}
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold_of[name] = totals.index(min(totals))
        totals[fold_of[name]] += size
    return fold_of


def split_folds(clips: Sequence[Clip], folds: int) -> list[tuple[list[Clip], list[Clip]]]:
    """Returns training and test clips of each fold; see the top of this file."""
    fold_of_system = deal(
        collections.Counter(clip.system for clip in clips if clip.system != BONAFIDE), folds
    )
    fold_of_speaker = deal(
        collections.Counter(clip.speaker for clip in clips if clip.system == BONAFIDE), folds
    )
    result = []
    for fold in range(folds):
        train_part, test_part = [], []
        for clip in clips:
            held_system = fold_of_system.get(clip.system) == fold
            held_speaker = fold_of_speaker.get(clip.speaker) == fold
            if held_system or (clip.system == BONAFIDE and held_speaker):
                test_part.append(clip)
            elif not held_speaker:
                train_part.append(clip)
        result.append((train_part, test_part))
    return result


def gmm_scores(train_part: Sequence[Clip], test_part: Sequence[Clip], seed: int) -> np.ndarray:
    """Scores of the classic baseline, [N]."""
    return gmm_scorer(train_part, seed)(test_part)


def gmm_scorer(train_part: Sequence[Clip], seed: int) -> Scorer:
    """Fits the classic baseline."""

    def frames(clip: Clip) -> np.ndarray:
        waveform = clip.samples.astype(np.float32)[None] / 32768.0
        return features_lib.compute_features(tf.constant(waveform), LFCC).numpy()[0]

    mixtures = []
    random = np.random.default_rng(seed)
    for bonafide in (True, False):
        pool = np.concatenate([frames(c) for c in train_part if (c.system == BONAFIDE) == bonafide])
        pool = pool[random.permutation(len(pool))[:MOST_FRAMES]]
        mixture = GaussianMixture(
            MIXTURES, covariance_type="diag", max_iter=30, reg_covar=1e-3, random_state=seed
        )
        with warnings.catch_warnings():  # thirty iterations suffice
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixtures.append(mixture.fit(pool))
    return lambda clips: np.array(
        [mixtures[0].score(x) - mixtures[1].score(x) for x in map(frames, clips)]
    )


def our_scores(
    settings: Settings, train_part: Sequence[Clip], test_part: Sequence[Clip], seed: int
) -> np.ndarray:
    """Scores of a recipe, [N]; see `our_scorer`."""
    return our_scorer(settings, train_part, seed)(test_part)


def our_scorer(
    settings: Settings, train_part: Sequence[Clip], seed: int, dev: Sequence[Clip] = ()
) -> Scorer:
    """Trains a recipe; its scores are those of the last epoch.

    Those of one model are not calibrated. Those of `trainer.members` are the mean of calibrated
    scores, as in an exported detector.

    Args:
        settings: The recipe.
        train_part: Training clips.
        seed: Of the first member.
        dev: Clips on which members are calibrated; without them, some of training.
    """
    mean, deviation = 0.0, 1.0

    def transform(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        pcm16 = tf.reshape(inputs[PCM16], [-1])
        waveform = features_lib.decode_pcm16(pcm16, settings.features)
        computed = features_lib.compute_features(waveform, settings.features)
        if settings.features.normalisation == "utterance":
            computed = features_lib.normalise_utterance(computed)
        elif settings.features.normalisation == "utterance_mean":
            computed = features_lib.remove_mean(computed)
        return {FEATURES: (computed - mean) / deviation}

    shape = (settings.features.num_frames, settings.features.num_features)
    if settings.features.normalisation != "utterance":
        raw = [transform({PCM16: tf.constant([c.samples.tobytes()])}) for c in train_part]
        frames = np.concatenate([part[FEATURES].numpy()[0] for part in raw])
        mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    compute = tf.function(transform)

    def as_array(clips: Sequence[Clip]) -> ArraySplit:
        parts = [
            compute({PCM16: tf.constant([c.samples.tobytes() for c in clips[i : i + 64]])})
            for i in range(0, len(clips), 64)
        ]
        return ArraySplit(np.concatenate([part[FEATURES] for part in parts]), labels_of(clips))

    def as_recordings(clips: Sequence[Clip]) -> PcmSplit:
        offsets = np.concatenate([[0], np.cumsum([len(clip.samples) for clip in clips])])
        return PcmSplit(
            recordings=Recordings(np.concatenate([clip.samples for clip in clips]), offsets),
            labels=labels_of(clips),
            transform=transform,
            feature_shape=shape,
            sample_rate=RATE,
            clip_samples=settings.features.clip_samples,
            config=settings.waveform,
        )

    split = as_recordings(train_part) if settings.waveform.enabled else as_array(train_part)
    unused = as_array(thinned(train_part, 20))  # scored after every epoch
    trainer = dataclasses.replace(settings.trainer, seed=seed, selection="last")
    score_splits = [
        _fit(dataclasses.replace(settings, trainer=member), split, unused)
        for member, _ in members(trainer)
    ]
    if len(score_splits) == 1:
        [score] = score_splits
        return lambda clips: score(as_array(clips))
    known = as_array(dev or thinned(train_part, CALIBRATED_ON))
    maps = [fit_affine(score(known), known.labels) for score in score_splits]

    def mean_scores(clips: Sequence[Clip]) -> np.ndarray:
        array = as_array(clips)
        pairs = zip(maps, score_splits, strict=True)
        return np.mean([found.apply(score(array)) for found, score in pairs], axis=0)

    return mean_scores


def _fit(settings: Settings, train_split: Split, dev_split: Split) -> Callable[[Split], np.ndarray]:
    """Trains one model; returns the function from a split to the logits of its last epoch, [N]."""
    trainer = settings.trainer
    placement = choose_placement("cpu", trainer.mixed_precision)

    def view(split: Split) -> Split:
        return MeanRemoved(split) if trainer.mean_removed_members else split

    with tempfile.TemporaryDirectory() as folder:
        result = train(
            view(train_split),
            view(dev_split),
            conformer=settings.conformer,
            augment=settings.augment,
            settings=trainer,
            placement=placement,
            checkpoint_dir=folder,
            fingerprint="benchmark",
        )
    model = Conformer(settings.conformer, dtype="float32")
    model.build((None, *train_split.feature_shape))
    model.set_weights(result.state.best_weights)
    step = make_score_step(model, placement)

    def score(split: Split) -> np.ndarray:
        batches = evaluation_batches(view(split), batch_size=trainer.batch_size)
        return score_batches(step, batches, placement)[: len(split.labels)]

    return score


def thinned(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Returns at most so many clips, half of each class where there are so many."""
    chosen: list[Clip] = []
    random = np.random.default_rng(0)
    for bonafide in (True, False):
        own = [clip for clip in clips if (clip.system == BONAFIDE) == bonafide]
        order = random.permutation(len(own))[: most // 2]
        chosen += [own[place] for place in sorted(order)]
    return chosen


def labels_of(clips: Sequence[Clip]) -> np.ndarray:
    """[N] int64, 1 = bona fide."""
    return np.array([clip.system == BONAFIDE for clip in clips], np.int64)


def per_system(scores: np.ndarray, clips: Sequence[Clip]) -> dict[str, float]:
    """EER of each system's spoofs against all bona fide clips."""
    bonafide = labels_of(clips) == 1
    return {
        system: equal_error_rate(
            scores[rows := bonafide | np.array([c.system == system for c in clips])], bonafide[rows]
        ).eer
        for system in sorted({clip.system for clip in clips} - {BONAFIDE})
    }


def measure(
    score: Callable[[Sequence[Clip], Sequence[Clip], int], np.ndarray],
    folds: Sequence[tuple[list[Clip], list[Clip]]],
    seeds: Sequence[int],
) -> dict:
    """Runs all folds with all seeds; returns macro and pooled EER and those of the systems."""
    found: dict[str, list[float]] = collections.defaultdict(list)
    pooled, started = [], time.perf_counter()
    for seed in seeds:
        for train_part, test_part in folds:
            scores = score(train_part, test_part, seed)
            pooled.append(equal_error_rate(scores, labels_of(test_part)).eer)
            for system, eer in per_system(scores, test_part).items():
                found[system].append(eer)
            print(f"  seed {seed}  fold EER {pooled[-1]:.3f}", flush=True)
    systems = {system: float(np.mean(eers)) for system, eers in sorted(found.items())}
    by_seed = np.array(list(found.values())).mean(axis=0)
    return {
        "macro_eer": float(np.mean(list(systems.values()))),
        "macro_eer_by_seed": by_seed.tolist(),
        "mean_eer_of_folds": float(np.mean(pooled)),
        "seconds": time.perf_counter() - started,
        "per_system": systems,
    }


def main() -> None:
    """Measures the baseline and the variants and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--manifest", type=pathlib.Path, help="folder with manifest.csv")
    parser.add_argument("--variants", default="default", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--seeds", default="0")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="FIELD=VALUE",
        help="change a setting of every variant",
    )
    options = parser.parse_args()
    base = small_corpus() if options.manifest else sample()
    clips = read_manifest(options.manifest) if options.manifest else read_samples()
    folds = split_folds(clips, FOLDS)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    print("gmm", flush=True)
    figures = {"lfcc_gmm": measure(gmm_scores, folds, seeds[:1])}
    for name in options.variants.split(","):
        settings = override(base, [*options.assignments, *VARIANTS[name]])
        print(name, flush=True)
        figures[name] = measure(
            lambda *args, settings=settings: our_scores(settings, *args), folds, seeds
        )
        # Written after every variant, so that an interrupted run has results.
        gmm = figures["lfcc_gmm"]["macro_eer"]
        report = {
            "figures": figures,
            "ratios": {
                f"gmm_over_{'ours' if name == 'default' else name}_macro_eer": gmm
                / found["macro_eer"]
                for name, found in figures.items()
                if name != "lfcc_gmm"
            },
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
