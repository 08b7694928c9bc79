"""What every command that scores takes: which model, and where to decide."""

from __future__ import annotations

import argparse
import math

from bonafide.scoring import thresholds


def add_model(to: argparse.ArgumentParser) -> None:
    """Adds --model."""
    to.add_argument(
        "--model",
        metavar="DIR",
        help="a version, or a serving folder, whose newest version is taken (default: the newest "
        "version below output/*/serving/)",
    )


def add_decision(to: argparse.ArgumentParser) -> None:
    """Adds --threshold, --prior and --cost-ratio."""
    add = to.add_argument
    add(
        "--threshold",
        metavar="NAME|VALUE",
        type=threshold,
        default=thresholds.BAYES,
        help="where to decide: bayes (least cost at --prior and --cost-ratio; at even odds and "
        "costs, 0), eer or far1 (found on dev, they come with the model), or a score "
        "(default %(default)s)",
    )
    add(
        "--prior",
        metavar="P",
        type=prior,
        default=0.5,
        help="probability of bona fide before the recording is heard (default %(default)s)",
    )
    add(
        "--cost-ratio",
        metavar="R",
        type=cost_ratio,
        default=1.0,
        help="cost of an accepted spoof over that of a rejected bona fide recording, for bayes "
        "(default %(default)s)",
    )


def threshold(text: str) -> str | float:
    """Returns a threshold's name or value, for argparse."""
    try:
        return thresholds.parse(text)
    except thresholds.ThresholdError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def prior(text: str) -> float:
    """Returns a probability inside (0, 1), for argparse."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def cost_ratio(text: str) -> float:
    """Returns a finite number above 0, for argparse."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
