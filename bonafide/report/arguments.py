"""The command line of `bonafide evaluate`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

from bonafide.command_line import CommandParser, number
from bonafide.metrics.costs import DetectionCosts
from bonafide.report import limits
from bonafide.trials import keys, layouts, protocols, score_files

OK = 0
FAILED = 1
REFUSED = 3
AS_RECORDED = "as_recorded"  # of `bonafide.metrics.treated`, which takes long to import
FORMATS = f"""score files (detected from the content):
  UTTERANCE SCORE
  UTTERANCE SYSTEM KEY SCORE      checked against the protocol
  filename<TAB>cm-score           and any CSV or TSV whose header names utterance and score
protocols (detected from the content):
  ASVspoof 2019 LA and PA, 2021 LA, PA and DF (see --subset), ASVspoof 5;
  In-the-Wild's meta.csv, and any CSV or TSV whose header names utterance and key (or label),
  and optionally speaker and system
Columns codec, transmission, environment, device, source, language, gender and corpus of a protocol
become groups with figures of their own.
Both files must name the same utterances, in any order. If ids differ, audio extensions and then
folders are removed to match them (flac/LA_E_1.flac and LA_E_1).

exit codes:
  {OK}  done
  {FAILED}  a file cannot be read, is malformed or does not fit the others
  2  the command line is wrong
  {REFUSED}  a limit of --gate, --max-eer and the like is not kept; all outputs are written"""


def parser(description: str | None, prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(
        prog=prog,
        description=description,
        epilog=FORMATS,
    )
    add = result.add_argument
    add("--scores", metavar="FILE", required=True, help="scores of the detector")
    add("--protocol", metavar="FILE", required=True, help="the trials and their keys")
    add("--asv-scores", metavar="FILE", help="speaker verifier on the same split, for the t-DCF")
    add("--baseline", metavar="FILE", help="scores of another detector on the same trials")
    add(
        "--reference",
        metavar="FILE",
        help="scores of a fixed reference on the same trials, which does not change when models do",
    )
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
        help="negate the scores of --scores, --dev-scores, --baseline, --reference and "
        "--condition; thresholds are then those of the negated scores",
    )
    add(
        "--spoof-prior",
        metavar="P",
        type=share,
        default=DetectionCosts().spoof_prior,
        help="share of attacks among all calls, for minDCF, actDCF, the threshold bayes and the "
        "call centre of the page (default %(default)s)",
    )
    add(
        "--miss-cost",
        metavar="COST",
        type=cost,
        default=DetectionCosts().miss,
        help="cost of a rejected bona fide call (default %(default)s)",
    )
    add(
        "--false-accept-cost",
        metavar="COST",
        type=cost,
        default=DetectionCosts().false_accept,
        help="cost of an accepted attack (default %(default)s)",
    )
    add(
        "--attack-share",
        metavar="P",
        type=share,
        help="share of attacks among the calls of the page's call centre (default: --spoof-prior)",
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


def share(argument: str) -> float:
    """Returns a fraction above 0 and below 1, for argparse."""
    value = number(argument)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(
            f"expected a fraction above 0 and below 1, such as 0.01, got {argument!r}"
        )
    return value


def cost(argument: str) -> float:
    """Returns a finite number above 0, for argparse."""
    value = number(argument)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {argument!r}")
    return value


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
