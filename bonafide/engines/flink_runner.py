"""Beam's FlinkRunner, which submits a step again after a TaskManager was lost.

Flink restarts a job only if the cluster's configuration has a restart strategy, and by default it
has none. A batch job cannot bring its own: Beam applies `--number_of_execution_retries` to
streaming jobs alone (FlinkExecutionEnvironments.createBatchExecutionEnvironment does not read it),
and Flink's DataSet API ignores a restart strategy from `--flink_conf_dir`.
"""

from __future__ import annotations

import argparse
import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners import runner
from apache_beam.runners.portability import flink_runner, job_server

from bonafide.engines.flink import FlinkError, FlinkMaster, choose_version

# Root causes that Flink reports of a job after a TaskManager has ended: from the JobManager, which
# misses it, or from another TaskManager, which reads from it. A connection may be refused for other
# reasons, too; then a restart fails in the same way.
LOST = re.compile(
    r"TaskManager with id \S+ is no longer reachable"
    r"|Heartbeat of TaskManager with id \S+ timed out"
    r"|Connection unexpectedly closed by remote task manager"
    r"|Lost connection to task manager"
    r"|finishConnect\(\.\.\) failed: Connection refused"
    r"|Connection reset by peer"
    r"|The TaskExecutor is shutting down"
    r"|TaskExecutor .* has been disconnected"
)
POOLS = (
    "Check that each TaskManager reaches its workers. TaskManagers and jobs must not share a pool "
    "of Beam's worker_pool_main, whose workers then stop each other: start pools with "
    "scripts/worker_pool.sh."
)
# How often the progress of a step is read, at most.
READ_SECONDS = 15.0
_LOGGER = logging.getLogger(__name__)


class RestartOptions(pipeline_options.PipelineOptions):
    """Options that bonafide.engines.beam_args passes to this runner."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--step_restarts", type=int, default=0)
        parser.add_argument("--stall_minutes", type=float, default=0.0)
        parser.add_argument("--job_server_version", default="")


class RestartingFlinkRunner(flink_runner.FlinkRunner):
    """Beam's FlinkRunner with restarts, a check of progress, and a job server that fits."""

    def default_job_server(self, options: pipeline_options.PipelineOptions) -> job_server.JobServer:
        """Returns the job server; without a jar, its version is that of the cluster.

        Raises:
            SettingsError: Beam has no job server for this version.
            FlinkError: The cluster does not answer.
        """
        flink = options.view_as(pipeline_options.FlinkRunnerOptions)
        if not flink.flink_job_server_jar:
            flink.flink_version = choose_version(
                options.view_as(RestartOptions).job_server_version,
                version_of(flink.flink_master),
                flink.PUBLISHED_FLINK_VERSIONS,
            )
        return super().default_job_server(options)

    def run_portable_pipeline(
        self,
        pipeline: beam_runner_api_pb2.Pipeline,
        options: pipeline_options.PipelineOptions,
    ) -> runner.PipelineResult:
        """Submits the pipeline.

        Args:
            pipeline: The pipeline in Beam's portable form.
            options: Its options.

        Returns:
            A result whose `wait_until_finish` submits the pipeline again if Flink lost a worker.
        """
        settings = options.view_as(RestartOptions)
        master = options.view_as(pipeline_options.FlinkRunnerOptions).flink_master

        def submit() -> runner.PipelineResult:
            # Beam puts the address of loopback workers into the pipeline, which changes.
            attempt = beam_runner_api_pb2.Pipeline()
            attempt.CopyFrom(pipeline)
            return super(RestartingFlinkRunner, self).run_portable_pipeline(attempt, options)

        return RestartingResult(
            submit, settings.step_restarts, master, stall_seconds=60 * settings.stall_minutes
        )


class RestartingResult(runner.PipelineResult):
    """Result of a pipeline that is submitted again if Flink lost a TaskManager.

    Args:
        submit: Submits the pipeline and returns the result of this attempt.
        restarts: Maximum number of further attempts.
        master: Flink's master, as Beam names it.
        stall_seconds: Time without progress after which a warning is logged; 0 for never.
    """

    def __init__(
        self,
        submit: Callable[[], runner.PipelineResult],
        restarts: int,
        master: str,
        *,
        stall_seconds: float = 0.0,
    ) -> None:
        super().__init__(runner.PipelineState.RUNNING)
        self._submit = submit
        self._left = self._restarts = restarts
        self._master = master
        self._stall_seconds = stall_seconds
        self._attempt = submit()

    @property
    def state(self) -> str:
        """State of the current attempt."""
        return str(self._attempt.state)

    def metrics(self) -> Any:
        """Metrics of the current attempt."""
        return self._attempt.metrics()

    def cancel(self) -> Any:
        """Cancels the current attempt."""
        return self._attempt.cancel()

    def wait_until_finish(self, duration: int | None = None) -> str:
        """Waits for the step, with its restarts.

        Args:
            duration: Maximum time of each attempt in milliseconds; None for no limit.

        Raises:
            FlinkError: TaskManagers were lost in more attempts than allowed.
            RuntimeError: The step failed for another reason.
        """
        while True:
            try:
                with self._watch():
                    return str(self._attempt.wait_until_finish(duration))
            except RuntimeError as error:
                reason = lost_worker(str(error))
                if not reason:
                    raise
                if not self._left:
                    raise FlinkError(
                        f"Flink ended the step after {self._restarts} restarts: {reason}. The same "
                        "command resumes. If TaskManagers fail often, find out why (memory), raise "
                        "beam.restarts, or set a restart strategy in the cluster's configuration: "
                        "restart-strategy.type: fixed-delay"
                    ) from error
                self._left -= 1
                _LOGGER.warning("Flink lost a worker; the step is submitted again: %s", reason)
                self._attempt = self._submit()

    def _watch(self) -> ProgressWatch:
        job = getattr(self._attempt, "_job_id", "")
        seconds = 0.0 if self._master in flink_runner.MAGIC_HOST_NAMES else self._stall_seconds
        return ProgressWatch(lambda: FlinkMaster(self._master).progress(job), seconds)


class ProgressWatch:
    """Logs a warning, in the block, each time that nothing changes for a while.

    Args:
        progress: Returns a text that changes with progress; may raise FlinkError.
        seconds: Time without change; 0 disables the check.
    """

    def __init__(self, progress: Callable[[], str | None], seconds: float) -> None:
        self._progress = progress
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flink-progress", daemon=True)

    def __enter__(self) -> None:
        if self._seconds:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._seconds:
            self._thread.join()

    def _run(self) -> None:
        last, since = None, time.monotonic()
        while not self._ended.wait(min(READ_SECONDS, self._seconds / 4)):
            try:
                now = self._progress()
            except (FlinkError, KeyError, TypeError) as error:
                _LOGGER.debug("no progress of the step can be read: %s", error)
                continue
            if now is None or now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= self._seconds:
                _LOGGER.warning(
                    "The step has made no progress on Flink for %.0f minutes. %s",
                    self._seconds / 60,
                    POOLS,
                )
                since = time.monotonic()


def lost_worker(message: str) -> str:
    """Returns what a failed job says about a lost TaskManager, or an empty string.

    An exception of our own code, which Beam reports with its traceback, would fail again.
    """
    found = LOST.search(message)
    if not found or "Traceback (most recent call last)" in message:
        return ""
    return message[found.start() :].splitlines()[0].rstrip(". ")


def version_of(master: str) -> str:
    """Returns the version of the cluster, or an empty string for a Flink in the job server."""
    return "" if master in flink_runner.MAGIC_HOST_NAMES else FlinkMaster(master).version()
