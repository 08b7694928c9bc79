"""EvalReport component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

import report_artifacts
from components.declaration import channels, filled, properties
from components.eval_report import executor


class EvalReportSpec(component_spec.ComponentSpec):
    """Interface of EvalReport."""

    PARAMETERS = properties("title", "corpus_root", "settings", "version", "code_fingerprint")
    INPUTS = channels(
        examples=standard_artifacts.Examples,
        model=standard_artifacts.Model,
        evaluation=standard_artifacts.ModelEvaluation,
        scores=standard_artifacts.InferenceResult,
        blessing=standard_artifacts.ModelBlessing,
    ) | channels(optional=True, data_report=standard_artifacts.ExampleAnomalies)
    OUTPUTS = channels(report=report_artifacts.HTML, model_card=report_artifacts.Markdown)


class EvalReport(base_component.BaseComponent):
    """Writes a self-contained HTML page and a Markdown model card of an evaluation.

    Outputs `report` (`report.html`) and `model_card` (`model_card.md`).
    """

    SPEC_CLASS = EvalReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        evaluation: types.BaseChannel,
        scores: types.BaseChannel,
        blessing: types.BaseChannel,
        data_report: types.BaseChannel | None = None,
        title: str,
        corpus_root: str,
        settings: str = "{}",
        version: str = "",
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            examples: `Examples` of UtteranceGen, for counts, rejected utterances and audio paths.
            model: The trained `Model`, for its training record.
            evaluation: Figures of ModelEvaluator.
            scores: Scores of ModelEvaluator.
            blessing: Blessing of ModelEvaluator, with the record of a forced blessing.
            data_report: Report of DataGate, with its findings.
            title: Name of the system.
            corpus_root: Folder of the corpus; if it is local, the page plays its audio.
            settings: JSON of the run's settings, for display.
            version: Version of this project.
            code_fingerprint: Fingerprint of the report's code, so that TFX's cache notices a
                change.
        """
        super().__init__(
            filled(
                EvalReportSpec,
                examples=examples,
                model=model,
                evaluation=evaluation,
                scores=scores,
                blessing=blessing,
                data_report=data_report,
                title=title,
                corpus_root=corpus_root,
                settings=settings,
                version=version,
                code_fingerprint=code_fingerprint,
            )
        )
