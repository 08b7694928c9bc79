"""Runs the service: sockets, processes, and the end of them."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import gc
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from typing import Any

from bonafide.scoring.model import find_model, read_model
from bonafide.scoring.service import logs
from bonafide.scoring.service.settings import Settings

PAGE_HOST = "127.0.0.1"
_GRACE_SECONDS = 30
_KEEP_ALIVE_SECONDS = 30
_CONNECTIONS = 1024
# A worker that imports TensorFlow on a busy machine does not answer for a while.
_HEALTHCHECK_SECONDS = 120
_MAX_MESSAGE = 1 << 20
_PR_SET_PDEATHSIG = 1  # prctl(2)


class AddressError(Exception):
    """A port cannot be had; the message says which and why."""


def run(settings: Settings) -> None:
    """Serves until it is interrupted.

    Raises:
        AddressError: A port cannot be had.
        ModelError: There is no model, or it cannot be used.
        KeyboardInterrupt: It was interrupted.
    """
    logs.start(everything=settings.logs)
    sockets = []
    try:
        if settings.page_port is not None:
            sockets.append(_listening(PAGE_HOST, settings.page_port))
            settings = dataclasses.replace(settings, page_port=sockets[-1].getsockname()[1])
        if settings.api_port is not None:
            sockets.append(_listening(settings.api_host, settings.api_port))
            settings = dataclasses.replace(settings, api_port=sockets[-1].getsockname()[1])
        read_model(find_model(settings.model))  # before anything is started
        # The signal is raised again once the server has stopped: not to end it by a signal.
        signal.signal(signal.SIGTERM, lambda *_: None)
        if settings.workers > 1:
            _run_workers(settings, sockets)
        else:
            _run_here(settings, sockets)
    finally:
        for one in sockets:
            one.close()


def _run_here(settings: Settings, sockets: list[socket.socket]) -> None:
    import uvicorn

    app = _create(settings)
    _announce(settings)
    uvicorn.Server(_config(lambda: app)).run(sockets)


def _run_workers(settings: Settings, sockets: list[socket.socket]) -> None:
    """Runs several processes on the same sockets; one that ends is replaced."""
    from uvicorn.supervisors import Multiprocess

    with tempfile.TemporaryDirectory(prefix="bonafide-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        _announce(settings)
        Multiprocess(_config(functools.partial(_worker, settings), settings.workers), sockets).run()


def _worker(settings: Settings) -> Any:
    """Returns the application of a worker process."""
    _end_with_parent()
    logs.start(everything=settings.logs)
    return _create(settings)


def _end_with_parent() -> None:
    """Makes the system end this process when its parent ends without ending it (SIGKILL)."""
    parent = multiprocessing.parent_process()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent is not None and os.getppid() != parent.pid:  # it ended before the call
        os.kill(os.getpid(), signal.SIGTERM)


def _create(settings: Settings) -> Any:
    from bonafide.scoring.service import app

    created = app.create(settings)
    # TensorFlow's modules are for ever: the collector need not look at them again and again.
    gc.collect()
    gc.freeze()
    return created


def _config(factory: Any, workers: int = 1) -> Any:
    import uvicorn

    from bonafide.scoring.service.protocol import Protocol

    return uvicorn.Config(
        factory,
        factory=True,
        loop="asyncio",
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_worker_healthcheck=_HEALTHCHECK_SECONDS,
        workers=workers,
    )


def _announce(settings: Settings) -> None:
    if settings.page_port is not None:
        print(f"http://{PAGE_HOST}:{settings.page_port}/  (Ctrl-C ends it)")
    if settings.api_port is not None:
        host = settings.api_host if ":" not in settings.api_host else f"[{settings.api_host}]"
        print(f"http://{host}:{settings.api_port}/v1/score  (API; docs/service.md)")
    sys.stdout.flush()


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket that listens, so that its port is known before it is printed."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise AddressError(f"port {port}: {reason}") from error
