"""CorpusCheck component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.corpus_check import executor


class CorpusCheckSpec(component_spec.ComponentSpec):
    """Interface of CorpusCheck."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "corpus_root": component_spec.ExecutionParameter(type=str),
        "layout": component_spec.ExecutionParameter(type=str),
        "layout_options": component_spec.ExecutionParameter(type=str),
        "asv_scores_dev": component_spec.ExecutionParameter(type=str),
        "asv_scores_eval": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "corpus_fingerprint_text": component_spec.ChannelParameter(type=standard_artifacts.String),
        "asv_error_rates_text": component_spec.ChannelParameter(type=standard_artifacts.String),
    }


class CorpusCheck(base_component.BaseComponent):
    """Reads the state of the corpus before anything is computed.

    The local runner inspects the corpus while it builds the graph. A pipeline that is compiled
    once and run every week cannot: this component inspects it at the beginning of each run, and the
    results become parameters of the components after it, so that their caches notice new data. It
    must never be cached itself.

    Outputs `corpus_fingerprint_text` (see `utterance_gen.fingerprint`) and `asv_error_rates_text`
    (JSON, split -> error rates of a speaker verifier; `{}` without one). A compiled pipeline has
    them as output parameters too, without `_text`: one name must not mean both.
    """

    SPEC_CLASS = CorpusCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        corpus_root: str,
        layout: str,
        layout_options: Sequence[str] = (),
        asv_scores_dev: str = "auto",
        asv_scores_eval: str = "auto",
    ) -> None:
        """Builds the component; does not read the corpus.

        Args:
            corpus_root: Folder of the corpus: a path or the URI of a Beam filesystem.
            layout: Name of its layout, or `auto`.
            layout_options: Options of the layout, `name=value` each.
            asv_scores_dev: As the setting `evaluation.asv_scores_dev`.
            asv_scores_eval: As the setting `evaluation.asv_scores_eval`.
        """
        super().__init__(
            CorpusCheckSpec(
                corpus_root=corpus_root,
                layout=layout,
                layout_options=",".join(layout_options),
                asv_scores_dev=asv_scores_dev,
                asv_scores_eval=asv_scores_eval,
                corpus_fingerprint_text=types.Channel(type=standard_artifacts.String),
                asv_error_rates_text=types.Channel(type=standard_artifacts.String),
            )
        )
