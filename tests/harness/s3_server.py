"""An S3 server on this machine: moto's, in a process of its own. Fixtures for every test."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import uuid

import pytest


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory):
    """Starts the server; returns its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = pathlib.Path(sys.executable).with_name("moto_server")
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [str(script), "-H", "127.0.0.1", "-p", str(port)], stdout=out, stderr=out
        )
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


# As a pod has them, from a mounted secret.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "minio",
    "AWS_SECRET_ACCESS_KEY": "minio123",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def s3_bucket(s3_endpoint, monkeypatch):
    """Makes an empty bucket, and the environment in which fsspec finds it; returns its URI."""
    with bucket_at(s3_endpoint, monkeypatch) as uri:
        yield uri


@contextlib.contextmanager
def bucket_at(endpoint, monkeypatch):
    """An empty bucket, and the environment in which fsspec finds it.

    Args:
        endpoint: URL of the server.
        monkeypatch: Keeps what it changes of the environment.

    Yields:
        The bucket's URI.
    """
    import s3fs

    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "AWS_PROFILE" not in os.environ
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"b{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
