"""The component graph, one function, the same for every runner."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import tensorflow_data_validation as tfdv
from tfx import components as tfx_components
from tfx.dsl.components.base import base_component
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2

from bonafide.corpora import Options
from bonafide.metrics.costs import AsvErrorRates
from bonafide.registry.champion import champion_state
from bonafide.registry.warm_start import WarmStart, find_warm_start
from bonafide.version import project_version
from components.champion.component import Champion
from components.corpus_check.asv import asv_error_rates
from components.curated_schema.component import CuratedSchema
from components.data_gate.component import DataGate
from components.data_gate.in_force import InForce
from components.data_gate.served import drift_state
from components.eval_report.component import EvalReport
from components.model_evaluator.component import ModelEvaluator
from components.model_evaluator.settings import EvaluatorSettings
from components.model_pusher.component import ModelPusher
from components.transform.component import Transform
from components.utterance_gen.component import UtteranceGen
from components.utterance_gen.settings import IngestSettings
from pipeline.config import Settings
from pipeline.fingerprints import SCHEMA, Fingerprints


@dataclasses.dataclass(frozen=True)
class Places:
    """Folders of a run, or URIs of a Beam filesystem.

    Attributes:
        artifacts: TFX's pipeline root.
        serving: Folder of the pushed versions of this model.
        checkpoints: Folder of training checkpoints, from which a killed training resumes.
    """

    artifacts: str
    serving: str
    checkpoints: str


@dataclasses.dataclass(frozen=True)
class RunContext:
    """State outside the settings that a run depends on; it is in the graph and thus in cache keys.

    Attributes:
        asv_error_rates: Error rates of the speaker verifier, by split.
        champion_state: State of the champion; empty if not yet known.
        drift_state: State of DataGate's reference for drift, likewise.
        warm_start: Source of the initial weights.
    """

    asv_error_rates: Mapping[str, AsvErrorRates] = dataclasses.field(default_factory=dict)
    champion_state: str = ""
    drift_state: str = ""
    warm_start: WarmStart = dataclasses.field(default_factory=WarmStart)


def gather_context(settings: Settings, places: Places, fingerprints: Fingerprints) -> RunContext:
    """Reads the state at the start of a run.

    Raises:
        CorpusError: A score file of the settings does not exist or is malformed.
        FileNotFoundError: The pretrained weights of the settings do not exist.
    """
    corpus, evaluation = settings.corpus, settings.evaluation
    warm_start = find_warm_start(
        settings.trainer.pretrained,
        places.serving,
        lambda digest: fingerprints.training(settings, digest),
    )
    return RunContext(
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


def _in_force(settings: Settings) -> InForce:
    """What the settings do about the shortcuts that DataGate may find."""
    features, waveform = settings.features, settings.waveform
    return InForce(
        normalisation=features.normalisation,
        relative_floor_db=features.relative_floor_db,
        remove_dc=features.remove_dc,
        fmax_hz=features.fmax_hz,
        clip_seconds=features.clip_samples / features.sample_rate,
        random_start=waveform.random_start,
        gain_probability=waveform.gain_probability,
        noise_probability=waveform.noise_probability,
        degraded_copies=settings.utterances.degraded_copies,
    )


def create_components(
    settings: Settings,
    *,
    places: Places,
    fingerprints: Fingerprints,
    context: RunContext | None = None,
    force_blessing_reason: str = "",
) -> list[base_component.BaseComponent]:
    """Builds the graph in the order of the data flow.

    Args:
        settings: Settings of the run.
        places: Folders of the run.
        fingerprints: Current fingerprints of corpus and code.
        context: State that the run depends on; None reads it.
        force_blessing_reason: If not empty, a refused model is pushed nevertheless, and this reason
            is recorded.

    Returns:
        The components in topological order.

    Raises:
        CorpusError: See `gather_context`.
        FileNotFoundError: See `gather_context`.
    """
    corpus, utterances = settings.corpus, settings.utterances
    context = context or gather_context(settings, places, fingerprints)
    training_fingerprint = fingerprints.training(settings, context.warm_start.digest)
    pretrained = context.warm_start.pretrained
    trainer_settings = dataclasses.replace(settings.trainer, pretrained=pretrained)

    utterance_gen = UtteranceGen(
        settings=IngestSettings(
            corpus_root=corpus.root,
            layout=corpus.layout,
            layout_options=corpus.options,
            corpus_name=corpus.name,
            sample_rate=settings.features.sample_rate,
            min_seconds=utterances.min_seconds,
            channels=utterances.channels,
            reject_without_speech=utterances.reject_without_speech,
            shard_bytes=utterances.shard_megabytes * 2**20,
            max_rejected_fraction=utterances.max_rejected_fraction,
            degraded_copies=utterances.degraded_copies,
            leave_out=utterances.leave_out,
            seed=utterances.seed,
        ),
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
        # Exact counts of the most frequent values would shuffle whole recordings.
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
        in_force=_in_force(settings),
        title=corpus.name,
        serving=places.serving,
        drift_state=context.drift_state,
        code_fingerprint=fingerprints.gate_code,
    )

    transform = Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="models.features.preprocessing.preprocessing_fn",
        custom_config={
            "features": dataclasses.asdict(settings.features),
            "code_fingerprint": fingerprints.feature_code,
        },
        analyze=["train"],
        transform=["train", "dev", "eval"],
        materialize=settings.transform.materialize,
    )
    # ExampleValidator reports, DataGate decides: nothing is computed on refused data.
    transform.add_upstream_node(data_gate)

    trainer_examples = (
        transform.outputs["transformed_examples"] if settings.transform.materialize else examples
    )
    tuner = None
    if settings.tuner.trials:
        tuning_fingerprint = fingerprints.tuning(settings, context.warm_start.digest)
        tuning = settings.tuning()
        tuner = tfx_components.Tuner(
            tuner_fn="models.tuning.tuner.tuner_fn",
            examples=trainer_examples,
            transform_graph=transform.outputs["transform_graph"],
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["dev"]),
            custom_config={
                **tuning,
                # A trial has the same initial weights as the training.
                "trainer": {**tuning["trainer"], "pretrained": pretrained},
                "materialized": settings.transform.materialize,
                "tuning_dir": os.path.join(  # noqa: PTH118 (URI)
                    places.checkpoints, f"tuning-{fingerprints.folder(tuning_fingerprint)}"
                ),
                "tuning_fingerprint": tuning_fingerprint,
            },
        )
    trainer = tfx_components.Trainer(
        run_fn="models.training.trainer.run_fn",
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
        known_state=context.champion_state,
        code_fingerprint=fingerprints.champion_code,
    )
    # After the training, so that a push in the meantime is noticed.
    champion.add_upstream_node(trainer)
    evaluator = ModelEvaluator(
        examples=examples,
        model=trainer.outputs["model"],
        champion=champion.outputs["model"],
        settings=EvaluatorSettings(
            gate=settings.gate,
            resamples=settings.evaluation.resamples,
            bootstrap_seed=settings.evaluation.seed,
            cue_utterances=settings.evaluation.cue_utterances,
            conditions=settings.evaluation.conditions,
            force_blessing_reason=force_blessing_reason,
        ),
        asv_error_rates=context.asv_error_rates,
        code_fingerprint=fingerprints.evaluation_code,
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
    """Returns the ids of the component `last` and of all components that it depends on.

    Raises:
        KeyError: No component has this id.
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
    """Wraps the components for TFX, with caching and metadata in an SQLite file."""
    return tfx_pipeline.Pipeline(
        pipeline_name=f"bonafide-{settings.name}",
        pipeline_root=places.artifacts,
        components=list(components),
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(metadata_path),
    )
