"""CorpusCheck component."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.corpus_check import executor
from components.corpus_check.settings import CorpusCheckSettings
from components.declaration import channels, filled, properties


class CorpusCheckSpec(component_spec.ComponentSpec):
    """Interface of CorpusCheck."""

    PARAMETERS = properties("settings")
    INPUTS = channels()
    OUTPUTS = channels(
        corpus_fingerprint_text=standard_artifacts.String,
        asv_error_rates_text=standard_artifacts.String,
    )


class CorpusCheck(base_component.BaseComponent):
    """Reads the state of the corpus before anything is computed.

    The local runner inspects the corpus while it builds the graph. A compiled pipeline cannot, so
    this component inspects it at the start of each run, and the results become parameters of the
    components after it and part of their cache keys. It must never be cached itself.

    Outputs `corpus_fingerprint_text` (see `utterance_gen.fingerprint`) and `asv_error_rates_text`
    (JSON, split -> error rates of a speaker verifier; `{}` without one). A compiled pipeline has
    them as output parameters too, without `_text`: one name must not mean both.
    """

    SPEC_CLASS = CorpusCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, settings: CorpusCheckSettings) -> None:
        """Builds the component; does not read the corpus."""
        super().__init__(filled(CorpusCheckSpec, settings=settings))
