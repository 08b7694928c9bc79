"""Restarts after a lost TaskManager, and the warning of a step without progress."""

import logging
import time

import pytest
from apache_beam.options import pipeline_options
from apache_beam.runners.portability import flink_runner
from apache_beam.runners.runner import PipelineState

from bonafide.engines import BeamConfig, beam_args
from bonafide.engines import flink_runner as restarting
from bonafide.engines.flink import FlinkError

# Messages of Flink 1.19, as Beam's job server returns them.
GONE = (
    "org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id tm1 is no longer "
    "reachable."
)
SILENT = (
    "java.util.concurrent.TimeoutException: Heartbeat of TaskManager with id "
    "localhost:43211-8c1cee timed out."
)
CLOSED = (
    "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection "
    "unexpectedly closed by remote task manager 'localhost/127.0.0.1:36035'."
)
REFUSED = "java.net.ConnectException: finishConnect(..) failed: Connection refused"
OURS = "java.lang.RuntimeException: Error received from SDK harness for instruction 7: Traceback "
OURS += "(most recent call last):\n  ...\nbonafide.corpora.CorpusError: TaskManager with id x is "
OURS += "no longer reachable"


class Attempt:
    """A job that ends with an error or, without a message, well."""

    state = PipelineState.RUNNING
    _job_id = "BeamApp-1"

    def __init__(self, message):
        self.message = message

    def wait_until_finish(self, duration=None):
        if self.message:
            raise RuntimeError(self.message)
        return PipelineState.DONE


def result(*messages, restarts):
    attempts = iter([Attempt(message) for message in messages])
    return restarting.RestartingResult(lambda: next(attempts), restarts, "[local]")


@pytest.mark.parametrize("message", [GONE, SILENT, CLOSED, REFUSED])
def test_a_lost_worker_restarts_the_step(message, caplog):
    assert result(message, None, restarts=1).wait_until_finish() == PipelineState.DONE
    assert "Flink lost a worker; the step is submitted again" in caplog.text


def test_as_many_restarts_as_allowed():
    assert result(GONE, SILENT, None, restarts=2).wait_until_finish() == PipelineState.DONE
    with pytest.raises(FlinkError) as caught:
        result(GONE, SILENT, CLOSED, restarts=2).wait_until_finish()
    text = str(caught.value)
    assert text.startswith("Flink ended the step after 2 restarts: Connection unexpectedly closed")
    assert "The same command resumes" in text
    assert "restart-strategy.type: fixed-delay" in text
    with pytest.raises(FlinkError, match="after 0 restarts"):
        result(GONE, restarts=0).wait_until_finish()


@pytest.mark.parametrize("message", [OURS, "java.lang.IllegalStateException: out of slots"])
def test_other_errors_are_not_repeated(message):
    with pytest.raises(RuntimeError) as caught:
        result(message, None, restarts=2).wait_until_finish()
    assert str(caught.value) == message


def test_the_options_reach_the_runner(tmp_path):
    config = BeamConfig(runner="flink", restarts=3, stall_minutes=1.5, flink_version="1.20")
    options = pipeline_options.PipelineOptions(beam_args(config, 2))
    found = options.view_as(restarting.RestartOptions)
    assert (found.step_restarts, found.stall_minutes) == (3, 1.5)
    server = restarting.RestartingFlinkRunner().default_job_server(options)
    flink = options.view_as(pipeline_options.FlinkRunnerOptions)
    assert flink.flink_version == "1.20"
    assert server is not None


def test_a_version_is_asked_of_the_cluster_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(
        restarting.FlinkMaster, "version", lambda self: asked.append(self.url) or "2.0"
    )
    config = BeamConfig(runner="flink", endpoint="jobmanager:8081")
    options = pipeline_options.PipelineOptions(beam_args(config, 2))
    restarting.RestartingFlinkRunner().default_job_server(options)
    assert options.view_as(pipeline_options.FlinkRunnerOptions).flink_version == "2.0"
    assert asked == ["http://jobmanager:8081"]
    local = pipeline_options.PipelineOptions(beam_args(BeamConfig(runner="flink"), 2))
    restarting.RestartingFlinkRunner().default_job_server(local)
    versions = pipeline_options.FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert local.view_as(pipeline_options.FlinkRunnerOptions).flink_version == versions[0]
    assert len(asked) == 1


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_step_without_progress_is_reported(caplog):
    with caplog.at_level(logging.WARNING), restarting.ProgressWatch(lambda: "same", 0.2):
        wait_for(lambda: "no progress on Flink" in caplog.text)
    assert "scripts/worker_pool.sh" in caplog.text


@pytest.mark.parametrize("answer", ["counting", "no job", "no answer"])
def test_no_report_with_progress_or_without_a_job(answer, caplog):
    calls = []

    def progress():
        calls.append(None)
        if answer == "no answer":
            raise FlinkError("down")
        return str(len(calls)) if answer == "counting" else None

    with caplog.at_level(logging.WARNING), restarting.ProgressWatch(progress, 0.2):
        wait_for(lambda: len(calls) > 12)
    assert "no progress" not in caplog.text


def test_the_check_can_be_off_and_needs_a_cluster():
    with restarting.ProgressWatch(lambda: pytest.fail("called"), 0.0):
        pass
    assert "[local]" in flink_runner.MAGIC_HOST_NAMES
