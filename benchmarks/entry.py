"""The first minutes: time of `bonafide init`, and of the first line that each command shows.

    python -m benchmarks.entry --json FILE [--files 100000] [--rounds 3]

`init`: two flat folders of N small files, half of each class. `bonafide init` runs as a command,
and alternates with a process that only walks the folders with `os.scandir` and `stat`, which is the
least that a program can do that knows the sizes. Medians of the rounds, in seconds of wall-clock
and CPU time, and their ratio, which says more than seconds on a busy machine.

`first lines`: each command runs on a terminal of its own, and is ended after what is looked for:
any line, or the first that says something of the corpus. Bytecode is compiled before.
"""

from __future__ import annotations

import json
import os
import pathlib
import pty
import re
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from bonafide.command_line import CommandParser
from bonafide.scoring.demo.package import EXAMPLES, MODEL
from bonafide.version import REPOSITORY

WALK = """
import os, sys
pending, found = [sys.argv[1]], 0
while pending:
    with os.scandir(pending.pop()) as items:
        for item in items:
            if item.is_dir(follow_symlinks=False):
                pending.append(item.path)
            else:
                found += item.stat().st_size > 0
print(found)
"""
LONGEST_SECONDS = 120
BONAFIDE = (sys.executable, "-m", "bonafide")


def make_files(root: pathlib.Path, number: int) -> pathlib.Path:
    """Fills two flat folders with files, half of each class."""
    for kind in ("real", "fake"):
        (root / kind).mkdir(parents=True)
        for index in range(number // 2):
            (root / kind / f"{kind[0]}{index}.wav").write_bytes(b"RIFF")
    return root


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Runs a command; returns its wall-clock and CPU seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_init(root: pathlib.Path, rounds: int, scratch: pathlib.Path) -> dict[str, float]:
    """Alternates `bonafide init` and the bare walk; returns medians and their ratio."""
    commands = {
        "init": (*BONAFIDE, "init", str(root), "--force", "--output", str(scratch / "run.yaml")),
        "walk": (sys.executable, "-c", WALK, str(root)),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(timed(command))
    result = {
        f"{name}_{kind}_seconds": statistics.median(pair[place] for pair in pairs)
        for name, pairs in found.items()
        for place, kind in enumerate(("wall", "cpu"))
    }
    result["init_over_walk_cpu"] = result["init_cpu_seconds"] / result["walk_cpu_seconds"]
    return result


def seconds_to_line(command: Sequence[str], pattern: str, cwd: pathlib.Path) -> float | None:
    """Runs a command on a terminal, and ends it; returns when a line with the pattern was there.

    Args:
        command: The command.
        pattern: A regular expression.
        cwd: Its working directory.

    Returns:
        Seconds from the start; None if it ended, or two minutes passed, without such a line.
    """
    main, terminal = pty.openpty()
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"},
        start_new_session=True,
    )
    os.close(terminal)
    text, found = "", None
    try:
        while found is None and time.perf_counter() - started < LONGEST_SECONDS:
            if not select.select([main], [], [], 0.05)[0]:
                continue
            try:
                text += os.read(main, 65536).decode(errors="replace")
            except OSError:  # the command has ended
                break
            if re.search(pattern, text):
                found = time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()
        os.close(main)
    return found


def first_lines(root: pathlib.Path, scratch: pathlib.Path) -> dict[str, float | None]:
    """Returns the seconds until each command has said something."""
    recording, model = str(EXAMPLES[0].path), str(MODEL)
    runner = (sys.executable, str(REPOSITORY / "local_runner.py"), "--output", str(scratch / "out"))
    line = r"\S[^\n]*\n|loading"
    commands: dict[str, tuple[Sequence[str], str]] = {
        "init": ((*BONAFIDE, "init", str(root), "--output", str(scratch / "a.yaml")), line),
        "init, first finding": (
            (*BONAFIDE, "init", str(root), "--output", str(scratch / "b.yaml")),
            "Finding ",
        ),
        "demo": ((*BONAFIDE, "demo", "--no-page"), line),
        "demo, first verdict": ((*BONAFIDE, "demo", "--no-page"), "score [+-]"),
        "score": ((*BONAFIDE, "score", "--model", model, recording), line),
        "serve": ((*BONAFIDE, "serve", "--model", model, "--port", "0"), line),
        "versions": ((*BONAFIDE, "versions", str(scratch)), line),
        "evaluate": ((*BONAFIDE, "evaluate", "--scores", "no", "--protocol", "no"), line),
        "bulk": ((*BONAFIDE, "bulk", "none.txt", "--output", str(scratch / "bulk")), line),
        "edge": ((*BONAFIDE, "edge", "--model", model, "--output", str(scratch / "m")), line),
        "client": ((*BONAFIDE, "client", recording, "--url", "http://127.0.0.1:9"), line),
        "local_runner.py": (runner, line),
        "local_runner.py, first finding": ((*runner, "--corpus", str(scratch / "none")), "error:"),
        "local_runner.py, corpus read": (runner, "data   "),
        "kubeflow_runner.py": (
            (sys.executable, str(REPOSITORY / "kubeflow_runner.py"), "compile", "--set", "x=1"),
            line,
        ),
    }
    return {
        name: seconds_to_line(command, pattern, scratch)
        for name, (command, pattern) in commands.items()
    }


def main() -> None:
    """Measures and writes the figures."""
    parser = CommandParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=int, default=100_000, help="(default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        root = make_files(scratch / "corpus", options.files)
        small = make_files(scratch / "small", 200)
        first_lines(small, scratch)  # compiles the bytecode
        for path in scratch.glob("*.yaml"):
            path.unlink()
        report = {
            "files": options.files,
            "load_average": os.getloadavg()[0],
            "init": measure_init(root, options.rounds, scratch),
            "first_line_seconds": first_lines(small, scratch),
        }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
