import dataclasses
import socket

import kfp_server_api
import pytest
import urllib3
import urllib3.util.connection

from pipeline.kubeflow.client import Client, Retries
from pipeline.kubeflow.connection import Connection, Token
from pipeline.kubeflow.errors import ClientError, NotFoundError, TemporaryError
from pipeline.kubeflow.pipeline_file import read_pipeline_file


def answer(status=200, body=None, **more):
    return {"status": status, "body": {} if body is None else body, **more}


def problem(status, message, **headers):
    """An error as the API server writes it."""
    return answer(status, {"code": 3, "message": message, "details": []}, headers=headers)


LOGIN = answer(body="<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"})
WORKING = {"state": "RUNNING", "run_id": "run-1"}


@pytest.fixture
def make_client(server, world):
    def make(**changes):
        connection = dataclasses.replace(
            Connection(server.url, connect_seconds=5.0, read_seconds=5.0), **changes
        )
        server.run_states = [WORKING]
        return Client(connection, sleep=world.sleep, notice=world.outside.errors.print)

    return make


@pytest.fixture
def body(pipeline_path):
    return kfp_server_api.V2beta1Run(
        display_name="nightly",
        experiment_id="exp-default",
        pipeline_spec=read_pipeline_file(pipeline_path).body(cache=True),
        runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters={}),
    )


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def said(call, kind=ClientError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_waits_double_up_to_a_limit_and_obey_the_server():
    retries = Retries()
    assert [retries.wait(n, None) for n in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 16, 30]
    assert retries.wait(1, 7.0) == 7.0
    assert retries.wait(1, 3600.0) == 30.0


def test_no_token_no_header(server, make_client):
    make_client().get_run("run-1")
    assert "Authorization" not in {name.title() for name in server.requests[0].headers}


def test_a_renewed_token_is_sent_with_the_next_request(server, make_client, tmp_path):
    path = tmp_path / "token"
    client = make_client(token=Token("a file", path=path))
    for token in ("first", "second"):
        path.write_text(token)
        client.get_run("run-1")
        assert server.requests[-1].headers["authorization"] == f"Bearer {token}"
    path.unlink()
    assert "cannot read the token in a file" in said(lambda: client.get_run("run-1"))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_question_is_asked_again(server, make_client, world, status):
    server.script = [problem(status, "busy"), problem(status, "busy")]
    assert make_client().get_run("run-1").state == "RUNNING"
    assert server.asked() == ["GET /apis/v2beta1/runs/run-1"] * 3
    assert world.slept == [1.0, 2.0]
    assert "trying again in 2 s" in world.complained


def test_a_question_is_asked_five_times_at_most(server, make_client, world):
    server.script = [problem(500, "database is locked")] * 9
    text = said(lambda: make_client().get_run("run-1"), TemporaryError)
    assert f"{server.url} failed (500): database is locked; try again later" in text
    assert "(5 tries)" in text
    assert world.slept == [1.0, 2.0, 4.0, 8.0]
    assert len(server.requests) == 5


def test_the_server_says_when_to_ask_again(server, make_client, world):
    server.script = [problem(429, "slowly", **{"Retry-After": "6"})]
    make_client().get_run("run-1")
    assert world.slept == [6.0]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (Token(), "no token was sent: give one in KFP_TOKEN"),
        (Token("KFP_TOKEN", value="hush"), "the token came from KFP_TOKEN: check that it has not"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_accepted_learns_where_the_token_came_from(
    server, make_client, world, status, token, words
):
    server.script = [problem(status, "no user identity")]
    text = said(lambda: make_client(token=token, namespace="team-a").get_run("run-1"))
    assert f"({status}): no user identity" in text
    assert words in text
    assert ("in namespace team-a" in text) == (status == 403)
    assert "hush" not in text
    assert world.slept == []


def test_not_found(server, make_client):
    server.script = [problem(404, "Run run-9 not found")]
    text = said(lambda: make_client().get_run("run-9"), NotFoundError)
    assert f"{server.url}: run run-9: not found (404): Run run-9 not found; check" in text
    assert "it ends with /pipeline" in text


def test_a_bad_request_is_told_in_the_servers_words(server, make_client, body):
    server.script = [problem(400, "pipeline spec is invalid: resolver executors not implemented")]
    text = said(lambda: make_client().create_run(body))
    assert "(400): pipeline spec is invalid: resolver executors not implemented" in text
    assert text.endswith("no run was created")
    server.script = [problem(400, "An experiment cannot have an empty namespace")]
    text = said(lambda: make_client().find_experiment("x"))
    assert "name the namespace with --namespace or KFP_NAMESPACE" in text


def test_other_statuses_are_told_too(server, make_client):
    server.script = [problem(418, "short and stout")]
    assert "unexpected status 418: short and stout" in said(lambda: make_client().get_run("run-1"))


@pytest.mark.parametrize(
    "page",
    [
        LOGIN,
        answer(302, "", headers={"Location": "https://dex.example.org/auth"}),
    ],
)
def test_a_login_page_is_seen_for_what_it_is(server, make_client, body, world, page):
    server.script = [page, page]
    client = make_client(token=Token("KFP_TOKEN", value="hush"))
    text = said(lambda: client.get_run("run-1"))
    assert "most likely the login page" in text
    assert "the token came from KFP_TOKEN" in text
    if page["status"] == 302:
        assert "redirects this request to https://dex.example.org/auth" in text
    assert said(lambda: client.create_run(body)).endswith("no run was created")
    # The redirect was not followed: it would have taken the token along.
    assert len(server.requests) == 2
    assert world.slept == []


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (answer(200, "hello"), "expected a JSON object, got 'hello'"),
        (answer(200, b"\xff\xff\xff"), "expected a JSON object"),
        (answer(200, {}), "a run without an id"),
        (answer(200, {"run_id": "r", "created_at": "yesterday noon"}), "not of the Kubeflow"),
        (answer(200, {"run_id": "r", "run_details": {"task_details": 3}}), "not of the Kubeflow"),
        (answer(404, b"caf\xe9"), "not found (404): caf\ufffd"),
    ],
)
def test_what_is_not_of_the_api_is_no_traceback(server, make_client, odd, words):
    server.script = [odd]
    assert words in said(lambda: make_client().get_run("run-1"))


def test_an_answer_that_breaks_off_is_asked_for_again(server, make_client, world):
    server.script = [answer(200, WORKING, cut=True)]
    assert make_client().get_run("run-1").state == "RUNNING"
    assert world.slept == [1.0]


def test_an_answer_that_does_not_come_is_not_waited_for(server, make_client, world):
    server.script = [answer(stuck=True)]
    assert make_client(read_seconds=0.2).get_run("run-1").state == "RUNNING"
    assert "no response within 0.2 s" in world.complained


@pytest.mark.parametrize(
    "ending",
    [problem(500, "oh"), problem(502, "oh"), answer(cut=True, body=WORKING), answer(stuck=True)],
)
def test_after_an_unclear_end_nothing_is_created_twice(server, make_client, body, world, ending):
    server.script = [ending]
    text = said(lambda: make_client(read_seconds=0.2).create_run(body))
    assert "The run may have been created nevertheless: list the runs with `runs`" in text
    assert server.asked() == ["POST /apis/v2beta1/runs"]
    assert world.slept == []


@pytest.mark.parametrize("status", [429, 503])
def test_what_was_turned_away_is_sent_again(server, make_client, body, world, status):
    server.script = [problem(status, "later")]
    assert make_client().create_run(body).run_id == "run-1"
    assert server.asked() == ["POST /apis/v2beta1/runs"] * 2
    server.script = [problem(status, "later")] * 5
    text = said(lambda: make_client().create_run(body))
    assert text.endswith("(5 tries); no run was created")


def test_a_creation_without_an_id_is_unclear(server, make_client, body):
    server.script = [answer(200, {})]
    text = said(lambda: make_client().create_run(body))
    assert "a new run without an id" in text
    assert "may have been created" in text


def test_a_refused_connection_is_tried_again(world, closed_port, body):
    client = Client(Connection(f"http://127.0.0.1:{closed_port}"), sleep=world.sleep)
    text = said(lambda: client.get_run("run-1"), TemporaryError)
    assert f"http://127.0.0.1:{closed_port}: no connection (" in text
    assert "refused" in text
    assert "kubectl port-forward" in text
    assert world.slept == [1.0, 2.0, 4.0, 8.0]
    text = said(lambda: client.create_run(body))
    assert text.endswith("no run was created")
    assert len(world.slept) == 8


def test_a_name_that_does_not_resolve_is_told_at_once(monkeypatch, world):
    def nowhere(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    client = Client(Connection("http://kubeflw.example.org"), sleep=world.sleep)
    text = said(lambda: client.get_run("run-1"), TemporaryError)
    assert "http://kubeflw.example.org: the name cannot be resolved; check --host" in text
    assert world.slept == []


def test_a_connection_that_is_not_made_in_time(monkeypatch, world):
    def silence(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(urllib3.util.connection, "create_connection", silence)
    client = Client(Connection("http://10.0.0.1", connect_seconds=3), sleep=world.sleep)
    assert "no connection within 3 s" in said(lambda: client.get_run("run-1"))


def test_tls_where_there_is_none(server, world):
    client = Client(
        Connection(server.url.replace("http:", "https:"), ca_file=""), sleep=world.sleep
    )
    text = said(lambda: client.get_run("run-1"))
    assert "TLS failed (" in text
    assert "SSL_CERT_FILE" in text
    assert world.slept == []


def test_a_file_that_holds_no_certificate(server, world):
    address = server.url.replace("http:", "https:")
    client = Client(Connection(address, ca_file=__file__), sleep=world.sleep)
    assert "TLS failed" in said(lambda: client.get_run("run-1"))


def test_an_experiment_is_found_or_created(server, make_client):
    client = make_client(namespace="team-a")
    assert client.experiment("Default").experiment_id == "exp-default"
    assert client.experiment("new").experiment_id == "exp-1"
    assert server.requests[-1].body == {"display_name": "new", "namespace": "team-a"}
    assert client.experiment("new").experiment_id == "exp-1"
    assert {request.query.get("namespace") for request in server.requests} == {"team-a", None}
    assert server.asked().count("POST /apis/v2beta1/experiments") == 1


def test_an_experiment_that_someone_else_creates_meanwhile(server, make_client):
    found = answer(200, {"experiments": [{"experiment_id": "theirs", "display_name": "new"}]})
    server.script = [None, problem(409, "Already exists"), found]
    assert make_client().experiment("new").experiment_id == "theirs"
    server.script = [None, problem(409, "Already exists"), None]
    text = said(lambda: make_client().experiment("new"))
    assert "the new experiment: it exists already (409): Already exists" in text


def test_runs_come_page_by_page_up_to_the_limit(server, make_client):
    server.runs = [{"run_id": f"run-{number}"} for number in range(5)]
    server.page = 2
    client = make_client(namespace="team-a")
    assert [run.run_id for run in client.list_runs(limit=3)] == ["run-0", "run-1", "run-2"]
    assert [request.query.get("page_token") for request in server.requests] == [None, "2"]
    assert len(client.list_runs(limit=50)) == 5
    first = server.requests[0].query
    assert first == {"namespace": "team-a", "page_size": "3", "sort_by": "created_at desc"}
    client.list_runs(experiment_id="exp-1", limit=1)
    assert server.requests[-1].query == {
        "experiment_id": "exp-1",
        "page_size": "1",
        "sort_by": "created_at desc",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/apis/v2/runs/1", None, "is not published"),
        ("GET", "/apis/v2beta1/runs?view=FULL", None, "no query parameters {'view'}"),
        ("GET", '/apis/v2beta1/runs?filter={"predicate": []}', None, "no field 'predicate'"),
        ("POST", "/apis/v2beta1/experiments", {"name": "x"}, "no field 'name'"),
        ("POST", "/apis/v2beta1/runs", {"run_id": "x"}, "only the server says"),
        ("POST", "/apis/v2beta1/recurringruns", {"mode": "ON"}, "'ON' is no RecurringRunMode"),
        ("POST", "/apis/v2beta1/recurringruns", {"max_concurrency": 1}, "not of type str"),
        ("POST", "/apis/v2beta1/runs", {"pipeline_spec": {"rooot": {}}}, "rooot"),
        (
            "POST",
            "/apis/v2beta1/runs",
            {"pipeline_spec": {"pipeline_spec": {}, "platforms": {}}},
            "packed with",
        ),
    ],
)
def test_the_server_of_these_tests_takes_only_what_is_published(server, method, path, body, fault):
    urllib3.request(method, server.url + path, json=body, retries=False)
    [found] = server.faults
    server.faults.clear()
    assert fault in found
