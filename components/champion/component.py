"""Champion component."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.champion import executor
from components.declaration import channels, filled, properties


class ChampionSpec(component_spec.ComponentSpec):
    """Interface of Champion."""

    PARAMETERS = properties(
        "push_destination", "training_fingerprint", "known_state", "code_fingerprint"
    )
    INPUTS = channels()
    OUTPUTS = channels(model=standard_artifacts.Model)


class Champion(base_component.BaseComponent):
    """Provides the champion: the newest pushed model that this same run did not push.

    TFX's solution is a Resolver node that queries the metadata store for the latest blessed model.
    Open-source Kubeflow Pipelines rejects resolver nodes, so this ordinary component reads the
    serving folder instead, in both runners. The champion is therefore the model that is actually
    served: after a bad version is deleted, the previous one is the champion again.

    Output `model` contains no model (`finder.champion_model_path` is None) if there is none.
    """

    SPEC_CLASS = ChampionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        push_destination: str,
        training_fingerprint: str,
        known_state: str,
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            push_destination: Serving folder, `serving/<name>`.
            training_fingerprint: Fingerprint of this run's data, code and settings.
            known_state: Result of `finder.champion_state` when the pipeline is built, as part of
                the cache key: this component has no inputs, and TFX would reuse its result after a
                push. '' if not known, as in a compiled pipeline; the cache must then be disabled
                for this component.
            code_fingerprint: Fingerprint of the code that finds and copies champions, so that TFX's
                cache notices a change.
        """
        super().__init__(
            filled(
                ChampionSpec,
                push_destination=push_destination,
                training_fingerprint=training_fingerprint,
                known_state=known_state,
                code_fingerprint=code_fingerprint,
            )
        )
