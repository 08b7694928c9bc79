"""WarmStart component."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.declaration import channels, filled, properties
from components.warm_start import executor


class WarmStartSpec(component_spec.ComponentSpec):
    """Interface of WarmStart."""

    PARAMETERS = properties("pretrained", "push_destination", "training_fingerprint")
    INPUTS = channels()
    OUTPUTS = channels(
        pretrained_text=standard_artifacts.String,
        pretrained_digest_text=standard_artifacts.String,
    )


class WarmStart(base_component.BaseComponent):
    """Resolves the setting `trainer.pretrained` at the beginning of a run.

    The local runner does so while it builds the graph. A compiled pipeline cannot, so this
    component resolves it in each run, and the result becomes a parameter of the components after
    it: another champion or another file changes the cache key of the training. It must never be
    cached itself.

    Outputs `pretrained_text` (folder or file of the weights; `champion` where no model has been
    pushed yet) and `pretrained_digest_text` (hash of the weights, `executor.NO_WEIGHTS` without
    any). A compiled pipeline has them as output parameters too, without `_text`.
    """

    SPEC_CLASS = WarmStartSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self, *, pretrained: str, push_destination: str, training_fingerprint: str
    ) -> None:
        """Builds the component; nothing is read.

        Args:
            pretrained: The setting, not empty.
            push_destination: Serving folder, `serving/<name>`.
            training_fingerprint: Fingerprint of this run's training without the hash of the
                weights; the training's own has a hyphen and `pretrained_digest` after it.
        """
        super().__init__(
            filled(
                WarmStartSpec,
                pretrained=pretrained,
                push_destination=push_destination,
                training_fingerprint=training_fingerprint,
            )
        )
