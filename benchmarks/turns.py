"""Processes that compute in turns, so that other load on the machine affects all of them equally.

Each side of a comparison is a process that keeps its state. It reads requests from standard input,
one JSON object per line, computes, and writes a response to standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


class Side:
    """A process that waits for its turns.

    Args:
        command: Command, run in the repository.
        environment: Additional environment variables.
        says_ready: Whether it writes a response when it is ready, before its first turn.

    Attributes:
        ready: This response, with `start_seconds`; empty without one.

    Raises:
        RuntimeError: The process ended before it was ready; see `turn`.
    """

    def __init__(
        self,
        command: Sequence[str | pathlib.Path],
        *,
        environment: Mapping[str, str],
        says_ready: bool = False,
    ) -> None:
        began = time.perf_counter()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (`close` does)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **environment},
        )
        self.ready: dict[str, Any] = {}
        if says_ready:
            try:
                self.ready = self._answer()
            except RuntimeError:
                self.close()
                raise
            self.ready["start_seconds"] = time.perf_counter() - began

    def turn(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the response.

        Args:
            request: The request.

        Returns:
            The response, with `cpu_seconds` and `others_share`, the share of the machine that
            other processes used meanwhile.

        Raises:
            RuntimeError: The process has ended; the message is the end of its standard error.
        """
        before, began = busy_seconds(), time.perf_counter()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        answer = self._answer()
        others = busy_seconds() - before - answer["cpu_seconds"]
        cores = len(os.sched_getaffinity(0))
        answer["others_share"] = max(0.0, others / (time.perf_counter() - began) / cores)
        return answer

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"a side has ended: {self._errors.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        # Unread input of a process that has ended cannot be written.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)
        self._errors.close()


@contextlib.contextmanager
def running(
    commands: Mapping[str, Sequence[str | pathlib.Path]], **options: Any
) -> Iterator[dict[str, Side]]:
    """Starts a side for each command sequentially; ends all of them at exit.

    Args:
        commands: Name of a side -> command.
        **options: See `Side`.
    """
    with contextlib.ExitStack() as stack:
        started = {}
        for name, command in commands.items():
            started[name] = Side(command, **options)
            stack.callback(started[name].close)
        yield started


def take_turns(
    started: Mapping[str, Side], request: Mapping[str, Any], *, rounds: int
) -> dict[str, list[dict[str, Any]]]:
    """Runs every side in each round, after one warm-up round.

    Returns:
        Name of a side -> its responses, one per round.
    """
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in started}
    for number in range(rounds + 1):
        for name, side in started.items():
            answer = side.turn(request)
            if number:
                answers[name].append(answer)
    return answers


def busy_seconds() -> float:
    """Returns the CPU time of all processes of the machine since its start."""
    user, nice, system = pathlib.Path("/proc/stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")
