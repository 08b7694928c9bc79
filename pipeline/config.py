"""Settings: one tree of frozen dataclasses, presets for known corpora, overrides by dotted name.

It imports neither TensorFlow nor TFX, so that `--help` and errors in settings are immediate.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from bonafide import corpora
from bonafide.audio.channels import Choice
from bonafide.audio.degradation_specs import CONDITIONS, DegradationError
from bonafide.audio.degradation_specs import parse as parse_degradation
from bonafide.corpora import left_out
from bonafide.engines import BeamConfig
from bonafide.metrics.gate import GateConfig
from bonafide.settings import Bounds, Pattern, Section, overrides
from bonafide.settings.types import Fraction, LongSeed
from bonafide.version import REPOSITORY
from components.data_gate.config import DataGateConfig
from components.model_evaluator.settings import CueUtterances, Resamples
from components.utterance_gen.settings import DegradedCopies
from models.settings.augment import AugmentConfig
from models.settings.conformer import SIZES, ConformerConfig
from models.settings.corpus_weights import not_weightable
from models.settings.features import FeatureConfig
from models.settings.trainer import TrainerConfig
from models.settings.tuner import TunerConfig
from models.settings.waveform import WaveformConfig

# Ids of the components in the order of the data flow; the Tuner is optional.
COMPONENTS = (
    *("UtteranceGen", "CuratedSchema", "StatisticsGen", "ExampleValidator", "DataGate"),
    *("Transform", "Tuner", "Trainer", "Champion", "ModelEvaluator", "EvalReport"),
    "ModelPusher",
)


@dataclasses.dataclass(frozen=True)
class CorpusConfig(Section, section="corpus"):
    """Location and layout of the corpus.

    Attributes:
        root: Folder of the corpus: a local path or the URI of a Beam filesystem.
        layout: Name of the corpus layout (docs/corpora.md); `auto` detects it from the files.
        options: Options of the layout, `name=value` each (docs/corpora.md).
        name: Name of the corpus, written into every example.
    """

    root: str = str(REPOSITORY / "samples")
    layout: str = "asvspoof2019-la"
    options: tuple[str, ...] = ()
    name: Annotated[str, Pattern(".+", "a name")] = "sample"

    def __post_init__(self) -> None:
        """Checks the layout and its options.

        Raises:
            SettingsError: An option is unknown or has an invalid value.
            CorpusError: The layout is unknown or does not support an option.
        """
        super().__post_init__()
        corpora.check(self.layout, corpora.Options.parse(self.options))


@dataclasses.dataclass(frozen=True)
class UtteranceConfig(Section, section="utterances"):
    """Conversion of audio to examples.

    Attributes:
        min_seconds: Minimum duration; shorter recordings are rejected.
        channels: Channels of recordings with several that are used: `mix` averages them, `left` and
            `right` select the first and the second, `reject` averages those that are alike and
            rejects the others. DataGate's rule `unlike_channels` counts those that differ.
        reject_without_speech: Whether a recording with less than 0.3 s of speech is rejected:
            silence, noise, tones, music. DataGate's rule `without_speech` counts them in any case.
        max_rejected_fraction: Maximum share of rejected utterances; a larger one stops the run.
        shard_megabytes: Target size of a shard of examples.
        degraded_copies: Number of degraded copies of each recording of the train split, in addition
            to the recording: each through a random chain of codecs, band limits, noise and levels,
            with equal probabilities for both classes (docs/model.md).
        leave_out: Rows of train and dev that are not read: `FIELD=VALUE`, or several with `&`
            between them that all must hold, such as `source=page-7&key=spoof`. Fields: `key`,
            `speaker`, `system`, `corpus`, and the metadata of the layout (`source`, `codec`,
            `language`, ...). Eval stays complete.
        seed: Seed of the order of utterances inside the shards, and of the degraded copies.
    """

    min_seconds: Annotated[float, Bounds(ge=0, le=60, unit="seconds")] = 0.3
    channels: Choice = "mix"
    reject_without_speech: bool = True
    max_rejected_fraction: Fraction = 0.01
    # A shard is written to a local disk first.
    shard_megabytes: Annotated[int, Bounds(ge=1, le=2**20, unit="MiB")] = 128
    degraded_copies: DegradedCopies = 0
    leave_out: tuple[str, ...] = ()
    seed: LongSeed = 1

    def __post_init__(self) -> None:
        """Checks ranges and conditions.

        Raises:
            SettingsError: A setting is out of range, or a condition of `leave_out` malformed.
        """
        super().__post_init__()
        for text in self.leave_out:
            try:
                left_out.Condition.parse(text)
            except corpora.CorpusError as error:
                raise self.refused("leave_out", f"conditions ({error})") from error


@dataclasses.dataclass(frozen=True)
class TransformConfig(Section, section="transform"):
    """Computation of the features for the trainer.

    Attributes:
        materialize: True: Transform writes the features to disk once. False: the trainer's
            input pipeline computes them with the same graph, and caches them.
    """

    materialize: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig(Section, section="evaluation"):
    """Evaluation of a model.

    Attributes:
        resamples: Number of bootstrap resamples (by speakers) for each interval.
        seed: Seed of the bootstrap.
        cue_utterances: Number of utterances of eval that are also scored with shortcuts removed
            (silence trimmed, level and DC normalised, both) and under every condition: all if there
            are fewer, 0 for none.
        conditions: Degradations to score them under, such as `mp3:64k` or
            `amrnb:12.2k|noise:20` (docs/evaluation.md lists them); empty for none.
        asv_scores_dev: Score file of a speaker verifier on dev, for the t-DCF: a path or the URI of
            a Beam filesystem. `auto` uses that of the corpus if its layout has one; empty for no
            t-DCF.
        asv_scores_eval: Score file of a speaker verifier on eval, likewise.
    """

    resamples: Resamples = 1000
    seed: LongSeed = 1
    cue_utterances: CueUtterances = 10_000
    conditions: tuple[str, ...] = CONDITIONS
    asv_scores_dev: str = "auto"
    asv_scores_eval: str = "auto"

    def __post_init__(self) -> None:
        """Checks ranges and conditions.

        Raises:
            SettingsError: A setting is out of its range, or a condition unknown or given twice.
        """
        super().__post_init__()
        for spec in self.conditions:
            try:
                parse_degradation(spec)
            except DegradationError as error:
                raise self.refused("conditions", f"degradations ({error})") from error
        if "none" in self.conditions or len({*self.conditions}) < len(self.conditions):
            raise self.refused("conditions", "different degradations, without `none`")


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    name: str
    corpus: CorpusConfig = dataclasses.field(default_factory=CorpusConfig)
    utterances: UtteranceConfig = dataclasses.field(default_factory=UtteranceConfig)
    data_gate: DataGateConfig = dataclasses.field(default_factory=DataGateConfig)
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    transform: TransformConfig = dataclasses.field(default_factory=TransformConfig)
    conformer: ConformerConfig = dataclasses.field(default_factory=ConformerConfig)
    waveform: WaveformConfig = dataclasses.field(default_factory=WaveformConfig)
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    trainer: TrainerConfig = dataclasses.field(default_factory=TrainerConfig)
    tuner: TunerConfig = dataclasses.field(default_factory=TunerConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)
    gate: GateConfig = dataclasses.field(default_factory=GateConfig)
    beam: BeamConfig = dataclasses.field(default_factory=BeamConfig)

    def __post_init__(self) -> None:
        """Validates rules between sections.

        Raises:
            SettingsError: Settings contradict each other.
        """
        frames = self.features.num_frames
        if self.trainer.crop_frames > frames:
            raise self.trainer.refused(
                "crop_frames",
                f"at most {frames} frames, the length of a clip (features.clip_samples and "
                "features.hop_samples)",
                "0 takes them all.",
            )
        if self.gate.needs_conditions and not (
            self.evaluation.conditions and self.evaluation.cue_utterances
        ):
            raise self.evaluation.refused(
                "conditions",
                "degradations to measure, with evaluation.cue_utterances above 0, for the rules "
                "gate.max_condition_far and gate.max_condition_frr",
                "Set some, or set both limits to 1 to disable the rules.",
            )
        heads = {"oc_softmax": "cosine", "am_softmax": "cosine_pair"}
        head = heads.get(self.trainer.loss, "logit")
        if self.conformer.head != head:
            raise self.conformer.refused(
                "head", f"conformer.head={head} with trainer.loss={self.trainer.loss}"
            )
        if self.trainer.corpus_weights and (
            self.transform.materialize or self.trainer.cache == "none"
        ):
            raise not_weightable(self.trainer.corpus_weights)
        if self.transform.materialize:
            self._check_written_features()

    def _check_written_features(self) -> None:
        """Refuses settings that change waveforms or splits if Transform writes the features."""
        expected = "false with {}, which are applied before features are computed"
        if self.waveform.enabled or self.trainer.holdout_attacks:
            raise self.transform.refused(
                "materialize",
                expected.format("waveform.* or trainer.holdout_attacks"),
                "Set transform.materialize=false, or turn waveform.* and trainer.holdout_attacks "
                "off.",
            )
        waveforms = [name for name in self.tuner.space if name.startswith("waveform.")]
        if self.tuner.trials and (self.tuner.holdout_attacks or waveforms):
            raise self.transform.refused(
                "materialize",
                expected.format("tuner.holdout_attacks or waveform.* in tuner.space"),
                "Set transform.materialize=false, or leave tuner.holdout_attacks empty and "
                "waveform.* out of tuner.space.",
            )

    def components(self) -> tuple[str, ...]:
        """Ids of the components of a run with these settings, in order."""
        return tuple(name for name in COMPONENTS if name != "Tuner" or self.tuner.trials)

    def training(self) -> dict[str, dict[str, Any]]:
        """The settings that affect the model, as plain values for JSON."""
        sections = ("utterances", "features", "conformer", "waveform", "augment", "trainer")
        return {name: dataclasses.asdict(getattr(self, name)) for name in sections}

    def tuning(self) -> dict[str, dict[str, Any]]:
        """The settings that affect the result of tuning, with `trainer` as in a trial."""
        trainer = dataclasses.replace(
            self.trainer,
            epochs=self.tuner.epochs,
            seed=self.tuner.seed,
            holdout_attacks=self.tuner.holdout_attacks or self.trainer.holdout_attacks,
        )
        trial = dataclasses.replace(self, trainer=trainer)
        return {**trial.training(), "tuner": dataclasses.asdict(self.tuner)}

    def as_text(self) -> str:
        """All settings that affect the result, as JSON, for the record."""
        settings = dataclasses.asdict(self)
        del settings["beam"]  # the engine does not affect the result
        if not self.tuner.trials:
            del settings["tuner"]  # it has no effect without trials
        return json.dumps(settings, sort_keys=True)


def sample() -> Settings:
    """The bundled corpus: tests the pipeline on any machine; the detector is not for use.

    Recordings are short (median 1.6 s) and few, so clips are cropped to 2 s, and training is short
    with strong averaging. Features are normalised per clip, because the channels of the bona fide
    recordings differ more than the classes.

    151 s for the whole pipeline on 2 cores of an AMD EPYC with AVX-512; eval EER 27.57, 28.72 and
    27.57 % with seeds 0, 1 and 2, with upper interval ends of 35.95, 36.63 and 34.86 %
    (2026-11-25). The gate's limit is five points above the worst of these; a model trained on
    shuffled labels has an EER of 52 %. With 37 speakers in eval, the paired interval between two
    seeds reaches 6 points to either side; a smaller `max_regression` would refuse equal models.

    In the worst conditions, the intervals of FAR (noise at 30 dB) and FRR (MP3 at 64 kbit/s) end at
    78 and 33 % (seed 0, 2026-11-30; 53 and 25 % as recorded); the bounds stand 12 and 17 points
    above.
    """
    return Settings(
        name="sample",
        features=FeatureConfig(
            clip_samples=32_000,
            window_samples=640,
            fft_length=1024,
            num_bands=120,
            fmax_hz=8000.0,
            normalisation="utterance",
        ),
        conformer=ConformerConfig(subsampling_channels=16, dropout=0.2),
        augment=AugmentConfig(
            max_time_mask_frames=10, max_frequency_mask_bands=40, cutmix_probability=0.0
        ),
        # At twice this rate, one seed in three collapsed to equal scores for all clips. Dev has
        # training's attacks: its best epoch is not better on others than the last (average).
        trainer=TrainerConfig(
            epochs=30,
            crop_frames=96,
            ema_epochs=5.0,
            weight_decay=0.05,
            learning_rate=5e-4,
            selection="last",
        ),
        # Of the most frequent kinds in eval: a vocoder and a neural synthesiser.
        tuner=TunerConfig(epochs=15, holdout_attacks=("A05", "A06")),
        # Five points above the upper ends of 95 % intervals by 13 speakers (docs/evaluation.md):
        # they let the machinery be seen, and do not describe a usable detector.
        gate=GateConfig(
            max_eer=0.48,
            max_regression=0.08,
            max_reference_regression=0.08,
            max_worst_attack_eer=0.65,
            max_condition_far=0.9,
            max_condition_frr=0.55,
        ),
    )


def _fine_cepstrum(clip_samples: int, fmax_hz: float) -> FeatureConfig:
    """Twice the usual number of LFCC coefficients, 20 ms windows, corpus normalisation.

    They detected unseen systems best (see docs/model.md): they have equal resolution at high
    frequencies, where vocoders differ, and absolute levels, which normalisation per clip would
    remove.
    """
    return FeatureConfig(
        front_end="lfcc",
        clip_samples=clip_samples,
        window_samples=320,
        fft_length=512,
        num_bands=60,
        num_coefficients=40,
        fmin_hz=0.0,
        fmax_hz=fmax_hz,
        remove_dc=True,
        normalisation="corpus",
    )


def small_corpus() -> Settings:
    """Your own corpus: some thousand clips of several seconds, of many systems and speakers.

    The small model of the preset `sample` on fine cepstra of up to 6 s, trained on random crops of
    1 s. The layout of the corpus is detected from its files.

    Features end at 7 kHz: what lies above separates channels, not voices. With whole sources held
    out, that lowered the EER on each of three sources, by 15 points in the mean (from 57 to 42 %:
    one seed, a reduced recipe; docs/measurements/robustness.md). Within known pages the band above
    helps by a few points; `features.fmax_hz=8000` brings it back.

    On three sources that training has not seen, the EER was 14, 31 and 68 %, after leaving out the
    spoofs that DataGate's rule `one_sided_codec` names; with them 34, 35 and 68 %. With the spoofs
    of `bonafide synthesize`, `features.normalisation=utterance_mean`, a learning rate of 5e-4 and
    2,400 steps, it was 8 and 24 % on the first two (docs/measurements/robustness.md). Training data
    that are hard to separate can collapse to equal scores, as the Trainer's log then says: set this
    normalisation, or lower `trainer.learning_rate` to 3e-4.

    With it, on 1,093 clips of 45 systems from demonstration pages, the macro EER over unseen
    systems of known pages was 5.1, 5.4 and 5.1 % with seeds 0, 1 and 2, and that of an LFCC-GMM
    13.2 % (`benchmarks/generalise.py`, 2026-11-25); on clips of 12 other pages it was 24.9 %. A
    training took 2 to 3 minutes on one core in bfloat16. The gate's limits are guesses: set them
    after your first runs.
    """
    base = sample()
    return dataclasses.replace(
        base,
        name="small-corpus",
        corpus=CorpusConfig(root="data/LA", layout="auto", name="small-corpus"),
        features=_fine_cepstrum(96_000, fmax_hz=7000.0),
        trainer=dataclasses.replace(base.trainer, learning_rate=1e-3),
        gate=GateConfig(
            max_eer=0.25,
            max_regression=0.05,
            max_reference_regression=0.05,
            max_worst_attack_eer=0.5,
        ),
        tuner=TunerConfig(),  # the attacks to hold out depend on the corpus
    )


def asvspoof2019_la() -> Settings:
    """ASVspoof 2019 LA: 121,461 utterances, trained on A01-A06, gated on A07-A19.

    4 s clips, fine cepstra (as the preset `small-corpus`; published systems on this corpus also
    prefer linear frequency to mel), a Conformer of 4.2 million parameters, 40 epochs. Designed
    for one GPU; features of train and dev take about 10 GB, in memory or in a file on disk.
    It has not been run on the full corpus, so the error rate is unknown, and the gate's limit is
    loose, for a first run (a published LFCC-LCNN has 1.92 %, the LFCC-GMM 8.09 %); no attack may be
    near chance.

    Only training steps were measured, on 2 cores of an AMD EPYC (2026-11-25): 35 clips/s in float32
    and 55 in bfloat16, which extrapolates to 8 and 5 hours, and a third more for scoring dev after
    every epoch. The total is 4 PFLOP: on a GPU, the input is probably the bottleneck (not
    measured).
    """
    return Settings(
        name="asvspoof2019-la",
        corpus=CorpusConfig(root="data/LA", layout="asvspoof2019-la", name="asvspoof2019-la"),
        features=_fine_cepstrum(64_000, fmax_hz=8000.0),
        conformer=ConformerConfig(width=144, num_blocks=8, ff_multiplier=4),
        trainer=TrainerConfig(epochs=40, batch_size=64, ema_epochs=1.0, selection="last"),
        # The two attacks without a vocoder, unlike the remaining training attacks.
        tuner=TunerConfig(epochs=10, holdout_attacks=("A04", "A06")),
        gate=GateConfig(
            max_eer=0.10,
            max_regression=0.01,
            max_reference_regression=0.01,
            max_worst_attack_eer=0.35,
            min_bonafide=1000,
            min_spoof=10_000,
            min_speakers=20,
            min_spoof_speakers=20,
        ),
    )


# Sections with named values.
NAMED_SECTIONS: Mapping[str, Mapping[str, Section]] = {"conformer": SIZES}

PRESETS: dict[str, Callable[[], Settings]] = {
    "sample": sample,
    "small-corpus": small_corpus,
    "asvspoof2019-la": asvspoof2019_la,
}


def override(settings: Settings, changes: Sequence[str | overrides.Change]) -> Settings:
    """Returns the settings with overrides applied; see `bonafide.settings.overrides`."""
    return overrides.override(settings, changes, NAMED_SECTIONS)
