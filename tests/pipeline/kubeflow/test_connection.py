import pytest

from pipeline.kubeflow import connection as connections
from pipeline.kubeflow.connection import connection_from
from pipeline.kubeflow.errors import ClientError, UsageError

HOST = "https://kubeflow.example.org/pipeline"


def test_the_command_line_goes_before_the_environment():
    environ = {"KFP_HOST": "http://other", "KFP_NAMESPACE": "theirs"}
    found = connection_from(HOST + "/", "ours", environ)
    assert (found.host, found.namespace) == (HOST, "ours")
    found = connection_from("", "", environ)
    assert (found.host, found.namespace) == ("http://other", "theirs")


def test_in_a_pod_namespace_and_token_are_the_mounted_ones(monkeypatch, tmp_path):
    (tmp_path / "namespace").write_text("team-a\n")
    (tmp_path / "token").write_text("mounted\n")
    monkeypatch.setattr(connections, "NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setattr(connections, "TOKEN_FILE", tmp_path / "token")
    found = connection_from(HOST, "", {})
    assert found.namespace == "team-a"
    assert found.token.read() == "mounted"
    assert "service account" in found.token.described()


def test_tokens_in_their_order_and_never_shown(tmp_path):
    path = tmp_path / "token"
    path.write_text("from-file\n")
    environ = {"KF_PIPELINES_SA_TOKEN_PATH": str(path)}
    assert connection_from(HOST, "", environ).token.read() == "from-file"
    environ = {"KFP_TOKEN_FILE": str(path), "KF_PIPELINES_SA_TOKEN_PATH": "/nothing"}
    found = connection_from(HOST, "", environ)
    assert found.token.read() == "from-file"
    path.write_text("renewed")
    assert found.token.read() == "renewed"
    found = connection_from(HOST, "", {**environ, "KFP_TOKEN": " secret-1\n"})
    assert found.token.read() == "secret-1"
    assert "secret-1" not in repr(found)
    assert "KFP_TOKEN" in found.token.advice()
    assert not connection_from(HOST, "", {}).token.source


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read the token in the file .*: No such file"),
        (b"", "expected a token in the file .*, got an empty value"),
        (b"\xff\xff", "not a text file"),
        (b"two words", "expected a bearer token in the file .*, got other text"),
        (b"a\nb: c", "expected a bearer token in the file .*, got other text"),
    ],
)
def test_a_file_without_a_token_is_named_and_its_content_is_not(tmp_path, content, reason):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    token = connection_from(HOST, "", {"KFP_TOKEN_FILE": str(path)}).token
    with pytest.raises(ClientError, match=reason) as caught:
        token.read()
    assert "words" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("", "no API server is set: give --host URL or set KFP_HOST"),
        ("localhost:8080", "expected a URL with http:// or https:// and a host, got localhost"),
        ("ftp://a", "expected a URL with http:// or https:// and a host, got ftp"),
        ("http://", "and a host, got http://"),
        ("http://[x", "--host: expected a URL"),
        ("http://a:99999", "--host: expected a URL"),
        ("https://a/pipeline/#/runs", "give only the part before '/#/'"),
    ],
)
def test_what_is_no_host_is_refused(host, reason):
    with pytest.raises(UsageError, match=reason):
        connection_from(host, "", {})


def test_a_password_in_the_host_is_not_repeated():
    with pytest.raises(UsageError, match="--host contains a user name or password") as caught:
        connection_from("https://me:hunter2@a", "", {})
    assert "hunter2" not in str(caught.value)


def test_own_authorities(tmp_path):
    assert connection_from(HOST, "", {"SSL_CERT_FILE": __file__}).ca_file == __file__
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE: expected a file, got .*none\.pem"):
        connection_from(HOST, "", {"SSL_CERT_FILE": str(tmp_path / "none.pem")})
