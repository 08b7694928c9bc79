"""The component graph, one function read from top to bottom, the same for every runner."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping, Sequence

import tensorflow_data_validation as tfdv
from tfx import components as tfx_components
from tfx.dsl.components.base import base_component
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2

from components.champion import Champion
from components.champion.finder import champion_state
from components.corpus_check.asv import asv_error_rates
from components.curated_schema import CuratedSchema
from components.data_gate.component import DataGate
from components.data_gate.served import drift_state
from components.eval_report import EvalReport
from components.fingerprint import code_fingerprint
from components.model_evaluator import ModelEvaluator
from components.model_pusher import ModelPusher
from components.transform.component import Transform
from components.utterance_gen.beam_files import BeamFiles, use_options
from components.utterance_gen.component import UtteranceGen
from components.utterance_gen.corpora import Options
from components.utterance_gen.fingerprint import CorpusState, corpus_state
from metrics.costs import AsvErrorRates
from pipeline.config import REPOSITORY, CorpusConfig, Settings, project_version
from pipeline.warm_start import WarmStart, find_warm_start

# What the features depend on, and what the trained model depends on besides.
FEATURE_CODE = (
    "models/features.py",
    "models/feature_config.py",
    "models/preprocessing.py",
    "components/transform",
)
TRAINING_CODE = ("models", "metrics/detection.py", "metrics/calibration.py")
INGESTION_CODE = ("components/utterance_gen",)
GATE_CODE = (
    "components/data_gate",
    "components/utterance_gen",
    "components/model_pusher/store.py",
    "metrics",
    "report",
)
SCHEMA_CODE = ("components/curated_schema",)
PUSHING_CODE = ("components/model_pusher", "components/model_evaluator/records.py")
CHAMPION_CODE = ("components/champion", *PUSHING_CODE)
EVALUATION_CODE = (
    "metrics",
    "components/model_evaluator",
    "components/utterance_gen/measures.py",
    "components/utterance_gen/landmarks.py",
    *CHAMPION_CODE,
)
REPORT_CODE = ("components/eval_report", "report", *EVALUATION_CODE)
# Packages whose version can change a result: part of every fingerprint of code.
LIBRARIES = (
    "altair",
    "apache-beam",
    "keras",
    "numpy",
    "scikit-learn",
    "scipy",
    "soundfile",
    "soxr",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)
SCHEMA = REPOSITORY / "schema" / "schema.pbtxt"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a run reads and writes: folders, or URIs of a Beam filesystem.

    Attributes:
        artifacts: TFX's pipeline root.
        serving: Folder of the pushed versions of this model.
        checkpoints: Where a training that was killed finds its last state.
    """

    artifacts: str
    serving: str
    checkpoints: str


def look_at_corpus(corpus: CorpusConfig, beam_args: Sequence[str] = ()) -> CorpusState:
    """Reads protocols and lists audio.

    Args:
        corpus: Where it is.
        beam_args: Options for Beam's filesystems.

    Raises:
        CorpusError: If the corpus is not there or a protocol is malformed.
    """
    use_options(beam_args)
    options = Options.parse(corpus.options)
    return corpus_state(corpus.root, corpus.layout, BeamFiles(corpus.root), options)


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """What the cache must notice although no artifact shows it.

    `run` is for a pipeline that is compiled now and run later: text that stands for what only the
    run will know (the corpus, parameters). It becomes part of the fingerprint of a training as it
    is, so that it can still be filled in there.
    """

    corpus: str
    ingestion_code: str
    feature_code: str
    schema_code: str
    gate_code: str
    training_code: str
    champion_code: str
    evaluation_code: str
    report_code: str
    pushing_code: str
    run: str = ""

    @classmethod
    def take(
        cls,
        settings: Settings,
        *,
        beam_args: Sequence[str] = (),
        corpus: str | None = None,
        run: str = "",
    ) -> Fingerprints:
        """Reads protocols and lists audio of the corpus, and reads the code.

        Args:
            settings: What will be run.
            beam_args: Options for Beam's filesystems, with which the corpus is read.
            corpus: The corpus' fingerprint where that is found elsewhere: it is not touched then.
            run: See the class.

        Raises:
            CorpusError: If the corpus is not there or a protocol is malformed.
        """
        if corpus is None:
            corpus = look_at_corpus(settings.corpus, beam_args).fingerprint
        return cls(
            corpus=corpus,
            ingestion_code=_code(*INGESTION_CODE),
            feature_code=_code(*FEATURE_CODE),
            schema_code=_code(*SCHEMA_CODE),
            gate_code=_code(*GATE_CODE),
            training_code=_code(*TRAINING_CODE),
            champion_code=_code(*CHAMPION_CODE),
            evaluation_code=_code(*EVALUATION_CODE),
            report_code=_code(*REPORT_CODE),
            pushing_code=_code(*PUSHING_CODE),
            run=run,
        )

    def training(self, settings: Settings, pretrained_digest: str = "") -> str:
        """Identifies a trained model: same data, code and settings, same fingerprint.

        Args:
            settings: What will be run.
            pretrained_digest: Hash of the weights that training starts from; empty without any.
        """
        parts = [
            self.corpus,
            self.ingestion_code,
            self.feature_code,
            self.training_code,
            settings.training(),
            dataclasses.asdict(settings.transform),
            SCHEMA.read_text(),
            *filter(None, [pretrained_digest]),
        ]
        if settings.tuner.trials:
            parts.append(self.tuning(settings))
        return _digest(parts) + self.run

    def tuning(self, settings: Settings) -> str:
        """Identifies what tuning finds, as `training` does a model."""
        parts = [
            self.corpus,
            self.ingestion_code,
            self.feature_code,
            self.training_code,
            settings.tuning(),
            dataclasses.asdict(settings.transform),
            SCHEMA.read_text(),
            importlib.metadata.version("keras-tuner"),
        ]
        return _digest(parts) + self.run

    def folder(self, fingerprint: str) -> str:
        """A short name for the folder of what this fingerprint identifies."""
        return f"{fingerprint[:16]}{self.run}"


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What there is around a run when it begins: parts of the graph, so that the cache sees them.

    Attributes:
        asv_error_rates: Of the speaker verifier, by split.
        champion_state: Of the champion; empty where that is not known yet.
        drift_state: What DataGate measures drift from, likewise.
        warm_start: Where the first weights come from.
    """

    asv_error_rates: Mapping[str, AsvErrorRates] = dataclasses.field(default_factory=dict)
    champion_state: str = ""
    drift_state: str = ""
    warm_start: WarmStart = dataclasses.field(default_factory=WarmStart)


def look_around(settings: Settings, places: Places, fingerprints: Fingerprints) -> Surroundings:
    """Reads what there is now.

    Raises:
        CorpusError: A score file that the settings name is not there or is malformed.
        FileNotFoundError: The pretrained weights that the settings name are not there.
    """
    corpus, evaluation = settings.corpus, settings.evaluation
    warm_start = find_warm_start(
        settings.trainer.pretrained,
        places.serving,
        lambda digest: fingerprints.training(settings, digest),
    )
    return Surroundings(
        asv_error_rates=asv_error_rates(
            corpus.root,
            corpus.layout,
            options=Options.parse(corpus.options),
            scores_dev=evaluation.asv_scores_dev,
            scores_eval=evaluation.asv_scores_eval,
        ),
        champion_state=champion_state(
            places.serving, fingerprints.training(settings, warm_start.digest)
        ),
        drift_state=drift_state(
            places.serving, fingerprints.corpus, settings.data_gate.serving_log
        ),
        warm_start=warm_start,
    )


def create_components(
    settings: Settings,
    *,
    places: Places,
    fingerprints: Fingerprints,
    surroundings: Surroundings | None = None,
    force_blessing_reason: str = "",
) -> list[base_component.BaseComponent]:
    """Builds the graph in the order in which data goes through it.

    Args:
        settings: What to run.
        places: Where to read and write.
        fingerprints: Of corpus and code, taken just before.
        surroundings: What there is around the run; None looks now.
        force_blessing_reason: Not empty: a refused model is pushed all the same, and this reason
            is recorded with it.

    Returns:
        The components, in an order in which they can run.

    Raises:
        CorpusError: See `look_around`.
        FileNotFoundError: See `look_around`.
    """
    corpus, utterances = settings.corpus, settings.utterances
    around = surroundings or look_around(settings, places, fingerprints)
    training_fingerprint = fingerprints.training(settings, around.warm_start.digest)
    pretrained = around.warm_start.pretrained
    trainer_settings = dataclasses.replace(settings.trainer, pretrained=pretrained)

    utterance_gen = UtteranceGen(
        corpus_root=corpus.root,
        layout=corpus.layout,
        layout_options=corpus.options,
        corpus_name=corpus.name,
        sample_rate=settings.features.sample_rate,
        min_seconds=utterances.min_seconds,
        shard_bytes=utterances.shard_megabytes * 2**20,
        max_rejected_fraction=utterances.max_rejected_fraction,
        seed=utterances.seed,
        corpus_fingerprint=fingerprints.corpus,
        code_fingerprint=fingerprints.ingestion_code,
    )
    examples = utterance_gen.outputs["examples"]

    schema = CuratedSchema(
        schema_pbtxt=SCHEMA.read_text(), code_fingerprint=fingerprints.schema_code
    )
    statistics = tfx_components.StatisticsGen(
        examples=examples,
        schema=schema.outputs["schema"],
        # Counting exactly which values occur most often would shuffle whole recordings.
        stats_options=tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True),
    )
    validator = tfx_components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    data_gate = DataGate(
        examples=examples,
        statistics=statistics.outputs["statistics"],
        anomalies=validator.outputs["anomalies"],
        settings=settings.data_gate,
        title=corpus.name,
        serving=places.serving,
        drift_state=around.drift_state,
        code_fingerprint=fingerprints.gate_code,
    )

    transform = Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        custom_config={
            "features": dataclasses.asdict(settings.features),
            "code_fingerprint": fingerprints.feature_code,
        },
        analyze=["train"],
        transform=["train", "dev", "eval"],
        materialize=settings.transform.materialize,
    )
    # ExampleValidator reports and DataGate decides: nothing is computed on data that failed.
    transform.add_upstream_node(data_gate)

    trainer_examples = (
        transform.outputs["transformed_examples"] if settings.transform.materialize else examples
    )
    tuner = None
    if settings.tuner.trials:
        tuning_fingerprint = fingerprints.tuning(settings)
        tuner = tfx_components.Tuner(
            tuner_fn="models.tuning.tuner_fn",
            examples=trainer_examples,
            transform_graph=transform.outputs["transform_graph"],
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["dev"]),
            custom_config={
                **settings.tuning(),
                "materialized": settings.transform.materialize,
                "tuning_dir": os.path.join(  # noqa: PTH118 (URI)
                    places.checkpoints, f"tuning-{fingerprints.folder(tuning_fingerprint)}"
                ),
                "tuning_fingerprint": tuning_fingerprint,
            },
        )
    trainer = tfx_components.Trainer(
        run_fn="models.trainer.run_fn",
        examples=trainer_examples,
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["dev"]),
        custom_config={
            **settings.training(),
            "trainer": dataclasses.asdict(trainer_settings),
            "materialized": settings.transform.materialize,
            "checkpoint_dir": os.path.join(  # noqa: PTH118 (URI)
                places.checkpoints, fingerprints.folder(training_fingerprint)
            ),
            "training_fingerprint": training_fingerprint,
            "code_fingerprint": fingerprints.training_code,
        },
    )

    champion = Champion(
        push_destination=places.serving,
        training_fingerprint=training_fingerprint,
        known_state=around.champion_state,
        code_fingerprint=fingerprints.champion_code,
    )
    # Not before the training: what is pushed in the meantime is noticed.
    champion.add_upstream_node(trainer)
    evaluator = ModelEvaluator(
        examples=examples,
        model=trainer.outputs["model"],
        champion=champion.outputs["model"],
        gate=settings.gate,
        asv_error_rates=around.asv_error_rates,
        resamples=settings.evaluation.resamples,
        bootstrap_seed=settings.evaluation.seed,
        cue_utterances=settings.evaluation.cue_utterances,
        code_fingerprint=fingerprints.evaluation_code,
        force_blessing_reason=force_blessing_reason,
    )
    report = EvalReport(
        examples=examples,
        model=trainer.outputs["model"],
        evaluation=evaluator.outputs["evaluation"],
        scores=evaluator.outputs["scores"],
        blessing=evaluator.outputs["blessing"],
        data_report=data_gate.outputs["report"],
        title=settings.name,
        corpus_root=corpus.root,
        settings=settings.as_text(),
        version=f"{project_version()} (code {fingerprints.report_code[:12]})",
        code_fingerprint=fingerprints.report_code,
    )
    pusher = ModelPusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        report=report.outputs["report"],
        model_card=report.outputs["model_card"],
        evaluation=evaluator.outputs["evaluation"],
        data_report=data_gate.outputs["report"],
        push_destination=places.serving,
        code_fingerprint=fingerprints.pushing_code,
    )
    return [
        utterance_gen,
        schema,
        statistics,
        validator,
        data_gate,
        transform,
        *([tuner] if tuner else []),
        trainer,
        champion,
        evaluator,
        report,
        pusher,
    ]


def up_to(components: Sequence[base_component.BaseComponent], last: str) -> set[str]:
    """The ids of the component `last` and of everything that it needs.

    Raises:
        KeyError: If no component has that id.
    """
    by_id = {component.id: component for component in components}
    wanted: set[str] = set()
    pending = [by_id[last]]
    while pending:
        component = pending.pop()
        wanted.add(component.id)
        producers = {
            channel.producer_component_id
            for channel in component.inputs.values()
            if channel.producer_component_id
        }
        producers |= {node.id for node in component.upstream_nodes}
        pending += [by_id[producer] for producer in producers - wanted]
    return wanted


def create_pipeline(
    settings: Settings,
    components: Sequence[base_component.BaseComponent],
    *,
    places: Places,
    metadata_path: str,
) -> tfx_pipeline.Pipeline:
    """Wraps the components for TFX, with caching on and metadata in an SQLite file."""
    return tfx_pipeline.Pipeline(
        pipeline_name=f"bonafide-{settings.name}",
        pipeline_root=places.artifacts,
        components=list(components),
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(metadata_path),
    )


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code(*places: str) -> str:
    versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in LIBRARIES)
    source = code_fingerprint([REPOSITORY / place for place in places])
    return hashlib.sha256(f"{source} {versions}".encode()).hexdigest()
