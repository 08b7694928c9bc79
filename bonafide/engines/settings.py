"""Engine and number of workers of the Beam steps; does not import Beam.

UtteranceGen, the statistics, Transform and the evaluation are Beam pipelines with the same results
on every engine, so these settings are not part of cache keys.
"""

from __future__ import annotations

import dataclasses
import json
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
        flink_version: Version of the job server that Beam downloads for Flink, such as 1.19. Empty:
            the version of the cluster at `endpoint`, which is asked for it.
        restarts: Times that a step is submitted to Flink again after a TaskManager was lost.
            Finished shards are kept. 0 leaves restarts to the cluster's own restart strategy.
        stall_minutes: Time without progress after which a warning says that a step on a Flink
            cluster may hang; 0 turns the check off.
        environment: Python workers of the engine. `loopback`: in this process, which must
            be reachable and does all the work. `external:HOST:PORT`: a worker pool on every
            machine. `process:COMMAND`: a program on every machine that starts a worker, for
            instance Beam's boot. `docker:IMAGE`: containers of this image. Empty: loopback; not
            for `dataflow`.
        artifacts: Folder or URI of the artifacts, accessible to all workers; empty is the output
            folder.
        project: Google Cloud project, for `dataflow`.
        region: Google Cloud region, for `dataflow`.
        temp_location: Folder for temporary files, gs://, for `dataflow`.
        service_account: E-mail address of the service account of Dataflow's workers; empty is
            Compute Engine's default one.
        network: Network of Dataflow's workers; empty is the project's default network.
        subnetwork: Subnetwork of Dataflow's workers, regions/REGION/subnetworks/NAME or its URL.
        public_addresses: Whether Dataflow's workers have public IP addresses. Without, the
            subnetwork needs Private Google Access.
        machine_type: Machine type of Dataflow's workers, such as n2-standard-4; empty lets Dataflow
            choose.
        options: Further options in Beam's syntax, --name=value.
    """

    runner: Runner = "direct"
    workers: Annotated[int, Bounds(ge=0, unit="processes")] = 0
    endpoint: str = ""
    job_server_jar: str = ""
    flink_version: Annotated[str, Pattern(r"|\d+\.\d+", "a version such as 1.19, or empty")] = ""
    restarts: Annotated[int, Bounds(ge=0, unit="restarts")] = 2
    stall_minutes: Annotated[float, Bounds(ge=0, unit="minutes")] = 10.0
    environment: Annotated[
        str,
        Pattern(
            r"|loopback|(external|process|docker):.+",
            "loopback, external:HOST:PORT, process:COMMAND, docker:IMAGE or empty",
        ),
    ] = ""
    artifacts: str = ""
    project: str = ""
    region: str = ""
    temp_location: str = ""
    service_account: Annotated[str, Pattern(r"|[^@\s]+@[^@\s]+", "an e-mail address, or empty")] = (
        ""
    )
    network: Annotated[str, Pattern(r"|[a-z]([-a-z0-9]*[a-z0-9])?", "the name of a network")] = ""
    subnetwork: Annotated[
        str,
        Pattern(
            r"|(https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?regions/[^/]+/subnetworks/[^/]+",
            "regions/REGION/subnetworks/NAME, its URL, or empty",
        ),
    ] = ""
    public_addresses: bool = True
    machine_type: Annotated[
        str, Pattern(r"|[a-z][a-z0-9-]*", "a machine type such as n2-standard-4, or empty")
    ] = ""
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
        if self.subnetwork and f"regions/{self.region}/" not in self.subnetwork:
            raise self.refused("subnetwork", f"a subnetwork in beam.region={self.region}")
        if not self.public_addresses and not self.subnetwork:
            raise self.refused(
                "subnetwork",
                "the subnetwork of workers without public addresses",
                "Set beam.subnetwork=regions/REGION/subnetworks/NAME, with Private Google Access.",
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
    return [
        # A subclass of Beam's FlinkRunner; the options that it adds are those of its module.
        "--runner=bonafide.engines.flink_runner.RestartingFlinkRunner",
        f"--flink_master={config.endpoint or '[local]'}",
        f"--parallelism={workers}",
        f"--step_restarts={config.restarts}",
        f"--stall_minutes={config.stall_minutes:g}",
        *_given(
            flink_job_server_jar=config.job_server_jar, job_server_version=config.flink_version
        ),
        *_environment(config, workers),
    ]


def _spark(config: BeamConfig, workers: int) -> list[str]:
    return [
        "--runner=SparkRunner",
        f"--spark_master_url={config.endpoint or f'local[{workers}]'}",
        *_given(spark_job_server_jar=config.job_server_jar),
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
        *_given(
            service_account_email=config.service_account,
            network=config.network,
            subnetwork=config.subnetwork,
            machine_type=config.machine_type,
        ),
        *(() if config.public_addresses else ("--no_use_public_ips",)),
        *([f"--max_num_workers={workers}"] if config.workers else []),
    ]


def _given(**options: str) -> list[str]:
    """Returns the options that are not empty."""
    return [f"--{name}={value}" for name, value in options.items() if value]


def _environment(config: BeamConfig, workers: int) -> list[str]:
    kind, _, value = (config.environment or "loopback").partition(":")
    if kind == "process":
        value = json.dumps({"command": value, "env": _BOOT_VARIABLES})
    return [
        f"--environment_type={kind.upper()}",
        *([f"--environment_config={value}"] if value else []),
        f"--sdk_worker_parallelism={workers}",
        *_UNUSED_IMAGE,
    ]


# Beam's boot then uses the environment of its `python`; by default it makes a new one, which lacks
# the packages.
_BOOT_VARIABLES = {"RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT": "1"}
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
