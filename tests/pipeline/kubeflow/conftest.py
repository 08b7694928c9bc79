"""A Kubeflow Pipelines API server that takes nothing that the published API v2beta1 does not have.

It checks each request against a table of the published paths and query parameters, against the
messages of `kfp_server_api` (a field that a message does not have is an error) and the pipeline in
it against `PipelineSpec`. What it finds fault with fails the test, whatever the test itself looks
at. That the table and the messages are what a server of some version really does is not shown here.
"""

import dataclasses
import datetime
import http.server
import io
import json
import pathlib
import re
import threading
import urllib.parse

import kfp_server_api
import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from rich.console import Console

from pipeline.kubeflow import connection as connections
from pipeline.kubeflow.commands import Outside

PIPELINE = pathlib.Path(__file__).parent / "pipeline.yaml"
NOW = datetime.datetime(2026, 3, 2, 12, 0, 0, tzinfo=datetime.UTC)
LISTING = {"page_token", "page_size", "sort_by", "filter", "namespace"}
# Method and path, query parameters, message of the body: as published.
PUBLISHED = [
    ("GET", "/apis/v2beta1/runs", LISTING | {"experiment_id"}, None),
    ("POST", "/apis/v2beta1/runs", {"experiment_id"}, "V2beta1Run"),
    ("GET", "/apis/v2beta1/runs/[^/]+", {"experiment_id"}, None),
    ("POST", "/apis/v2beta1/recurringruns", set(), "V2beta1RecurringRun"),
    ("GET", "/apis/v2beta1/recurringruns", LISTING | {"experiment_id"}, None),
    ("POST", "/apis/v2beta1/recurringruns/[^/:]+:(enable|disable)", set(), None),
    ("DELETE", "/apis/v2beta1/recurringruns/[^/:]+", set(), None),
    ("GET", "/apis/v2beta1/experiments", LISTING, None),
    ("POST", "/apis/v2beta1/experiments", set(), "V2beta1Experiment"),
]
# Of what is created, the server alone says these.
OUTPUT_ONLY = {"run_id", "recurring_run_id", "state", "created_at", "finished_at", "run_details"}


def strictly(value, kind):
    """Checks JSON against a type of the API as `kfp_server_api` writes it.

    Raises:
        ValueError: If it does not fit.
    """
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is no list")
        for item in value:
            strictly(item, match[1])
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is no object")
        for item in value.values():
            strictly(item, match[1])
    elif kind == "datetime":
        datetime.datetime.fromisoformat(value)
    elif kind in ("str", "int", "bool", "object"):
        python = {"str": str, "int": int, "bool": bool, "object": object}[kind]
        if not isinstance(value, python) or (kind == "int" and isinstance(value, bool)):
            raise ValueError(f"{value!r} is not of type {kind}")
    else:
        strictly_message(value, kind)


def strictly_message(value, kind):
    """Checks a JSON object, or a word of an enumeration; see `strictly`."""
    message = getattr(kfp_server_api, kind)
    if hasattr(message, "allowable_values"):
        if value not in message.allowable_values:
            raise ValueError(f"{value!r} is no {kind}")
        return
    fields = {json_name: name for name, json_name in message.attribute_map.items()}
    for name, item in value.items():
        if name not in fields:
            raise ValueError(f"{kind} has no field {name!r}")
        strictly(item, message.openapi_types[fields[name]])


def check_pipeline(value):
    """Checks the `pipeline_spec` of a body: a pipeline, or one packed with its platforms.

    Raises:
        json_format.ParseError: If a field is unknown or of another type.
        ValueError: If it is packed in another way.
    """
    if "pipeline_spec" in value:
        if set(value) != {"pipeline_spec", "platform_spec"}:
            raise ValueError(f"packed with {sorted(value)}")
        json_format.ParseDict(value["platform_spec"], pipeline_spec_pb2.PlatformSpec())
        value = value["pipeline_spec"]
    spec = json_format.ParseDict(value, pipeline_spec_pb2.PipelineSpec())
    if not spec.root.dag.tasks:
        raise ValueError("a pipeline without tasks")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the server answers to one request.

    Attributes:
        body: JSON, or text that is sent as it is.
        cut: Close the connection half-way through the body.
        stuck: Send nothing until the test is over.
    """

    status: int = 200
    body: object = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    cut: bool = False
    stuck: bool = False


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: dict | None


class KfpServer:
    """The state of the server, and what was asked of it.

    Attributes:
        requests: All requests so far.
        faults: What was wrong with them.
        script: Answers for the next requests in order, as fields of `Answer`; None lets the server
            answer that one itself.
        run_states: What `GET runs/ID` answers next; the last one stays.
    """

    def __init__(self):
        self.requests, self.faults, self.script = [], [], []
        self.experiments = [{"experiment_id": "exp-default", "display_name": "Default"}]
        self.runs, self.run_states, self.schedules = [], [], []
        self.page = 100
        self.over = threading.Event()
        self.url = ""

    def asked(self):
        return [f"{request.method} {request.path}" for request in self.requests]

    def answer(self, request):
        self.requests.append(request)
        published = next(
            (
                row
                for row in PUBLISHED
                if row[0] == request.method and re.fullmatch(row[1], request.path)
            ),
            None,
        )
        if published is None:
            self.faults.append(f"{request.method} {request.path} is not published")
            return Answer(404, {"message": "no such path"})
        try:
            self.check(request, *published[2:])
        except (ValueError, json_format.ParseError) as error:
            self.faults.append(f"{request.method} {request.path}: {error}")
            return Answer(400, {"message": str(error)})
        scripted = self.script.pop(0) if self.script else None
        return Answer(**scripted) if scripted else self.plain_answer(request)

    def check(self, request, parameters, message):
        if unknown := set(request.query) - parameters:
            raise ValueError(f"there are no query parameters {unknown}")
        if "filter" in request.query:
            strictly(json.loads(request.query["filter"]), "V2beta1Filter")
        if message is None:
            if request.body is not None:
                raise ValueError("a body, where none is wanted")
            return
        if request.headers.get("Content-Type") != "application/json":
            raise ValueError("a body that is not called JSON")
        strictly(request.body, message)
        if set(request.body) & OUTPUT_ONLY:
            raise ValueError("what is created says what only the server says")
        if message in ("V2beta1Run", "V2beta1RecurringRun"):
            check_pipeline(request.body["pipeline_spec"])

    def plain_answer(self, request):
        kind = request.path.split("/")[3]
        if request.path.startswith("/apis/v2beta1/recurringruns/"):
            return self.change_schedule(request)
        if request.method == "POST":
            if kind == "experiments":
                made = {**request.body, "experiment_id": f"exp-{len(self.experiments)}"}
                self.experiments.append(made)
            elif kind == "runs":
                made = {**request.body, "run_id": "run-1", "state": "PENDING"}
                self.runs.append(made)
            else:
                made = {**request.body, "recurring_run_id": "schedule-1", "status": "ENABLED"}
                self.schedules.append(made)
            return Answer(200, made)
        if request.path.startswith("/apis/v2beta1/runs/"):
            states = self.run_states
            return Answer(200, states.pop(0) if len(states) > 1 else states[0])
        if kind == "experiments":
            found = self.experiments
            if "filter" in request.query:
                [predicate] = json.loads(request.query["filter"])["predicates"]
                assert (predicate["operation"], predicate["key"]) == ("EQUALS", "display_name")
                wanted = predicate["string_value"]
                found = [item for item in found if item["display_name"] == wanted]
            return Answer(200, {"experiments": found} if found else {})
        name, listed = ("runs", self.runs) if kind == "runs" else ("recurringRuns", self.schedules)
        start = int(request.query.get("page_token") or 0)
        end = start + min(int(request.query["page_size"]), self.page)
        body = {name: listed[start:end], "total_size": len(listed)}
        if end < len(listed):
            body["next_page_token"] = str(end)
        return Answer(200, body if body[name] else {})

    def change_schedule(self, request):
        identity, _, action = request.path.rpartition("/")[2].partition(":")
        found = [item for item in self.schedules if item["recurring_run_id"] == identity]
        if not found:
            return Answer(404, {"message": f"Job {identity} not found"})
        if request.method == "DELETE":
            self.schedules.remove(found[0])
        else:
            found[0]["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[action]
        return Answer(200, {})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        answer = self.server.kfp.answer(
            Request(
                self.command,
                urllib.parse.unquote(url.path),
                dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
                dict(self.headers),
                json.loads(text) if text else None,
            )
        )
        if answer.stuck:
            self.server.kfp.over.wait()
            self.close_connection = True
            return
        body = answer.body
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.cut else body)
        self.close_connection = answer.cut

    do_GET = do_POST = do_DELETE = handle_request  # noqa: N815 (names of http.server)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that has stopped waiting is no error."""


@pytest.fixture
def server():
    """The server; a request that the published API does not have fails the test at its end."""
    kfp = KfpServer()
    with Server(("127.0.0.1", 0), Handler) as listening:
        listening.kfp = kfp
        kfp.url = f"http://127.0.0.1:{listening.server_address[1]}"
        # The thread looks that often whether it should end.
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield kfp
        kfp.over.set()
        listening.shutdown()
    assert kfp.faults == []


class World:
    """Screen, errors and a clock that a sleep moves on."""

    def __init__(self):
        self.slept = []
        self._seconds = 0.0
        self._screen, self._errors = io.StringIO(), io.StringIO()
        console = {"highlight": False, "soft_wrap": True, "width": 120}
        self.outside = Outside(
            screen=Console(file=self._screen, **console),
            errors=Console(file=self._errors, **console),
            sleep=self.sleep,
            clock=lambda: self._seconds,
            now=lambda: NOW + datetime.timedelta(seconds=self._seconds),
        )

    def sleep(self, seconds):
        self.slept.append(seconds)
        self._seconds += seconds

    @property
    def shown(self):
        return self._screen.getvalue()

    @property
    def complained(self):
        return self._errors.getvalue()


@pytest.fixture
def world():
    return World()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """No server, namespace or token from where the tests happen to run."""
    for name in (
        "KFP_HOST",
        "KFP_NAMESPACE",
        "KFP_TOKEN",
        "KFP_TOKEN_FILE",
        "KF_PIPELINES_SA_TOKEN_PATH",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connections, "NAMESPACE_FILE", tmp_path / "no-namespace")
    monkeypatch.setattr(connections, "TOKEN_FILE", tmp_path / "no-token")


@pytest.fixture
def pipeline_path():
    return PIPELINE


@pytest.fixture
def make_run():
    """Returns a function that makes the JSON of a run from the states of its tasks by name."""
    from pipeline.kubeflow.pipeline_file import read_pipeline_file

    packed = read_pipeline_file(PIPELINE).body(cache=True)

    def make(state, tasks=None, *, errors=None, pipeline=packed, **fields):
        details = [
            {
                "display_name": name,
                "state": task_state,
                "start_time": "2026-03-02T11:00:00Z",
                # As the backend writes a time that is not set.
                "end_time": "2026-03-02T11:01:15Z"
                if task_state in ("SUCCEEDED", "FAILED")
                else "0001-01-01T00:00:00Z",
                **({"error": {"message": errors[name]}} if name in (errors or {}) else {}),
            }
            for name, task_state in (tasks or {}).items()
        ]
        return {
            "run_id": "run-1",
            "display_name": "nightly",
            "state": state,
            "created_at": "2026-03-02T10:59:00Z",
            **({"finished_at": "2026-03-02T11:05:00Z"} if state == "SUCCEEDED" else {}),
            "run_details": {"task_details": details},
            **({"pipeline_spec": pipeline} if pipeline else {}),
            **fields,
        }

    return make


@pytest.fixture
def as_message():
    """Returns a function that turns the JSON of a run into the client's message."""
    api = kfp_server_api.ApiClient(kfp_server_api.Configuration(host="http://unused"))

    class Body:
        def __init__(self, value):
            self.data = json.dumps(value)

    return lambda value: api.deserialize(Body(value), "V2beta1Run")
