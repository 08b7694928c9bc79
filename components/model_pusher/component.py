"""ModelPusher component."""

from __future__ import annotations

from tfx import types
from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2

from components.model_pusher import executor


class ModelPusher(Pusher):
    """Pushes a blessed model to `<push_destination>/<version>/`, complete or not at all.

    Inputs and output (`pushed_model`) are those of TFX's Pusher; why it is replaced stands in
    `executor.Executor`.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        push_destination: str,
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            model: The trained `Model`.
            model_blessing: `ModelBlessing` of ModelEvaluator; without a blessing nothing is pushed.
            push_destination: Serving folder of this model, `serving/<name>`.
            code_fingerprint: Fingerprint of the code that pushes, so that TFX's cache notices a
                change.
        """
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=push_destination)
            ),
            custom_config={"code_fingerprint": code_fingerprint},
        )
