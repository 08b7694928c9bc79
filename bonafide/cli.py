"""The command `bonafide`: one entry, a sub-command for each job.

A sub-command's options live beside what it starts, and its module is imported only when it is
called, so that `bonafide --help` answers at once.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn


class Command(NamedTuple):
    """A sub-command.

    Attributes:
        module: Where its `main(arguments, prog)` is.
        summary: One line for `--help`.
        unprintable: Error handler for characters that the terminal lacks: paths stay recognisable
            with `backslashreplace`, tables stay aligned with `replace`.
        loading: What takes seconds to load before it can say anything; said on a terminal.
    """

    module: str
    summary: str
    unprintable: str = "backslashreplace"
    loading: str = ""


COMMANDS = {
    "init": Command(
        "bonafide.corpora.init.command", "look at a corpus, and write settings to train on it"
    ),
    "demo": Command(
        "bonafide.scoring.demo.command", "verdicts by a small model that comes with the library"
    ),
    "synthesize": Command(
        "bonafide.synthesis.command", "make a corpus with spoofs from bona fide recordings"
    ),
    "score": Command("bonafide.scoring.command", "score recordings with a pushed model"),
    "serve": Command(
        "bonafide.scoring.serve",
        "serve a page to drop recordings on, and an HTTP API for programs",
        loading="the model",
    ),
    "bulk": Command(
        "bonafide.scoring.bulk.command",
        "score lists of any length, on Beam",
        loading="Apache Beam",
    ),
    "evaluate": Command(
        "bonafide.report.command", "evaluate the score file of any detector", "replace"
    ),
    "report": Command(
        "bonafide.report.review.command", "open the report of a run, or write the review page"
    ),
    "versions": Command("bonafide.registry.command", "list pushed versions, roll back, prune"),
    "edge": Command("bonafide.scoring.edge.command", "convert a pushed model to LiteRT"),
    "client": Command("bonafide.serving.client", "score recordings on a model server"),
    "load": Command("bonafide.serving.load", "load test a model server"),
}


def usage() -> str:
    """Returns the text of `bonafide --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: bonafide COMMAND [options]",
            "",
            "Detects synthetic and converted speech.",
            "",
            "commands:",
            *lines,
            "",
            "options:",
            "  --help     show this text, or that of a command: bonafide COMMAND --help",
            "  --version  show the version",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a sub-command and returns its exit code; 2 if there is no such command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if given else sys.stderr)
        return 0 if given else 2
    name, *rest = given
    if name == "--version":
        from bonafide.version import described_version

        print(f"bonafide {described_version()}")
        return 0
    if name not in COMMANDS:
        from bonafide.text import did_you_mean

        advice = did_you_mean(name, COMMANDS, list_all=False) or "See bonafide --help."
        print(f"bonafide: expected a command, got {name!r}. {advice}", file=sys.stderr)
        return 2
    # TensorFlow reads it once, when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if COMMANDS[name].loading and sys.stderr.isatty():
        print(f"loading {COMMANDS[name].loading} ...", file=sys.stderr, flush=True)
    run: Callable[..., int] = importlib.import_module(COMMANDS[name].module).main
    return run(rest, prog=f"bonafide {name}")


def run_script(name: str) -> NoReturn:
    """Runs a sub-command as a script of a checkout (`score.py`, `evaluate.py`), and exits."""
    _set_error_handler(COMMANDS[name].unprintable)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(importlib.import_module(COMMANDS[name].module).main())


def script() -> None:
    """Entry point of the installed command."""
    command = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    _set_error_handler(command.unprintable if command else "replace")
    sys.exit(main())


def _set_error_handler(unprintable: str) -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=unprintable)
