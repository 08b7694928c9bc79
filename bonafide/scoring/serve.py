"""Serves the page on this machine, and the HTTP API, both on the engine of `bonafide score`.

bonafide serve                                   the page, and the API for programs on this machine
bonafide serve --model output/sample/serving/sample --port 8080 --api-port 8081
bonafide serve --no-page --host 0.0.0.0 --tokens tokens.txt --workers 2
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence

from bonafide.command_line import CommandParser
from bonafide.scoring import arguments
from bonafide.scoring.model import ModelError
from bonafide.scoring.service.settings import Limits, Settings, is_loopback
from bonafide.text import visible_lines

OK = 0
FAILED = 1
INTERRUPTED = 130
DEFAULT_PORT = 8765
DEFAULT_API_PORT = 8766
_MIB = 1024**2


def port(text: str) -> int:
    """Returns a port from 0 (any free one) to 65535, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = _parser(prog)
    options = command_line.parse_args(argv)
    if options.no_page and options.no_api:
        command_line.error("--no-page and --no-api leave nothing to serve")
    return _run(lambda: _settings(options))


def serve(model_folder: str | None, port: int) -> int:
    """Serves the page alone until it is interrupted, and returns the exit code.

    Args:
        model_folder: As `find_model`.
        port: Port on 127.0.0.1; 0 for any free one.
    """
    return _run(lambda: Settings(model=model_folder, page_port=port))


def _parser(prog: str | None) -> argparse.ArgumentParser:
    result = CommandParser(prog=prog, description=__doc__)
    add = result.add_argument
    limits = Limits()
    arguments.add_model(result)
    add("--port", type=port, default=DEFAULT_PORT, help="of the page (default %(default)s)")
    add("--no-page", action="store_true", help="serve the API alone")
    add("--api-port", type=port, default=DEFAULT_API_PORT, help="of the API (default %(default)s)")
    add("--no-api", action="store_true", help="serve the page alone")
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="of the API (default %(default)s); any other than this machine needs tokens. The page "
        "is always on 127.0.0.1",
    )
    add(
        "--tokens",
        metavar="FILE",
        help="keys of the API's clients, a line `NAME TOKEN [requests_per_minute=N] "
        "[concurrent=N]` each; also read from the environment variable BONAFIDE_TOKENS",
    )
    add(
        "--allowed-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name by which clients may address the API; can be repeated (default: this "
        "machine's, or with --host any)",
    )
    add("--workers", type=_count, default=1, help="processes, each with the model (default 1)")
    add("--queue", type=_count, default=limits.queue, help="requests at once (default %(default)s)")
    add(
        "--max-mib",
        type=_count,
        default=limits.body_bytes // _MIB,
        help="size of a request in MiB (default %(default)s)",
    )
    add(
        "--memory-mib",
        type=_count,
        default=limits.memory_bytes // _MIB,
        help="size of all requests that are being answered, in MiB (default %(default)s)",
    )
    add(
        "--max-seconds",
        type=_count,
        default=int(limits.seconds),
        help="length of a recording (default %(default)s)",
    )
    add("--threads", type=_count, default=limits.threads, help="recordings decoded at once")
    add("--streams", type=_count, default=limits.streams, help="live streams (default %(default)s)")
    add(
        "--reload-seconds",
        type=float,
        default=10.0,
        help="how often a serving folder is searched for a newer version; 0: never "
        "(default %(default)g)",
    )
    add(
        "--log",
        choices=("auto", "json", "errors"),
        default="auto",
        help="json: a line for each request on standard error; auto: json unless it is a terminal",
    )
    return result


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 31):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _settings(options: argparse.Namespace) -> Settings:
    """Returns the settings of the command line.

    Raises:
        KeysError: Tokens are wrong, or missing where the API is reachable from elsewhere.
    """
    from bonafide.scoring.service.keys import VARIABLE, KeysError, read_keys

    keys = read_keys(options.tokens, os.environ.get(VARIABLE))
    if not (keys or options.no_api or is_loopback(options.host)):
        raise KeysError(
            f"expected tokens with --host {options.host}, got none. Name a file with --tokens, or "
            f"set {VARIABLE} (docs/service.md)."
        )
    limits = dataclasses.replace(
        Limits(),
        body_bytes=options.max_mib * _MIB,
        memory_bytes=max(options.memory_mib, options.max_mib) * _MIB,
        queue=options.queue,
        seconds=float(options.max_seconds),
        threads=options.threads,
        streams=options.streams,
    )
    return Settings(
        model=options.model,
        page_port=None if options.no_page else options.port,
        api_host=options.host,
        api_port=None if options.no_api else options.api_port,
        keys=keys,
        allowed_hosts=tuple(name.lower() for name in options.allowed_host),
        limits=limits,
        workers=options.workers,
        reload_seconds=options.reload_seconds,
        logs=options.log == "json" or (options.log == "auto" and not sys.stderr.isatty()),
    )


def _run(settings: Callable[[], Settings]) -> int:
    try:
        from bonafide.scoring.service import server
        from bonafide.scoring.service.keys import KeysError
        from bonafide.scoring.service.protocol import Protocol  # noqa: F401 (are they installed?)
    except ImportError as error:
        return _failed(f"serving needs an extra: pip install 'bonafide[service]' ({error})")
    try:
        server.run(settings())
    except (KeysError, ModelError, server.AddressError) as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return OK


def _failed(message: str) -> int:
    print(f"error: {visible_lines(message)}", file=sys.stderr)
    return FAILED
