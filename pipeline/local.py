"""Runs a TFX pipeline in this process and notifies a listener, component by component.

TFX's LocalDagRunner only logs. This runner calls the same launchers in the same order. It adds
events with the cached outputs, an error where TFX would continue silently, and a callback between
the components, to stop the run.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from google.protobuf.message import Message
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils, tfx_runner
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2


class ComponentFailedError(RuntimeError):
    """A component ended without outputs and without an exception."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished component.

    Attributes:
        component: Id of the component.
        cached: Whether the result of an earlier execution was used.
        seconds: Duration.
        outputs: URI of each output, by name.
        properties: Custom properties of all outputs, by name.
    """

    component: str
    cached: bool
    seconds: float
    outputs: dict[str, str]
    properties: dict[str, str | int]


class Listener(Protocol):
    """Receives the events of a run."""

    def started(self, component: str) -> None:
        """A component starts; its result may be cached."""

    def finished(self, result: Finished) -> None:
        """A component has finished."""


class LocalRunner(tfx_runner.IrBasedRunner):
    """Runs the nodes of a compiled pipeline sequentially."""

    def __init__(
        self,
        listener: Listener,
        *,
        only: Collection[str] | None = None,
        beam_args: Sequence[str] = (),
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Creates a runner that notifies `listener`; see `run` for the arguments."""
        self._listener = listener
        self._only = only
        self._between = between
        self._operators = {
            executable_spec_pb2.BeamExecutableSpec: _beam_operator_with(tuple(beam_args))
        }

    def run_with_ir(
        self,
        pipeline: pipeline_pb2.Pipeline,
        run_options: pipeline_pb2.RunOptions | None = None,  # noqa: ARG002 (TFX's signature)
        **kwargs: object,  # noqa: ARG002
    ) -> None:
        """Runs the pipeline; see the base class.

        Raises:
            ComponentFailedError: A component could not run and TFX raised no exception.
            Exception: Raised by an executor, after the component was marked as failed.
        """
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline,
            {constants.PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now().isoformat()},
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connection = deployment.metadata_connection_config
        connection = getattr(connection, connection.WhichOneof("connection_config"))
        for node in pipeline.nodes:
            component = node.pipeline_node.node_info.id
            if self._only is not None and component not in self._only:
                continue
            self._listener.started(component)
            self._between()
            started = time.monotonic()
            execution = launcher.Launcher(
                pipeline_node=node.pipeline_node,
                mlmd_connection=metadata.Metadata(connection),
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, component),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, component),
                custom_executor_operators=self._operators,
            ).launch()
            seconds = time.monotonic() - started
            self._listener.finished(_outcome(connection, component, execution, seconds))


def _outcome(
    connection: metadata_store_pb2.ConnectionConfig,
    component: str,
    execution: object,
    seconds: float,
) -> Finished:
    """Reads the state and the outputs of an execution from the metadata store."""
    execution_id = getattr(execution, "execution_id", None)
    if execution_id is None:
        raise ComponentFailedError(f"{component} did not run: an input of it is missing")
    with metadata.Metadata(connection) as handle:
        [record] = handle.store.get_executions_by_id([execution_id])
        if record.last_known_state not in (
            metadata_store_pb2.Execution.COMPLETE,
            metadata_store_pb2.Execution.CACHED,
        ):
            raise ComponentFailedError(f"{component} could not resolve its inputs")
        events = [
            event
            for event in handle.store.get_events_by_execution_ids([execution_id])
            if event.type == metadata_store_pb2.Event.OUTPUT
        ]
        artifacts = handle.store.get_artifacts_by_id([event.artifact_id for event in events])
    cached = record.last_known_state == metadata_store_pb2.Execution.CACHED
    uris = {artifact.id: artifact.uri for artifact in artifacts}
    return Finished(
        component=component,
        cached=cached,
        seconds=seconds,
        outputs={event.path.steps[0].key: uris[event.artifact_id] for event in events},
        properties={
            name: getattr(value, value.WhichOneof("value"))
            for artifact in artifacts
            for name, value in artifact.custom_properties.items()
        },
    )


def _beam_operator_with(beam_args: tuple[str, ...]) -> type[BeamExecutorOperator]:
    """Returns TFX's operator for Beam executors with Beam arguments.

    The arguments are not set in the pipeline, because TFX makes those part of the cache key: with
    another number of workers, all components would run again.
    """

    class Operator(BeamExecutorOperator):
        def __init__(self, executor_spec: Message, platform_config: Message | None = None) -> None:
            spec = executable_spec_pb2.BeamExecutableSpec()
            spec.CopyFrom(executor_spec)
            for argument in beam_args:
                spec.beam_pipeline_args_placeholders.add().value.string_value = argument
            super().__init__(spec, platform_config)

    return Operator


def run(
    pipeline: tfx_pipeline.Pipeline,
    listener: Listener,
    *,
    only: Collection[str] | None = None,
    beam_args: Sequence[str] = (),
    between: Callable[[], None] = lambda: None,
) -> None:
    """Compiles and runs the pipeline.

    Args:
        pipeline: Pipeline without arguments for Beam.
        listener: Receives the events.
        only: Ids of the components to run; None for all. The whole graph is compiled in any case,
            because nodes must not refer to missing ones.
        beam_args: Options for Beam, which are not part of the cache key.
        between: Called before each component; an exception ends the run.

    Raises:
        Exception: As `LocalRunner.run_with_ir`.
    """
    LocalRunner(listener, only=only, beam_args=beam_args, between=between).run(pipeline)
