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
    """Provides the model to beat: the newest pushed one that this same run did not push.

    TFX's own way is a Resolver node that asks the metadata store for the latest blessed model.
    Open-source Kubeflow Pipelines refuses resolver nodes, so this ordinary component reads the
    serving folder instead, and both runners share it. It also compares with what really serves:
    delete a bad version from the folder, and the one before it is the champion again.

    Output `model` has no model in it (`finder.champion_model_path` is None) where there is none.
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
            known_state: What `finder.champion_state` says while the pipeline is being built: a
                component without inputs would otherwise be taken from TFX's cache for ever,
                whatever has been pushed since. '' where that is not known, as in a compiled
                pipeline that is run later; the cache must be off for this component then.
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
