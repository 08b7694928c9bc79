"""Workers are processes; the engine's side is Beam's own control service."""

import concurrent.futures
import queue
import signal
import subprocess
import sys
import time

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from bonafide.engines import worker_pool


class Engine(beam_fn_api_pb2_grpc.BeamFnControlServicer):
    """An engine's worker (TaskManager) with a control service of its own."""

    def __init__(self):
        self.connected = queue.Queue()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("localhost:0")
        self.server.start()

    def Control(self, responses, context):  # noqa: N802
        self.connected.put(dict(context.invocation_metadata())["worker_id"])
        for _ in responses:  # until the connection ends
            pass
        yield from ()

    def request(self, worker_id):
        url = f"localhost:{self.port}"
        return beam_fn_api_pb2.StartWorkerRequest(
            worker_id=worker_id, control_endpoint={"url": url}, logging_endpoint={"url": url}
        )

    def close(self):
        self.server.stop(0).wait()


@pytest.fixture
def engines():
    made = [Engine(), Engine()]
    yield made
    for engine in made:
        engine.close()


@pytest.fixture
def pool():
    found, server, port = worker_pool.serve(0, "localhost")
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        yield found, beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
    found.close()
    server.stop(0).wait()


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def stop(stub, worker_id):
    stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=worker_id))


def test_a_worker_starts_and_stops(pool, engines):
    workers, stub = pool
    answer = stub.StartWorker(engines[0].request("1-1"))
    assert not answer.error
    assert engines[0].connected.get(timeout=120) == "1-1"
    assert workers.running() == 1
    stop(stub, "unknown")
    assert workers.running() == 1
    stop(stub, "1-1")
    assert workers.running() == 0


def test_engines_with_the_same_id_do_not_stop_each_others_workers(pool, engines):
    workers, stub = pool
    for engine in engines:
        stub.StartWorker(engine.request("1-1"))
    for engine in engines:
        assert engine.connected.get(timeout=120) == "1-1"
    stop(stub, "1-1")
    assert workers.running() == 2
    # The first engine closes its connection, as it does after StopWorker; only its worker ends.
    engines[0].close()
    wait_for(lambda: workers.running() == 1)
    stop(stub, "1-1")
    assert workers.running() == 0


def test_the_command_ends_its_workers(engines, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as file:
        command = [sys.executable, "-m", "bonafide.engines.worker_pool", "--port", "0"]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    wait_for(lambda: "worker pool at localhost:" in log.read_text())
    port = log.read_text().split("localhost:")[1].split()[0]
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        stub.StartWorker(engines[0].request("7-1"))
        engines[0].connected.get(timeout=120)
        worker = int(log.read_text().split("is process ")[1].split()[0])
        again = subprocess.run(
            [*command[:-1], port], capture_output=True, text=True, check=False, timeout=120
        )
        assert again.returncode == 1
        assert f"error: expected a free port, got {port}" in again.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (
        not subprocess.run(["ps", "-p", str(worker)], capture_output=True, check=False)
        .stdout[40:]
        .strip()
    )
