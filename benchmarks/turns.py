"""Processes that take turns at computing, so that whatever else runs is as hard on each of them.

A side of a comparison is a process of its own, which keeps what it has loaded. It reads a request
from standard input, a JSON object on a line, computes, and answers with another on standard output.
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
        command: What to run, in the repository.
        environment: Variables besides those of this process.
        says_ready: Whether it answers once by itself, before its first turn.

    Attributes:
        ready: What it said then, and `start_seconds` that it took; empty where it says nothing.

    Raises:
        RuntimeError: It ended before it was ready; see `turn`.
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
        """Lets it compute once.

        Args:
            request: What it is asked.

        Returns:
            Its answer, which holds `cpu_seconds`, and `others_share`: how much of the machine
            everything else took meanwhile.

        Raises:
            RuntimeError: It has ended; the message is the end of what it wrote to standard error.
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
        """Ends it."""
        # What it has not read, where it has ended by itself, cannot be written any more.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)
        self._errors.close()


@contextlib.contextmanager
def running(
    commands: Mapping[str, Sequence[str | pathlib.Path]], **options: Any
) -> Iterator[dict[str, Side]]:
    """Starts a side for each command, one after the other; in the end all are gone.

    Args:
        commands: Name of a side -> what to run.
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
    """Lets every side compute in each round; one round more goes before them, to warm up.

    Returns:
        Name of a side -> its answers, one a round.
    """
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in started}
    for number in range(rounds + 1):
        for name, side in started.items():
            answer = side.turn(request)
            if number:
                answers[name].append(answer)
    return answers


def busy_seconds() -> float:
    """Processor time that everything on the machine has taken since it started."""
    user, nice, system = pathlib.Path("/proc/stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")
