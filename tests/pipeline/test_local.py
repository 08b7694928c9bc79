import contextlib
import pathlib
import signal

import pytest
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import component_spec, standard_artifacts

from pipeline import local
from pipeline.interrupts import RunInterruptedError, interruptible


class WriteExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        what = exec_properties["what"]
        if what == "raise":
            raise ValueError("no such luck")
        if what == "interrupt":
            signal.raise_signal(signal.SIGINT)
        if what == "interrupt, told as another error":
            try:
                signal.raise_signal(signal.SIGINT)
            except Exception as error:  # as libraries do
                raise TypeError(f"Binding inputs failed due to {error}") from error
        if what == "interrupt, dropped":
            with contextlib.suppress(Exception):
                signal.raise_signal(signal.SIGTERM)
        [artifact] = output_dict["model"]
        artifact.set_string_custom_property("what", what)


class WriteSpec(component_spec.ComponentSpec):
    PARAMETERS = {"what": component_spec.ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model)
    }


class Write(base_component.BaseComponent):
    SPEC_CLASS = WriteSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(WriteExecutor)

    def __init__(self, what):
        super().__init__(WriteSpec(what=what, model=types.Channel(type=standard_artifacts.Model)))


class Record:
    def __init__(self):
        self.begun, self.results = [], []

    def started(self, component):
        self.begun.append(component)

    def finished(self, result):
        self.results.append(result)


class WriteAfter(Write):
    """A second component, which runs after the first."""


def run(folder, what, record=None):
    record = record or Record()
    first = Write(what)
    second = WriteAfter("works")
    second.add_upstream_node(first)
    graph = tfx_pipeline.Pipeline(
        pipeline_name="test",
        pipeline_root=str(folder / "artifacts"),
        components=[first, second],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
    )
    try:
        with interruptible() as raise_if_interrupted:
            local.run(graph, record, between=raise_if_interrupted)
    finally:
        record.leftovers = [path for path in (folder / "artifacts").rglob("*") if path.is_file()]
    return record


def test_a_run_is_told_and_then_cached(tmp_path):
    first, _ = run(tmp_path, "works").results
    assert (first.component, first.cached) == ("Write", False)
    assert pathlib.Path(first.outputs["model"]).is_dir()
    assert first.properties["what"] == "works"
    second, _ = run(tmp_path, "works").results
    assert second.cached
    assert second.outputs == first.outputs
    third, _ = run(tmp_path, "works differently").results
    assert not third.cached


def test_an_error_comes_through_as_it_is(tmp_path):
    with pytest.raises(ValueError, match="no such luck"):
        run(tmp_path, "raise")
    # And the component is not taken for done.
    with pytest.raises(ValueError, match="no such luck"):
        run(tmp_path, "raise")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("interrupt", "SIGINT"),
        ("interrupt, told as another error", "SIGINT"),
        ("interrupt, dropped", "SIGTERM"),
    ],
)
def test_interrupt_is_an_error_and_the_handlers_come_back(tmp_path, how, name):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunInterruptedError, match=name):
        run(tmp_path, how)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_interrupted_run_does_not_go_on(tmp_path):
    record = Record()
    with pytest.raises(RunInterruptedError):
        run(tmp_path, "interrupt, dropped", record)
    # What was done stays done, and the next component is named but not run.
    assert [result.component for result in record.results] == ["Write"]
    assert record.begun == ["Write", "WriteAfter"]
    first, second = run(tmp_path, "works").results
    assert not first.cached
    assert not second.cached
