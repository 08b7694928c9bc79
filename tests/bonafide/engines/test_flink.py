"""Answers of a Flink 1.19.0 cluster, recorded from its REST interface, and what is made of them."""

import http.server
import json
import threading

import pytest

from bonafide.engines.flink import FlinkError, FlinkMaster, choose_version
from bonafide.settings import SettingsError

PUBLISHED = ["1.19", "1.20", "2.0"]
JOB = "BeamApp-root-1130144831-9cfee341"
# Recorded, shortened to the fields that are read.
CONFIG = {"refresh-interval": 3000, "flink-version": "1.19.0", "flink-revision": "b2ce0f4"}
OVERVIEW = {
    "jobs": [
        {"jid": "7cff50a598df23e494934e7d6de06dbc", "name": "BeamApp-other", "state": "RUNNING"},
        {"jid": "4c1b60294bdb82577f5e53c952e9dc55", "name": JOB, "state": "RUNNING"},
    ]
}
TASKS = {"RUNNING": 2, "FINISHED": 0, "FAILED": 0, "SCHEDULED": 0}
METRICS = {"read-bytes": 0, "write-bytes": 73, "read-records": 0, "write-records": 40}


@pytest.fixture
def master():
    """A server with these answers; `answers` can be changed."""
    vertex = {"id": "a", "name": "CHAIN MapPartition", "tasks": TASKS, "metrics": METRICS}
    answers = {
        "/config": CONFIG,
        "/jobs/overview": OVERVIEW,
        "/jobs/4c1b60294bdb82577f5e53c952e9dc55": {"vertices": [vertex]},
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = answers.get(self.path)
            body = json.dumps(found).encode() if found is not None else b"<html>"
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = FlinkMaster(f"127.0.0.1:{server.server_port}")
        yield found, answers
        server.shutdown()


def test_the_version_of_the_cluster(master):
    flink, answers = master
    assert flink.version() == "1.19"
    answers["/config"] = {}
    assert flink.version() == ""
    assert FlinkMaster(f"http://{flink.address}/").url == f"http://{flink.address}"


def test_progress_changes_with_records_and_subtasks(master):
    flink, answers = master
    name = f"{JOB}_eb899a2f-a6b2-4e3e-a923-c3226558b075"  # Beam's id of the job
    before = flink.progress(name)
    assert before == flink.progress(name)
    [vertex] = answers["/jobs/4c1b60294bdb82577f5e53c952e9dc55"]["vertices"]
    vertex["metrics"] = METRICS | {"write-records": 41}
    after = flink.progress(name)
    assert after != before
    vertex["tasks"] = TASKS | {"RUNNING": 1, "FINISHED": 1}
    assert flink.progress(name) not in (before, after)
    assert flink.progress("BeamApp-unknown") is None


def test_what_is_not_flink(master):
    flink, answers = master
    answers.clear()
    with pytest.raises(FlinkError, match=r"expected Flink's REST interface at http://127.0.0.1"):
        flink.version()
    with pytest.raises(FlinkError, match=r"set beam.endpoint"):
        FlinkMaster("127.0.0.1:1").version()


@pytest.mark.parametrize(
    ("wanted", "cluster", "version"),
    [("", "1.20", "1.20"), ("", "", "1.19"), ("2.0", "", "2.0"), ("1.20", "1.20", "1.20")],
)
def test_the_job_server_follows_the_cluster(wanted, cluster, version):
    assert choose_version(wanted, cluster, PUBLISHED) == version


def test_a_cluster_that_beam_has_no_job_server_for():
    with pytest.raises(SettingsError, match=r"got '1.16' \(the cluster.*beam.job_server_jar"):
        choose_version("", "1.16", PUBLISHED)
    with pytest.raises(SettingsError, match=r"got '1.5' \(beam.flink_version\)"):
        choose_version("1.5", "", PUBLISHED)
    with pytest.raises(
        SettingsError, match=r"expected the version of the cluster, 1.19, got '2.0'"
    ):
        choose_version("2.0", "1.19", PUBLISHED)
