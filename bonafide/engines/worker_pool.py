"""A pool of Python workers for `beam.environment=external:HOST:PORT`.

It replaces Beam's `worker_pool_main`, in which steps can hang:

- Engines number their workers on their own, and several TaskManagers or jobs use the same ids at a
  time. Beam's pool keeps one process per id: when one TaskManager stops its worker, that of another
  ends, which then waits for good. This pool ends a worker at a request only if its id is unique;
  others end when their engine closes the connection.
- Beam's pool gives its workers a pipe as standard output and never reads it, so that a worker that
  prints more than 64 KiB blocks. Workers of this pool share its output.
- Beam's pool starts `python`, whichever is first in PATH; this one starts its own interpreter.
"""

from __future__ import annotations

import atexit
import collections
import logging
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker import worker_pool_main
from apache_beam.utils import thread_pool_executor

from bonafide.command_line import CommandParser

_LOGGER = logging.getLogger(__name__)
# A worker reads its requests here until the engine closes the connection.
_HARNESS = (
    "import sys; from apache_beam.runners.worker.sdk_worker import SdkHarness; "
    "SdkHarness(sys.argv[1], worker_id=sys.argv[2]).run()"
)


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts a process for each worker that an engine requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[str, list[subprocess.Popen[bytes]]] = collections.defaultdict(list)

    def StartWorker(  # noqa: N802 (the name is Beam's)
        self,
        request: beam_fn_api_pb2.StartWorkerRequest,
        _: grpc.ServicerContext,
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Starts a worker that connects to the given endpoint."""
        command = [sys.executable, "-c", _HARNESS]
        command += [request.control_endpoint.url, request.worker_id]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        except OSError:
            return beam_fn_api_pb2.StartWorkerResponse(error=traceback.format_exc())
        with self._lock:
            self._forget_ended()
            self._workers[request.worker_id].append(process)
        _LOGGER.info("worker %s is process %d", request.worker_id, process.pid)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(  # noqa: N802 (the name is Beam's)
        self,
        request: beam_fn_api_pb2.StopWorkerRequest,
        _: grpc.ServicerContext,
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """Stops the worker of this id, unless several have it."""
        with self._lock:
            self._forget_ended()
            workers = self._workers.get(request.worker_id, [])
            if len(workers) == 1:
                del self._workers[request.worker_id]
        if len(workers) == 1:
            worker_pool_main.kill_process_gracefully(workers[0])
        elif workers:
            _LOGGER.info(
                "%d workers have the id %s; each ends with its connection",
                len(workers),
                request.worker_id,
            )
        return beam_fn_api_pb2.StopWorkerResponse()

    def running(self) -> int:
        """Returns the number of workers that are running."""
        with self._lock:
            self._forget_ended()
            return sum(map(len, self._workers.values()))

    def close(self) -> None:
        """Ends all workers."""
        with self._lock:
            workers = [process for processes in self._workers.values() for process in processes]
            self._workers.clear()
        for process in workers:
            worker_pool_main.kill_process_gracefully(process)

    def _forget_ended(self) -> None:
        for worker_id in list(self._workers):
            alive = [process for process in self._workers[worker_id] if process.poll() is None]
            if alive:
                self._workers[worker_id] = alive
            else:
                del self._workers[worker_id]


def serve(port: int, host: str = "[::]") -> tuple[WorkerPool, grpc.Server, int]:
    """Starts a pool.

    Args:
        port: Port to listen at; 0 selects a free one.
        host: Address to listen at.

    Returns:
        The pool, its server, and the port.

    Raises:
        RuntimeError: The port is in use.
    """
    options = [
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=options)
    pool = WorkerPool()
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    port = server.add_insecure_port(f"{host}:{port}")
    server.start()
    return pool, server, port


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a pool until it is terminated."""
    parser = CommandParser(
        prog="python -m bonafide.engines.worker_pool",
        description="Starts Python workers for an engine: beam.environment=external:HOST:PORT. The "
        "port has no authentication: make it accessible to the engine's workers only.",
    )
    parser.add_argument("--port", type=int, default=50000, help="port (default %(default)s)")
    parser.add_argument(
        "--host", default="localhost", help="address to listen at (default %(default)s)"
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        pool, server, port = serve(options.port, options.host)
    except RuntimeError as error:
        print(
            f"error: expected a free port, got {options.port}: {error}. Choose another --port.",
            file=sys.stderr,
        )
        return 1
    atexit.register(pool.close)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _LOGGER.info("worker pool at %s:%d", options.host, port)
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
