"""What Flink's REST interface says about a cluster and the jobs on it."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from typing import Any

from bonafide.settings import SettingsError

TIMEOUT_SECONDS = 10.0


class FlinkError(RuntimeError):
    """Flink does not answer, or ended a step."""


@dataclasses.dataclass(frozen=True)
class FlinkMaster:
    """The JobManager of a cluster.

    Attributes:
        address: HOST:PORT of its REST interface, or a URL.
    """

    address: str

    @property
    def url(self) -> str:
        """URL of the REST interface."""
        address = self.address.strip().rstrip("/")
        return address if address.startswith(("http://", "https://")) else f"http://{address}"

    def get(self, path: str) -> Any:
        """Returns the answer to a request.

        Raises:
            FlinkError: Nothing that speaks Flink's REST interface answers.
        """
        try:
            with urllib.request.urlopen(self.url + path, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError) as error:
            raise FlinkError(
                f"expected Flink's REST interface at {self.url}, got {error}. Check that the "
                "JobManager is running, and set beam.endpoint to its rest.address and rest.port."
            ) from error

    def version(self) -> str:
        """Returns the cluster's version without its patch level, such as `1.19`."""
        text = str(self.get("/config").get("flink-version", ""))
        return ".".join(text.split(".")[:2])

    def progress(self, name: str) -> str | None:
        """Returns a text that changes as long as a job makes progress; None without such a job.

        It consists of the states of its subtasks and of the records that they read and wrote.

        Args:
            name: Name of the job, which is Beam's id of it.
        """
        jobs = [job for job in self.get("/jobs/overview")["jobs"] if name.startswith(job["name"])]
        running = [job["jid"] for job in jobs if job["state"] == "RUNNING"]
        if not running:
            return None
        vertices = self.get(f"/jobs/{running[-1]}").get("vertices", [])
        counted = ("read-records", "write-records", "read-bytes", "write-bytes")
        return json.dumps(
            [
                [vertex["tasks"], *(vertex["metrics"].get(field) for field in counted)]
                for vertex in vertices
            ]
        )


def choose_version(wanted: str, cluster: str, published: list[str]) -> str:
    """Returns the version of the job server to be downloaded.

    Args:
        wanted: The version that the user set, or an empty string.
        cluster: The cluster's version, or an empty string for a Flink inside the job server.
        published: Versions for which this Beam has a job server, the oldest first.

    Raises:
        SettingsError: Beam has no job server of this version, or it would not fit the cluster.
    """
    version = wanted or cluster or published[0]
    if version not in published:
        raise SettingsError(
            f"a Flink version for which this Beam has a job server: {', '.join(published)}",
            repr(version),
            "beam.flink_version" if wanted else "the cluster's version",
            advice="Name a job server of this version with beam.job_server_jar.",
        )
    if cluster and version != cluster:
        raise SettingsError(
            f"the version of the cluster, {cluster}", repr(version), "beam.flink_version"
        )
    return version
