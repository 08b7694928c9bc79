"""`bonafide init CORPUS`: looks at a folder in seconds and writes a first file of settings."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence

from bonafide import corpora
from bonafide.command_line import CommandParser
from bonafide.corpora import counts
from bonafide.corpora.init.look import Look, look_at
from bonafide.corpora.init.settings_file import run_yaml
from bonafide.settings import SettingsError
from bonafide.storage.local_files import LocalFiles
from bonafide.text import plural


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command; returns 0, 1 if the corpus cannot be used, 2 for a wrong command line."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    target = pathlib.Path(options.output)
    if target.exists() and not options.force:
        parser.error(
            f"expected a new file, got {target}, which exists (--output). Name another, or add "
            "--force to replace it."
        )
    try:
        given = corpora.Options.parse(options.option)
        corpora.check(options.layout, given)
    except SettingsError as error:
        parser.error(str(error))
    root = options.corpus
    if "://" not in root:
        root = os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111 (as the runner)
    print(f"Corpus    {root}", flush=True)
    try:
        with without_garbage_collection():
            look = look_at(LocalFiles(root).at(root), options.layout, given)
    except (corpora.CorpusError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(describe(look, os.cpu_count() or 1))
    try:
        target.write_text(run_yaml(look, given.changed()), encoding="utf-8")
    except OSError as error:
        print(f"error: cannot write {target}: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"\nWrote {target}. From a checkout of Bonafide:\n"
        f"  .venv/bin/python local_runner.py --config {target} --until DataGate   read and check\n"
        f"  .venv/bin/python local_runner.py --config {target}                    train and gate"
    )
    return 0


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turns the collection of reference cycles off: rows of a corpus have none, and are many."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=prog,
        description="Shows what a folder of recordings is, what is wrong with it, which preset "
        "fits, and how long a run takes; writes a file of settings for local_runner.py --config. "
        "Decodes no audio.",
    )
    parser.add_argument("corpus", metavar="CORPUS", help="folder of the corpus, or its URI")
    parser.add_argument(
        "--layout",
        default=corpora.AUTO,
        metavar="NAME",
        help="how it is laid out (default: auto, recognised from the files; docs/corpora.md)",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the layout, such as split=eval; may be given several times",
    )
    parser.add_argument(
        "--output", default="run.yaml", metavar="FILE", help="file to write (default: run.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    return parser


def describe(look: Look, cores: int) -> str:
    """Returns what there is to say about a corpus, a line for each fact.

    Args:
        look: At the corpus.
        cores: CPU cores, for the estimate of the duration.
    """
    bonafide, spoof = look.total(corpora.BONAFIDE), look.total(corpora.SPOOF)
    hours = ""
    if look.hours is not None:
        hours = f", about {_duration(60 * look.hours)}"
    attacks = frozenset[str]().union(*look.attacks.values())
    speakers = "not named"
    if look.speakers is not None:
        speakers = ", ".join(f"{split} {number:,}" for split, number in look.speakers.items())
    lines = [
        f"Layout    {look.layout}",
        f"Audio     {bonafide + spoof:,} recordings: {bonafide:,} bona fide, {spoof:,} spoofed; "
        f"{look.megabytes:,.0f} MB{hours}",
        f"Splits    {counts.described(look.counts)} (bona fide + spoofed)",
        f"Speakers  {speakers}",
        f"Attacks   {plural(len(attacks), 'attack')}",
        *(f"Note      {note}" for note in look.notes),
        *("Finding   " + finding.replace("\n", "\n          ") for finding in look.findings),
    ]
    if "train" in look.counts:
        lines += [
            f"Preset    {look.preset}, for {plural(look.train, 'recording')} in train",
            f"Time      about {_duration(look.minutes(cores))} on {plural(cores, 'core')} without "
            "a GPU (an estimate, within a factor of two)",
        ]
    return "\n".join(lines)


def _duration(minutes: float) -> str:
    return f"{max(1, round(minutes)):,} min" if minutes < 120 else f"{minutes / 60:,.0f} h"
