r"""Evaluates the scores of any detector: every figure with its 95 % interval, by attack.

    bonafide evaluate --scores scores.txt --protocol ASVspoof2019.LA.cm.eval.trl.txt
    bonafide evaluate --scores new.txt --baseline old.txt --protocol eval.txt --html report.html
    bonafide evaluate --scores eval.txt --protocol eval.trl.txt \
        --dev-scores dev.txt --dev-protocol dev.trl.txt --asv-scores asv.eval.txt --json out.json
    bonafide evaluate --scores new.txt --protocol eval.txt --max-eer 0.05
    bonafide evaluate --scores eval.txt --protocol eval.trl.txt --dev-scores dev.txt \
        --dev-protocol dev.trl.txt --condition mp3:64k=eval.mp3.txt --condition phone=eval.8k.txt

Higher scores mean more bona fide (otherwise see --lower-is-bonafide).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import hashlib
import importlib.util
import json
import os
import pathlib
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from bonafide import text
from bonafide.metrics import asv_scores
from bonafide.report import limits, measures
from bonafide.settings import SettingsError
from bonafide.storage import files as output_files
from bonafide.storage import text_files
from bonafide.storage.files import printable
from bonafide.storage.text_files import FileError
from bonafide.trials import keys, layouts, protocols, score_files
from bonafide.trials.trials import Trials, TrialsError
from bonafide.version import described_version

# Imported where it is needed: it takes two seconds, and errors in the input are reported first.
if TYPE_CHECKING:
    from bonafide.metrics.gate import Verdict
    from bonafide.metrics.results import Comparison, Evaluation
    from bonafide.metrics.treated import TreatedTrials

AS_RECORDED = "as_recorded"  # of `bonafide.metrics.treated`, which takes long to import
OK = 0
FAILED = 1
REFUSED = 3
_MOST_ATTACKS = 30  # on the console; JSON and HTML have them all
_ASCII = {0x2212: "-", 0xA0: " "}  # typographic characters that some terminals lack

FORMATS = f"""score files (detected from the content):
  UTTERANCE SCORE
  UTTERANCE SYSTEM KEY SCORE      checked against the protocol
  filename<TAB>cm-score           and any CSV or TSV whose header names utterance and score
protocols (detected from the content):
  ASVspoof 2019 LA and PA, 2021 LA, PA and DF (see --subset), ASVspoof 5;
  In-the-Wild's meta.csv, and any CSV or TSV whose header names utterance and key (or label),
  and optionally speaker and system
Both files must name the same utterances, in any order. If ids differ, audio extensions and then
folders are removed to match them (flac/LA_E_1.flac and LA_E_1).

exit codes:
  {OK}  done
  {FAILED}  a file cannot be read, is malformed or does not fit the others
  2  the command line is wrong
  {REFUSED}  a limit of --gate, --max-eer and the like is not kept; all outputs are written"""


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = argparse.ArgumentParser(
        prog=prog,
        description=__doc__,
        epilog=FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = result.add_argument
    add("--scores", metavar="FILE", required=True, help="scores of the detector")
    add("--protocol", metavar="FILE", required=True, help="the trials and their keys")
    add("--asv-scores", metavar="FILE", help="speaker verifier on the same split, for the t-DCF")
    add("--baseline", metavar="FILE", help="scores of another detector on the same trials")
    add(
        "--dev-scores",
        metavar="FILE",
        help="scores on a development set: thresholds are chosen there and frozen "
        "(without it, on the evaluated trials, which makes error rates optimistic)",
    )
    add("--dev-protocol", metavar="FILE", help="the trials of the development set")
    add(
        "--condition",
        metavar="NAME=FILE",
        action="append",
        default=[],
        type=condition,
        help="scores of the same trials whose recordings were degraded (coded, filtered, with "
        "noise); may be given several times. FAR and FRR need --dev-scores",
    )
    subsets = (*layouts.SUBSETS, layouts.ALL)
    add(
        "--subset",
        choices=subsets,
        default="eval",
        help="trials of an ASVspoof 2021 protocol to evaluate (default %(default)s)",
    )
    add(
        "--dev-subset",
        choices=subsets,
        default="progress",
        help="the same for --dev-protocol (default %(default)s)",
    )
    add(
        "--columns",
        metavar="NAMES",
        type=columns_of(score_files.COLUMNS),
        default=(),
        help="columns of the score files, which have no header then: utterance, score, system, "
        "key, and - for others, such as --columns utterance,-,score",
    )
    add(
        "--protocol-columns",
        metavar="NAMES",
        type=columns_of(protocols.COLUMNS),
        default=(),
        help="the same of the protocols: utterance, key, speaker, attack and -",
    )
    add(
        "--keys",
        metavar="BONAFIDE,SPOOF",
        type=key_words,
        default=keys.NO_WORDS,
        help="how the files write the keys, such as --keys 1,0 where 1 is bona fide",
    )
    add(
        "--lower-is-bonafide",
        action="store_true",
        help="negate the scores of --scores, --dev-scores, --baseline and --condition; thresholds "
        "are then those of the negated scores",
    )
    add("--json", metavar="OUT", help="write all figures and their provenance")
    add("--html", metavar="OUT", help="write a self-contained report page")
    add(
        "--resamples",
        metavar="N",
        type=whole,
        help="resamples of the bootstrap (default 1000; 0: no intervals)",
    )
    add("--seed", metavar="N", type=whole, help="seed of the bootstrap (default 1)")
    add("--title", metavar="TEXT", help="name of the system (default: name of the score file)")
    limits.add_options(result)
    return result


def whole(argument: str) -> int:
    """Returns a whole number from 0, for argparse."""
    if not argument.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {argument!r}")
    return int(argument)


def columns_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Returns a reader of names of columns, for argparse; the first two are required."""

    def read(argument: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in argument.split(","))
        named = [name for name in names if name != "-"]
        if {*named} - {*known} or len({*named}) < len(named) or not {*known[:2]} <= {*named}:
            raise argparse.ArgumentTypeError(
                f"expected {known[0]}, {known[1]}, if there are {' and '.join(known[2:])}, and - "
                f"for other columns, in the order of the file, got {argument!r}"
            )
        return names

    return read


def key_words(argument: str) -> keys.KeyWords:
    """Returns how keys are written, for argparse."""
    bonafide, comma, spoof = argument.partition(",")
    if not (bonafide and comma and spoof) or bonafide == spoof:
        raise argparse.ArgumentTypeError(f"expected BONAFIDE,SPOOF, such as 1,0, got {argument!r}")
    return keys.KeyWords(bonafide, spoof)


def condition(argument: str) -> tuple[str, str]:
    """Returns name and file of a condition, for argparse."""
    name, equals, path = argument.partition("=")
    if not (name and equals and path) or name == AS_RECORDED:
        raise argparse.ArgumentTypeError(f"expected NAME=FILE, got {argument!r}")
    return name, path


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = parser(prog)
    arguments = sys.argv[1:] if arguments is None else arguments
    options = command_line.parse_args(arguments)
    if (options.dev_scores is None) != (options.dev_protocol is None):
        command_line.error("expected --dev-scores and --dev-protocol together")
    names = [name for name, _ in options.condition]
    if len({*names}) < len(names):
        command_line.error("expected another name for each --condition")
    inputs = {os.path.realpath(path) for path in Files.given(options)}
    outputs = [os.path.realpath(path) for path in (options.json, options.html) if path is not None]
    if inputs & set(outputs) or len(set(outputs)) < len(outputs):
        command_line.error("expected different files for --json, --html and each input")
    try:
        for path in outputs:
            refuse_unwritable(path)
        if options.html is not None:
            require_the_extra()
        named = limits.limits_of(options)
        verdict = run(options, shlex.join([*(prog or "evaluate.py").split(), *arguments]), named)
    except (TrialsError, FileError, SettingsError) as error:
        return failed(str(error))
    return OK if verdict is None or verdict.passed else REFUSED


def failed(message: str) -> int:
    """Prints the error, and returns the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return FAILED


def run(
    options: argparse.Namespace, command: str, named: limits.Limits | None = None
) -> Verdict | None:
    """Reads, evaluates, shows and writes; returns the verdict of the limits, if there are any."""
    files = Files(
        lower_is_bonafide=options.lower_is_bonafide,
        columns=options.columns,
        protocol_columns=options.protocol_columns,
        key_words=options.keys,
    )
    protocol = files.protocol(options.protocol, options.subset)
    trials = files.trials(options.scores, protocol)
    asv = dev = baseline = None
    if options.asv_scores is not None:
        asv = asv_scores.parse_asv_scores(files.text(options.asv_scores), where=options.asv_scores)
    if options.dev_scores is not None:
        dev = files.trials(
            options.dev_scores, files.protocol(options.dev_protocol, options.dev_subset)
        )
    if options.baseline is not None:
        baseline = files.trials(options.baseline, protocol)
    degraded = {name: files.trials(path, protocol) for name, path in options.condition}
    trials, *others = in_common([trials, *([baseline] if baseline else []), *degraded.values()])
    baseline_scores = others.pop(0).scores if baseline else None
    degraded_scores = {name: other.scores for name, other in zip(degraded, others, strict=True)}

    from bonafide.metrics import evaluation, evaluation_json, results, treated

    found = evaluation.evaluate(
        trials,
        asv=asv,
        dev=dev,
        baseline_scores=baseline_scores,
        resamples=evaluation.RESAMPLES if options.resamples is None else options.resamples,
        seed=evaluation.SEED if options.seed is None else options.seed,
    )
    found = dataclasses.replace(found, warnings=(*found.warnings, *files.warnings))
    conditions = None
    if degraded:
        conditions = treated.compare(
            trials,
            degraded_scores,
            threshold=results.frozen_threshold(found),
            resamples=found.bootstrap.resamples,
            seed=found.bootstrap.seed,
        )
    verdict = named.decide(found, conditions) if named else None
    title = printable(options.title or pathlib.Path(options.scores).name)
    provenance = {
        "sha256": {printable(path): digest for path, digest in files.sha256.items()},
        "version": described_version(),
        "command": printable(command),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    if options.json is not None:
        data = evaluation_json.to_json(found) | {"provenance": provenance}
        if conditions is not None:
            data["conditions"] = treated.to_json(conditions)
        if named is not None and verdict is not None:
            data["gate"] = verdict.to_json() | {"source": printable(named.source)}
        write(options.json, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if options.html is not None:
        baseline_name = printable(pathlib.Path(options.baseline or "").name)
        page = html(
            provenance,
            title=title,
            evaluation=found,
            trials=trials,
            dev=dev,
            baseline_name=baseline_name,
            baseline_scores=baseline_scores,
            conditions=conditions,
            verdict=verdict,
            limits_of=named.source if named else "",
        )
        write(options.html, page)
    # Last, so that a reader of the tables who stops early (`| head`) does not stop the files.
    console = Console(highlight=False, markup=False, soft_wrap=False)
    show(found, title, console, conditions)
    show_verdict(verdict, named, console)
    return verdict


def show_verdict(verdict: Verdict | None, named: limits.Limits | None, console: Console) -> None:
    """Prints whether the limits are kept, and which are not."""
    if verdict is None or named is None:
        console.print(
            "No gate was applied: no figure was compared with a limit (--max-eer and others, or "
            "--gate FILE)."
        )
        return
    number = text.plural(len(verdict.rules), "limit")
    if verdict.passed:
        console.print(
            visible(f"Gate passed: {number} kept, of {named.source}."), style="bold green"
        )
        return
    console.print(visible(f"Gate refused, by {named.source}:"), style="bold red")
    for failure in verdict.failures:
        console.print(visible(f"  {failure}"))


class Files:
    """Reads the input files, each once, and keeps their digests.

    Attributes:
        sha256: Path as it was given -> digest of the content.
        warnings: What a reader of the figures must know about the files.
    """

    def __init__(
        self,
        *,
        lower_is_bonafide: bool,
        columns: Sequence[str] = (),
        protocol_columns: Sequence[str] = (),
        key_words: keys.KeyWords = keys.NO_WORDS,
    ) -> None:
        self.sha256: dict[str, str] = {}
        self.warnings: list[str] = []
        self._negated = lower_is_bonafide
        self._columns = columns
        self._protocol_columns = protocol_columns
        self._key_words = key_words

    @staticmethod
    def given(options: argparse.Namespace) -> list[str]:
        """Returns the paths of all inputs."""
        names = (
            *("scores", "protocol", "asv_scores", "baseline", "dev_scores", "dev_protocol"),
            "gate",
        )
        paths = [path for name in names if (path := getattr(options, name)) is not None]
        return [*paths, *(path for _, path in options.condition)]

    def text(self, path: str) -> str:
        """Returns the content of a file."""
        data = text_files.read_bytes(path)
        self.sha256[path] = hashlib.sha256(data).hexdigest()
        return text_files.decode_text(data, path)

    def protocol(self, path: str, subset: str) -> protocols.Protocol:
        """Returns a protocol."""
        return protocols.parse_protocol(
            self.text(path),
            where=path,
            subset=subset,
            columns=self._protocol_columns,
            key_words=self._key_words,
        )

    def trials(self, path: str, protocol: protocols.Protocol) -> Trials:
        """Returns the trials of a protocol with the scores of a file."""
        scores = score_files.parse_scores(
            self.text(path), where=path, columns=self._columns, key_words=self._key_words
        )
        if scores.failed:
            names = text.listed([*map(visible, scores.failed)])
            self.warnings.append(
                f"{text.plural(len(scores.failed), 'utterance')} could not be scored and "
                f"{'is' if len(scores.failed) == 1 else 'are'} left out "
                f"({visible(path)}): {names}. The figures do not count these failures."
            )
        return score_files.match(scores.negated() if self._negated else scores, protocol)


def in_common(systems: Sequence[Trials]) -> list[Trials]:
    """Returns the trials of several systems that all of them have scored."""
    names = [system.utterances for system in systems]
    if all(np.array_equal(names[0], other) for other in names[1:]):
        return list(systems)
    common = functools.reduce(np.intersect1d, names)
    return [system.part(np.isin(system.utterances, common)) for system in systems]


def show(
    found: Evaluation, title: str, console: Console, conditions: TreatedTrials | None = None
) -> None:
    """Prints everything for people."""
    from bonafide.report import facts

    how, attacks = found.bootstrap, len(found.per_attack)
    console.print(visible(title), style="bold")
    speakers = ""
    if found.n_speakers is not None:
        speakers = f", {text.plural(found.n_speakers, 'speaker')}" + facts.speakers_by_class(found)
    trials = text.plural(found.n_bonafide + found.n_spoof, "trial")
    console.print(
        f"{trials}: {found.n_bonafide:,} bona fide, "
        f"{found.n_spoof:,} spoofed ({text.plural(attacks, 'attack')}){speakers}"
    )
    if how.resamples:
        console.print(
            f"95 % intervals from {text.plural(how.resamples, 'resample')} of "
            f"{text.plural(how.clusters, how.unit)}, seed {how.seed}"
        )
    console.print(figures_table(found))
    if found.comparison is not None:
        console.print(comparison_table(found.comparison))
    console.print(attacks_table(found))
    if attacks > _MOST_ATTACKS:
        console.print(f"and {text.plural(attacks - _MOST_ATTACKS, 'easier attack')}: see --json")
    console.print(points_table(found))
    if conditions is not None:
        console.print(conditions_table(conditions))
    for warning in found.warnings:
        console.print(f"Warning: {warning}", style="yellow")


def figures_table(found: Evaluation) -> Table:
    """Returns every figure with its interval."""
    table = _table("Figures", "", "value", "95 % interval")
    for name, measure in measures.MEASURES.items():
        if figure := found.figures.get(name):
            label = measure.title
            if name == "worst_attack_eer":
                label += f" ({found.worst_attack})"
            table.add_row(
                visible(label),
                visible(text.figure(figure.value, measure.unit)),
                visible(text.interval(figure.ci95, measure.unit)),
                style="bold" if name == "eer" else None,
            )
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Returns the figures of the baseline and the differences; significant ones are coloured."""
    from bonafide.metrics.results import HIGHER_IS_BETTER

    table = _table("Comparison with the baseline", "", "baseline", "difference", "95 % interval")
    for name, measure in measures.MEASURES.items():
        if difference := comparison.differences.get(name):
            style = None
            if difference.ci95 is not None and difference.ci95[0] * difference.ci95[1] > 0:
                better = (difference.value > 0) == (name in HIGHER_IS_BETTER)
                style = "green" if better else "red"
            table.add_row(
                visible(measure.title),
                visible(text.figure(comparison.figures[name].value, measure.unit)),
                visible(text.difference(difference.value, measure.unit)),
                visible(text.difference_interval(difference.ci95, measure.unit)),
                style=style,
            )
    chance = text.p_value(comparison.p_value)
    table.caption = "Differences are this detector minus the baseline; rates in percentage points."
    if chance:
        table.caption += f"\n{chance} for equal EERs (two-sided)"
    return table


def attacks_table(found: Evaluation) -> Table:
    """Returns the attacks, worst first."""
    theirs = found.comparison.per_attack if found.comparison is not None else None
    columns = ["attack", "spoofs", "EER", "95 % interval"] + ["baseline"] * (theirs is not None)
    table = _table("EER by attack, worst first", *columns)
    ranked = sorted(found.per_attack.items(), key=lambda item: (-item[1].eer, item[0]))
    for name, attack in ranked[:_MOST_ATTACKS]:
        row = [name, text.count(attack.n_spoof), text.rate(attack.eer)]
        row.append(text.interval(attack.ci95, "rate"))
        if theirs is not None:
            row.append(text.rate(theirs[name].eer))
        table.add_row(*map(visible, row))
    return table


def points_table(found: Evaluation) -> Table:
    """Returns the thresholds and their error rates."""
    table = _table("Thresholds", "for", "from", "threshold", "FAR %", "95 %", "FRR %", "95 %")
    table.columns[0].no_wrap = True  # our own names, all short
    for point in found.operating_points:
        row = [measures.OPERATING_POINTS.get(point.name, point.name), point.chosen_on]
        row.append(text.score(point.threshold))
        for value, ends in (
            (point.rates.far, point.far_ci95),
            (point.rates.frr, point.frr_ci95),
        ):
            row += [text.figure(value, "points"), text.interval(ends, "points")]
        table.add_row(*map(visible, row))
    return table


def conditions_table(conditions: TreatedTrials) -> Table:
    """Returns the errors under each condition, worst first."""
    from bonafide.report import robustness

    columns = ("condition", "EER %", "FAR %", "95 %", "FRR %", "95 %")
    table = _table("Conditions, worst first; FAR and FRR at the frozen threshold", *columns)
    for row in robustness.rows(conditions):
        cells = [row.title, text.figure(row.result.eer.value, "points")]
        for rate in (row.result.far, row.result.frr):
            cells.append("-" if rate is None else text.figure(rate.value, "points"))
            cells.append("-" if rate is None else text.interval(rate.ci95, "points"))
        table.add_row(*map(visible, cells))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.pad_edge = False
    table.collapse_padding = True
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index > 0)
    return table


def visible(cell: str) -> str:
    """Returns a text that is safe on any terminal: ids may contain control characters."""
    return text.visible(cell.translate(_ASCII))


def html(provenance: dict[str, Any], **contents: Any) -> str:
    """Returns the report page; `contents` are fields of `ReportContents`."""
    from bonafide.report.contents import ReportContents
    from bonafide.report.page import render_page

    return render_page(
        ReportContents(
            date=provenance["date"],
            version=provenance["version"],
            provenance={
                "Command": {"command": provenance["command"]},
                "Input files (SHA-256)": provenance["sha256"],
            },
            **contents,
        )
    )


def require_the_extra() -> None:
    """Raises FileError if the packages of the page are not installed, before any work is done."""
    missing = [
        name
        for name in ("altair", "jinja2", "vl_convert")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise FileError(
            f"--html needs {', '.join(missing)}. Install the extra: pip install 'bonafide[report]'"
        )


def refuse_unwritable(path: str) -> None:
    """Raises FileError if an output cannot be written, before any work is done."""
    try:
        reason = output_files.why_not_writable(path)
    except OSError as error:  # a name that is too long
        reason = error.strerror
    if reason:
        raise FileError(f"cannot write {path}: {reason}")


def write(path: str, content: str) -> None:
    """Writes a file atomically."""
    try:
        with output_files.replacing(path) as part:
            part.write_text(content, encoding="utf-8")
    except OSError as error:  # a full disk does not say which file it was
        raise FileError(f"cannot write {path}: {error.strerror}") from error
