"""A Flink cluster of processes on this machine, from the jars that scripts/get_engines.sh fetches.

One JobManager and some TaskManagers with one slot each, as Flink's own scripts start them.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from bonafide.engines.flink import FlinkError, FlinkMaster

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
JOB_SERVER = REPOSITORY / ".engines" / "flink-job-server.jar"
LIBRARIES = REPOSITORY / ".engines" / "flink" / "lib"
OPENED = ("lang", "lang.reflect", "io", "net", "nio", "text", "time", "util")
OPENED += ("util.concurrent", "util.concurrent.atomic", "util.concurrent.locks")
# No restart strategy: a job must bring its own, since many clusters have none.
CONFIGURATION = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: localhost
jobmanager.memory.process.size: 1200m
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: 1
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
blob.server.port: {blob}
heartbeat.timeout: 30000
heartbeat.interval: 2000
taskmanager.network.sort-shuffle.min-buffers: 64
io.tmp.dirs: {folder}
"""
# What Flink's scripts compute of taskmanager.memory.process.size and pass to the process.
RESOURCES = {
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.network.min": "256mb",
    "taskmanager.memory.network.max": "256mb",
    "taskmanager.memory.task.off-heap.size": "0b",
    "taskmanager.memory.managed.size": "64mb",
    "taskmanager.memory.framework.heap.size": "128mb",
    "taskmanager.memory.framework.off-heap.size": "128mb",
    "taskmanager.memory.task.heap.size": "256mb",
    "taskmanager.memory.jvm-metaspace.size": "256mb",
    "taskmanager.memory.jvm-overhead.min": "192mb",
    "taskmanager.memory.jvm-overhead.max": "192mb",
}


def free_port() -> int:
    """Returns a port of the loopback interface that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclasses.dataclass
class FlinkCluster:
    """A running cluster.

    Attributes:
        folder: Configuration and logs.
        rest: Port of the JobManager's REST interface, where jobs are submitted.
        task_managers: Processes by resource id.
    """

    folder: pathlib.Path
    rest: int
    job_manager: subprocess.Popen | None = None
    task_managers: dict[str, subprocess.Popen] = dataclasses.field(default_factory=dict)
    started: int = 0

    @classmethod
    @contextlib.contextmanager
    def run(cls, folder: pathlib.Path, *, task_managers: int = 2, lines: str = ""):
        """Starts a cluster with further lines of configuration, and ends it after the block."""
        cluster = cls(folder, free_port())
        text = CONFIGURATION.format(
            rpc=free_port(), rest=cluster.rest, blob=free_port(), folder=folder
        )
        (folder / "flink-conf.yaml").write_text(text + lines)
        try:
            cluster.job_manager = cluster.start_java(
                "jobmanager",
                "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
                "-Xmx384m",
            )
            for _ in range(task_managers):
                cluster.start_task_manager()
            cluster.wait_for_task_managers(task_managers)
            yield cluster
        finally:
            cluster.stop()

    @property
    def endpoint(self) -> str:
        """The master's address, for `beam.endpoint`."""
        return f"localhost:{self.rest}"

    def start_java(self, name: str, main: str, *options: str, arguments=()) -> subprocess.Popen:
        """Starts a process of Flink whose output goes to NAME.log."""
        opens = [f"--add-opens=java.base/java.{part}=ALL-UNNAMED" for part in OPENED]
        command = ["java", *options, *opens, "-cp", f"{LIBRARIES}/*", main]
        command += ["--configDir", str(self.folder), *arguments]
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)

    def start_task_manager(self) -> str:
        """Starts one TaskManager more and returns its resource id."""
        self.started += 1
        name = f"tm{self.started}"
        settings = {"taskmanager.resource-id": name, **RESOURCES}
        self.task_managers[name] = self.start_java(
            name,
            "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
            *("-Xmx384m", "-XX:MaxDirectMemorySize=512m"),
            arguments=[word for pair in settings.items() for word in ("-D", "=".join(pair))],
        )
        return name

    def get(self, path: str) -> dict:
        """Returns what the REST interface answers, {} before it answers."""
        try:
            return FlinkMaster(self.endpoint).get(path)
        except FlinkError:
            return {}

    def wait_for_task_managers(self, count: int, seconds: float = 120) -> None:
        """Waits until so many TaskManagers are registered."""
        end = time.monotonic() + seconds
        while len(self.get("/taskmanagers").get("taskmanagers", ())) < count:
            assert self.job_manager is not None
            assert self.job_manager.poll() is None, self.log("jobmanager")
            assert time.monotonic() < end, f"no {count} TaskManagers: {self.log('jobmanager')}"
            time.sleep(0.3)

    def log(self, name: str) -> str:
        """Returns the end of a process' output."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def jobs(self) -> dict[str, str]:
        """Returns the state of each job that was submitted, by its id."""
        return {job["id"]: job["status"] for job in self.get("/jobs").get("jobs", ())}

    def task_managers_of(self, job: str) -> set[str]:
        """Returns the TaskManagers on which subtasks of a job are running."""
        used = set()
        for vertex in self.get(f"/jobs/{job}").get("vertices", ()):
            detail = self.get(f"/jobs/{job}/vertices/{vertex['id']}/taskmanagers")
            used |= {
                where["taskmanager-id"]
                for where in detail.get("taskmanagers", ())
                if where["status"] == "RUNNING"
            }
        return used

    def kill(self, name: str) -> None:
        """Kills a TaskManager as a failing machine ends: without any notice."""
        process = self.task_managers.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    @contextlib.contextmanager
    def one_killed_in_each_step(self, after_seconds: float = 1.0):
        """Kills a TaskManager that runs a part of a job; yields a dict: job -> TaskManager.

        A step whose job was killed is submitted again as another job, which is left alone, so every
        second job is killed. Each TaskManager gets a successor.

        Args:
            after_seconds: Time from when a subtask is running.
        """
        killed: dict[str, str] = {}
        ended = threading.Event()

        def watch() -> None:
            seen: list[str] = []
            since: dict[str, float] = {}
            while not ended.wait(0.1):
                for job, state in self.jobs().items():
                    if job not in seen:
                        seen.append(job)
                    if state != "RUNNING" or job in killed or seen.index(job) % 2:
                        continue
                    used = self.task_managers_of(job) & self.task_managers.keys()
                    if not used:
                        continue
                    if time.monotonic() - since.setdefault(job, time.monotonic()) >= after_seconds:
                        killed[job] = min(used)
                        self.kill(killed[job])
                        self.start_task_manager()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield killed
        finally:
            ended.set()
            watcher.join()

    def stop(self) -> None:
        """Ends all processes."""
        processes = [*self.task_managers.values(), self.job_manager]
        for process in filter(None, processes):
            process.kill()
            process.wait()


def missing() -> str:
    """Returns why no cluster can run here, or an empty string."""
    if not JOB_SERVER.exists() or not LIBRARIES.is_dir():
        return "no Flink in .engines: scripts/get_engines.sh fetches it, with Java and Maven"
    if not any(os.access(f"{path}/java", os.X_OK) for path in os.environ["PATH"].split(":")):
        return "Java is not installed"
    return ""
