"""Watches a folder of voicemail and scores each new message.

    python examples/watch_voicemail.py /var/spool/asterisk/voicemail --report messages.jsonl

A message is scored once its size has stayed the same between two looks at the folder. Each gets a
line of JSON in the report; the report also says what has been scored, so that the program can be
stopped and started. A message that is not bona fide is named on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import time
from collections.abc import Iterator

import bonafide

SUFFIXES = (".wav", ".wav49", ".gsm", ".mp3", ".ogg", ".opus", ".m4a", ".amr")


def scored_before(report: pathlib.Path) -> set[str]:
    """Returns the paths in a report; a line that was cut off by a crash is skipped."""
    paths = set()
    if report.exists():
        for line in report.read_text(encoding="utf-8").splitlines():
            try:
                paths.add(json.loads(line)["path"])
            except (ValueError, KeyError):
                continue
    return paths


def complete(folder: pathlib.Path, sizes: dict[str, int]) -> Iterator[str]:
    """Yields recordings that have not grown since the last call; updates `sizes`."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            size = path.stat().st_size
            if size and sizes.get(str(path)) == size:
                yield str(path)
            sizes[str(path)] = size


def main() -> None:
    """Watches until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8766")
    parser.add_argument("--seconds", type=float, default=5.0, help="between two looks")
    parser.add_argument("--rounds", type=int, default=0, help="looks at the folder; 0: no end")
    options = parser.parse_args()
    done, sizes = scored_before(options.report), {}
    rounds = 0
    with (
        bonafide.Client(options.url, token=os.environ.get("BONAFIDE_TOKEN")) as client,
        options.report.open("a", encoding="utf-8", buffering=1) as report,
    ):
        while not options.rounds or rounds < options.rounds:
            for path in complete(options.folder, sizes):
                if path not in done:
                    done.add(path)
                    row = answer(client, path)
                    report.write(json.dumps(row) + "\n")
                    if row["decision"] != "bona fide":
                        print(f"{row['decision'] or row['error']}: {path!r}", flush=True)
            rounds += 1
            time.sleep(options.seconds)


def answer(client: bonafide.Client, path: str) -> dict:
    """Returns the row of a message; a message that cannot be scored has an `error`."""
    try:
        [found] = client.score(path, segments=False).recordings
    except bonafide.ApiError as error:
        if error.code != "unusable_audio":  # the service is at fault, not the message
            raise
        return {"path": path, "decision": None, "error": str(error)}
    return {**found.raw, "path": path}


if __name__ == "__main__":
    main()
