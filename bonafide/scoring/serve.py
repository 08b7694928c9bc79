"""Serves a local page that scores dropped files and microphone recordings.

bonafide serve
bonafide serve --model output/sample/serving/sample --port 8080
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bonafide.command_line import CommandParser
from bonafide.scoring import arguments
from bonafide.scoring.model import ModelError, Scorer, find_model, read_model

OK = 0
FAILED = 1
INTERRUPTED = 130
DEFAULT_PORT = 8765


def port(text: str) -> int:
    """Returns a port from 0 (any free one) to 65535, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = CommandParser(
        prog=prog,
        description=__doc__,
    )
    arguments.add_model(command_line)
    command_line.add_argument(
        "--port", type=port, default=DEFAULT_PORT, help="(default %(default)s)"
    )
    options = command_line.parse_args(argv)
    return serve(options.model, options.port)


def serve(model_folder: str | None, port: int) -> int:
    """Serves the page until it is interrupted, and returns the exit code.

    Args:
        model_folder: As `find_model`.
        port: Port on 127.0.0.1; 0 for any free one.
    """
    try:
        from bonafide.scoring import web
    except ImportError as error:
        return _failed(f"the page needs aiohttp: pip install aiohttp ({error})")
    try:
        model = read_model(find_model(model_folder))
        web.run(model, Scorer(model), port)
    except ModelError as error:
        return _failed(str(error))
    except OSError as error:  # the port is in use
        reason = os.strerror(error.errno) if error.errno else str(error)
        return _failed(f"port {port}: {reason}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return OK


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return FAILED
