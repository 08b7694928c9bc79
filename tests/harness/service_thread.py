"""`bonafide serve` in a thread of the tests, by default with a model of numpy alone."""

import contextlib
import dataclasses
import http.client
import json
import socket
import threading
import time

import numpy as np
import uvicorn

from bonafide.metrics.training_range import QUALITIES, Range, TrainingRange
from bonafide.scoring.service import app, server

CLIP = 16_000
EVALUATION = {
    "n_bonafide": 164,
    "n_spoof": 278,
    "score_quantiles": {
        "bonafide": np.linspace(-1, 3, 201).tolist(),
        "spoof": np.linspace(-3, 2, 201).tolist(),
    },
}


def write_records(version, offset=0.0):
    """A version without a network: records alone, and a number that its scores begin at."""
    extra = version / "assets.extra"
    extra.mkdir(parents=True)
    facts = {
        "settings": {"features": {"sample_rate": 16_000, "clip_samples": CLIP}},
        "thresholds": {"eer": 0.5, "far1": 2.0, "far5": 0.75, "frr5": -0.2},
        "offset": offset,
    }
    (extra / "bonafide.json").write_text(json.dumps(facts))
    (extra / "evaluation.json").write_text(json.dumps(EVALUATION))
    ranges = {quality.name: Range(-1000.0, 100_000.0) for quality in QUALITIES}
    ranges["bandwidth_hz"] = Range(3_000.0, 8_000.0)
    (extra / "training_range.json").write_text(json.dumps(TrainingRange(ranges, 100).to_json()))
    (extra / "model_card.md").write_text("# A card")
    (version / "saved_model.pb").write_bytes(b"none")  # last: it makes the version complete
    return version


def load(model):
    """The scores of a model without a network: means of a second of samples, in thousands."""

    def score(clips):
        means = [
            np.resize(np.frombuffer(clip, "<i2"), CLIP).mean() / 1000 + model.facts["offset"]
            for clip in clips
        ]
        return np.asarray(means, np.float32)

    return score


class Service:
    """A running service; `port` is that of the API."""

    def __init__(self, application, port):
        self.application, self.site, self.port = application, application.site, port

    def request(self, method, path, body=None, headers=(), timeout=60):
        """Status, headers and JSON (or bytes) of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            content = reply.read()
            kind = reply.headers.get("Content-Type", "")
            return reply.status, reply.headers, json.loads(content) if "json" in kind else content

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def score(self, content, query="", **headers):
        return self.request("POST", f"/v1/score?{query}", content, headers)


@contextlib.contextmanager
def running(settings, loader=load):
    """Runs a service in a thread."""
    sockets = [socket.create_server(("127.0.0.1", 0))]
    port = sockets[0].getsockname()[1]
    if settings.page_port is not None:
        sockets.append(socket.create_server(("127.0.0.1", 0)))
        settings = dataclasses.replace(settings, page_port=sockets[1].getsockname()[1])
    application = app.create(settings, loader)
    uvicorn_server = uvicorn.Server(server._config(lambda: application))
    thread = threading.Thread(target=uvicorn_server.run, args=(sockets,), daemon=True)
    thread.start()
    while not uvicorn_server.started:
        time.sleep(0.01)
    try:
        yield Service(application, port)
    finally:
        uvicorn_server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive()
        for one in sockets:
            one.close()


def form(*files, boundary="x-boundary"):
    """A form of files, name and content each: body and Content-Type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
