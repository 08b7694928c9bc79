"""Engine and number of workers of the Beam steps; does not import Beam.

UtteranceGen, the statistics, Transform and the evaluation are Beam pipelines with the same results
on every engine, so these settings are not part of cache keys.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable
from typing import Annotated, Literal

from bonafide.settings import Bounds, Pattern, Section

Runner = Literal["direct", "flink", "spark", "dataflow", "portable"]
RUNNERS: tuple[Runner, ...] = typing.get_args(Runner)
# With fewer, one process finishes before others start: a worker takes 10-20 s for each component,
# about 60 s in all, and a second one saves about 6 ms per utterance (docs/scale.md).
WORTH_WORKERS_UTTERANCES = 20_000
# A worker needs up to 2 GiB, and all share the same disk.
MOST_WORKERS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamConfig(Section, section="beam"):
    """Engine of the Beam steps.

    Attributes:
        runner: Engine: `direct` is this machine; `flink`, `spark` and `dataflow` are these engines;
            `portable` is any engine behind a Beam job server, for instance Prism.
        workers: Processes of `direct`, parallelism of the others; 0 selects it, for `direct` by the
            size of the corpus.
        endpoint: Address of the engine. `flink`: HOST:PORT of the Flink master, or [local], a Flink
            inside the job server. `spark`: a Spark master URL. `portable`: HOST:PORT of the job
            server. Empty: [local], local[N], and localhost:8073.
        job_server_jar: Path of Beam's job server for Flink or Spark; empty lets Beam download it.
        environment: Python workers of the engine. `loopback`: in this process, which must
            be reachable and does all the work. `external:HOST:PORT`: a worker pool on every
            machine. `docker:IMAGE`: containers of this image. Empty: loopback; not for `dataflow`.
        artifacts: Folder or URI of the artifacts, accessible to all workers; empty is the output
            folder.
        project: Google Cloud project, for `dataflow`.
        region: Google Cloud region, for `dataflow`.
        temp_location: Folder for temporary files, gs://, for `dataflow`.
        options: Further options in Beam's syntax, --name=value.
    """

    runner: Runner = "direct"
    workers: Annotated[int, Bounds(ge=0, unit="processes")] = 0
    endpoint: str = ""
    job_server_jar: str = ""
    environment: Annotated[
        str,
        Pattern(
            r"|loopback|(external|docker):.+", "loopback, external:HOST:PORT, docker:IMAGE or empty"
        ),
    ] = ""
    artifacts: str = ""
    project: str = ""
    region: str = ""
    temp_location: str = ""
    options: Annotated[tuple[str, ...], Pattern(r"--.*", "an option that begins with --")] = ()

    def __post_init__(self) -> None:
        """Validates the settings of each engine.

        Raises:
            SettingsError: A setting is invalid, or missing for Dataflow.
        """
        super().__post_init__()
        if self.runner != "dataflow":
            return
        for name in ("project", "region"):
            if not getattr(self, name):
                raise self.refused(name, f"a {name} with beam.runner=dataflow")
        for name in ("temp_location", "artifacts"):
            if not getattr(self, name).startswith("gs://"):
                raise self.refused(name, "a gs:// folder with beam.runner=dataflow")
        if not self.environment.startswith("docker:"):
            raise self.refused(
                "environment",
                "docker:IMAGE with beam.runner=dataflow, an image of this project that its workers "
                "can pull",
            )


def choose_workers(config: BeamConfig, utterances: int, *, cores: int | None = None) -> int:
    """Returns the number of workers of a run.

    Args:
        config: Settings; an explicit number is used.
        utterances: Number of utterances of the corpus.
        cores: Cores of this machine; None detects them.

    Returns:
        At least 1; on this machine, one per core if the corpus is large enough.
    """
    if config.workers:
        return config.workers
    cores = cores or len(os.sched_getaffinity(0))
    if config.runner == "direct" and utterances < WORTH_WORKERS_UTTERANCES:
        return 1
    return min(cores, MOST_WORKERS)


def describe(config: BeamConfig, workers: int, utterances: int) -> str:
    """Describes the selected engine and the reason in one line."""
    who = "as configured" if config.workers else f"for {utterances:,} utterances"
    if config.runner != "direct":
        return f"{config.runner}, parallelism {workers} ({who})"
    if workers == 1:
        return f"in this process ({who})"
    return f"{workers} worker processes ({who})"


def beam_args(config: BeamConfig, workers: int = 1) -> list[str]:
    """Returns the options for Beam.

    Args:
        config: The engine.
        workers: Number of processes, or parallelism.
    """
    return [*_BY_RUNNER[config.runner](config, workers), *config.options]


def _direct(_: BeamConfig, workers: int) -> list[str]:
    """Uses FnApiRunner explicitly: DirectRunner first tries Prism, a binary that it downloads."""
    arguments = ["--runner=FnApiRunner", *_UNUSED_IMAGE]
    if workers > 1:
        arguments += [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={workers}",
        ]
    return arguments


def _flink(config: BeamConfig, workers: int) -> list[str]:
    jar = [f"--flink_job_server_jar={config.job_server_jar}"] if config.job_server_jar else []
    return [
        "--runner=FlinkRunner",
        f"--flink_master={config.endpoint or '[local]'}",
        f"--parallelism={workers}",
        *jar,
        *_environment(config, workers),
    ]


def _spark(config: BeamConfig, workers: int) -> list[str]:
    jar = [f"--spark_job_server_jar={config.job_server_jar}"] if config.job_server_jar else []
    return [
        "--runner=SparkRunner",
        f"--spark_master_url={config.endpoint or f'local[{workers}]'}",
        *jar,
        *_environment(config, workers),
    ]


def _portable(config: BeamConfig, workers: int) -> list[str]:
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={config.endpoint or 'localhost:8073'}",
        *_environment(config, workers),
    ]


def _dataflow(config: BeamConfig, workers: int) -> list[str]:
    return [
        "--runner=DataflowRunner",
        f"--project={config.project}",
        f"--region={config.region}",
        f"--temp_location={config.temp_location}",
        f"--sdk_container_image={config.environment.removeprefix('docker:')}",
        # The workers run the code of the image; no local package is uploaded.
        "--sdk_location=container",
        *([f"--max_num_workers={workers}"] if config.workers else []),
    ]


def _environment(config: BeamConfig, workers: int) -> list[str]:
    kind, _, value = (config.environment or "loopback").partition(":")
    return [
        f"--environment_type={kind.upper()}",
        *([f"--environment_config={value}"] if value else []),
        f"--sdk_worker_parallelism={workers}",
        *_UNUSED_IMAGE,
    ]


# Without an image, TFX packages its source for each component, for remote workers:
# seconds per component and 10 MB in /tmp, for workers that have it.
_UNUSED_IMAGE = ("--sdk_container_image=not-used-by-this-runner",)
_BY_RUNNER: dict[str, Callable[[BeamConfig, int], list[str]]] = {
    "direct": _direct,
    "flink": _flink,
    "spark": _spark,
    "portable": _portable,
    "dataflow": _dataflow,
}
