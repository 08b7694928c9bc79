r"""`bonafide synthesize`: a corpus with spoofs from a folder of bona fide recordings.

    bonafide synthesize --list
    bonafide synthesize --bonafide calls/ --output corpora/calls-with-spoofs --copies 2 --seed 1
    bonafide synthesize --bonafide calls/ --output corpora/calls-with-spoofs \
        --engines auto,partial --texts sentences.txt --vocoder hifigan.onnx

It makes synthetic copies of the recordings, puts real and synthetic ones through the same chain,
and writes a manifest with splits by speaker and with engines that only eval has. Finished files are
kept when the command is repeated. docs/synthesize.md is the guide.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bonafide import corpora
from bonafide.audio import degradation_specs
from bonafide.command_line import CommandParser
from bonafide.settings import SettingsError
from bonafide.storage.text_files import FileError
from bonafide.synthesis import catalogue, corpus, originals, planning
from bonafide.synthesis.making import Making
from bonafide.text import listed, plural
from bonafide.version import described_version

OK, FAILED, SOME_FAILED, INTERRUPTED = 0, 1, 4, 130
# Both classes share their channel: what removes it makes training on them easier.
_NORMALISATION = "features.normalisation=utterance_mean"
EPILOG = f"""exit codes:
  {OK}    every file was made
  {FAILED}    no corpus: no recordings, or too many failures
  2    the command line is wrong
  {SOME_FAILED}    the corpus is complete except for a few failures (failures.tsv)
  {INTERRUPTED}  interrupted; the same command resumes"""


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    try:
        engines = catalogue.known(options.vocoder, options.command)
        if options.list:
            print(catalogue.listing(list(engines.values())))
            return OK
        for name in ("bonafide", "output"):
            if not getattr(options, name):
                parser.error(f"expected --{name} DIR, got nothing. Or see --list")
        _check(options)
    except SettingsError as error:
        parser.error(str(error))
    try:
        return _run(options, engines, _given(arguments), parser)
    except (FileError, corpus.CorpusFailedError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or options.output}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command resumes with the missing files", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def _run(
    options: argparse.Namespace,
    engines: Mapping[str, Any],
    given: str,
    parser: argparse.ArgumentParser,
) -> int:
    started = time.monotonic()
    root, output = (_absolute(place) for place in (options.bonafide, options.output))
    found = originals.read(root)
    splitting = corpora.Options(split=options.split or "", split_seed=options.seed)
    rows, notes = originals.with_splits(found, options.copies, splitting)
    texts = planning.Texts(originals.texts_from(options.texts) if options.texts else ())
    with_text = bool(texts.lines) or any("text" in dict(row.extra) for row in rows)
    try:
        chosen = catalogue.chosen(options.engines, dict(engines), with_text=with_text)
        shared = planning.share_out(
            chosen,
            frozenset(row.split for row in rows),
            options.seed,
            unseen_fraction=options.unseen_engines,
            eval_engines=[name for name in options.eval_engines.split(",") if name],
        )
    except SettingsError as error:
        parser.error(str(error))
    tasks = planning.plan(rows, shared, options.copies, options.seed, texts)
    copies = sum(len(task.copies) for task in tasks)
    print(f"Recordings  {len(rows):,} bona fide in {root}")
    for note in (*found.notes, *notes):
        print(f"Note        {note}")
    for split, own in shared.items():
        print(f"Engines     {split}: {', '.join(each.name for each in own)}")
    print(f"Copies      {copies:,} to make in {output}", flush=True)
    if copies < options.copies * len(rows):
        lacking = sum(len(task.copies) < options.copies for task in tasks)
        print(f"Note        {plural(lacking, 'recording')} get fewer copies: too few engines")
    pathlib.Path(output).mkdir(parents=True, exist_ok=True)
    making = Making(
        root=root,
        output=output,
        engines={each.name: each for each in chosen},
        rate=options.sample_rate,
        min_seconds=options.min_seconds,
        max_seconds=options.max_seconds,
        codec=options.channel,
        redo=options.redo,
    )
    if options.runner == "beam":
        results = corpus.on_beam(tasks, making, ["--runner=FnApiRunner", *options.beam_option])
    else:
        workers = options.workers or len(os.sched_getaffinity(0))
        results = corpus.in_processes(tasks, making, workers, _show)
    outcome = corpus.finish(
        results,
        pathlib.Path(output),
        named_speakers=found.named,
        most_failed=options.max_failures,
        facts={"command": given, "seed": options.seed, "version": described_version()},
        started=started,
    )
    return _report(outcome, output)


def _report(outcome: corpus.Outcome, output: str) -> int:
    summary = outcome.summary
    speed = summary["audio_seconds"] / max(summary["seconds"], 1e-3)
    print(
        f"Made        {summary['bonafide']:,} bona fide and {summary['spoof']:,} spoofed "
        f"recordings, {summary['audio_seconds'] / 60:,.1f} min, in {summary['seconds']:,.0f} s "
        f"({speed:,.0f} times real time; {plural(summary['kept_files'], 'file')} kept)"
    )
    if outcome.failures:
        named = [f"{name} {own['failed']}" for name, own in summary["engines"].items()]
        failed = [text for text in named if not text.endswith(" 0")]
        if summary["unusable_recordings"]:
            failed.append(plural(summary["unusable_recordings"], "unusable recording"))
        where = f"{output}/{corpus.FAILURES}"
        print(f"Failures    {len(outcome.failures):,}: {listed(failed, most=10)}; see {where}")
    print(
        f"\nTrain on it:\n  python local_runner.py --preset small-corpus --corpus {output} "
        f"--set {_NORMALISATION}"
    )
    return SOME_FAILED if outcome.failures else OK


def _show(done: int, count: int) -> None:
    if done == count or done % max(1, count // 20) == 0:
        print(f"  {done:,} of {count:,} recordings", flush=True)


def _check(options: argparse.Namespace) -> None:
    """Raises SettingsError for a value that argparse does not check."""
    if options.copies < 1:
        raise SettingsError("one copy or more", str(options.copies), "--copies")
    if not 0 <= options.unseen_engines < 1:
        raise SettingsError(
            "a share from 0 to 1", f"{options.unseen_engines:g}", "--unseen-engines"
        )
    if not 0 <= options.max_failures <= 1:
        raise SettingsError("a share from 0 to 1", f"{options.max_failures:g}", "--max-failures")
    if not 8_000 <= options.sample_rate <= 48_000:
        raise SettingsError("8000 to 48000 Hz", str(options.sample_rate), "--sample-rate")
    if not 0.3 <= options.min_seconds <= options.max_seconds <= 600:
        got = f"{options.min_seconds:g} and {options.max_seconds:g}"
        raise SettingsError("0.3 to 600 s, the second not shorter", got, "--min-, --max-seconds")
    if options.seed < 0:
        raise SettingsError("0 or more", str(options.seed), "--seed")
    if not options.channel:
        return
    try:
        steps = degradation_specs.parse(options.channel)
    except degradation_specs.DegradationError as error:
        raise SettingsError(str(error), repr(options.channel), "--channel") from error
    random = [step.name for step in steps if step.name in ("noise", "pink", "room")]
    levels = [step.name for step in steps if step.name in ("gain", "level")]
    if random or levels:
        raise SettingsError(
            "codecs, band limits and sampling rates", (random + levels)[0], "--channel"
        )


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = CommandParser(prog=prog, description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--list", action="store_true", help="list the engines, what is missing and how to get it")
    add(
        "--bonafide",
        metavar="DIR",
        help="folder of bona fide recordings: SPEAKER/*.wav, a manifest, or a corpus",
    )
    add("--output", metavar="DIR", help="folder of the corpus")
    add(
        "--engines",
        default=catalogue.AUTO,
        metavar="NAMES",
        help="auto (default), or names with commas; auto,-NAME leaves one out, auto,partial adds "
        "partly spoofed recordings",
    )
    add("--copies", type=int, default=2, metavar="N", help="copies of a recording (default 2)")
    add("--seed", type=int, default=1, metavar="N", help="of all that is drawn (default 1)")
    add("--texts", metavar="FILE", help="a text in each line, for text to speech")
    add(
        "--vocoder",
        action="append",
        default=[],
        metavar="FILE.onnx",
        help="a neural vocoder, mel in, waveform out, with FILE.yaml beside it; may be repeated",
    )
    add(
        "--command",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a program as an engine, with {text}, {in}, {voice}, {out}, {seed}; may be repeated",
    )
    add(
        "--eval-engines",
        default="",
        metavar="NAMES",
        help="engines that only eval has (default: a choice of --unseen-engines)",
    )
    add(
        "--unseen-engines",
        type=float,
        default=0.25,
        metavar="SHARE",
        help="share of the engines that only eval has (default %(default)s)",
    )
    add("--split", choices=corpora.SPLITS, help="put all recordings into one split")
    add(
        "--channel",
        default="",
        metavar="SPEC",
        help="code real and synthetic recordings by this channel, such as alaw (default: the "
        "codec of each source file, if it is lossy)",
    )
    add("--sample-rate", type=int, default=16_000, metavar="HZ", help="(default %(default)s)")
    add("--min-seconds", type=float, default=0.5, metavar="S", help="(default %(default)s)")
    add(
        "--max-seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="use an excerpt of longer recordings, where most is spoken (default %(default)s)",
    )
    add(
        "--max-failures",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="no corpus if a greater share of the files fails (default %(default)s)",
    )
    add("--redo", action="store_true", help="make files again that exist")
    add("--workers", type=int, default=0, metavar="N", help="processes (default: one a core)")
    add("--runner", choices=("processes", "beam"), default="processes", help="what makes the files")
    add(
        "--beam-option",
        action="append",
        default=[],
        metavar="--NAME=VALUE",
        help="an option of Beam, with --runner beam; may be repeated",
    )
    return parser


def _given(arguments: Sequence[str] | None) -> str:
    given = list(sys.argv[2:] if arguments is None else arguments)
    return "bonafide synthesize " + shlex.join(given)


def _absolute(place: str) -> str:
    return place if "://" in place else os.path.abspath(os.path.expanduser(place))  # noqa: PTH100, PTH111
