"""What every command that scores takes: which model, and where to decide."""

from __future__ import annotations

import argparse
import math

from bonafide.command_line import number
from bonafide.scoring import thresholds
from bonafide.scoring.reading import AUTO, CHANNELS


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
        help="where to decide: band (three answers, by the thresholds frr5 and far5), even (0: "
        "even odds and costs), bayes (least cost at --prior and --cost-ratio; without them at "
        "ASVspoof 5's, -0.642), eer, far1, far5 or frr5 (found on dev, they come with the model), "
        "or a score (default: band; bayes where --prior or --cost-ratio is given; even where the "
        "model has no band)",
    )
    add(
        "--prior",
        metavar="P",
        type=prior,
        help="probability of bona fide before a recording is scored (default 0.5)",
    )
    add(
        "--cost-ratio",
        metavar="R",
        type=cost_ratio,
        help="cost of an accepted spoof over that of a rejected bona fide recording, for bayes "
        "(default 1)",
    )


def add_channel(to: argparse.ArgumentParser) -> None:
    """Adds --channel."""
    to.add_argument(
        "--channel",
        choices=CHANNELS,
        default=AUTO,
        help="auto (the mean of channels that are alike; others are scored apart and the lowest "
        "decides), each (apart in any case), mix (the mean in any case), left or right (the first "
        "or the second; default %(default)s)",
    )


def threshold(text: str) -> str | float:
    """Returns a threshold's name or value, for argparse."""
    try:
        return thresholds.parse(text)
    except thresholds.ThresholdError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def prior(text: str) -> float:
    """Returns a probability inside (0, 1), for argparse."""
    value = number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def cost_ratio(text: str) -> float:
    """Returns a finite number above 0, for argparse."""
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
