"""What a score, a probability and a decision mean, and what they do not, for one model."""

from __future__ import annotations

import re
import textwrap

from bonafide.scoring.model import Model
from bonafide.scoring.thresholds import OF_DEV, Threshold
from bonafide.scoring.windows import hop

_WIDTH = 88
# In the tables of the model card.
_EER = re.compile(r"^\| EER \| ([^|]+?) \| ([^|]+?) \|$", re.MULTILINE)
_WORST = re.compile(r"^\| EER of the worst attack \| ([^|]+?) \| ", re.MULTILINE)
_TRIALS = re.compile(r"^- On: (.+)$", re.MULTILINE)


def explain(model: Model, threshold: Threshold, prior: float, cost_ratio: float) -> str:
    """Returns some paragraphs for a person who has a recording and a number.

    Args:
        model: Which scored.
        threshold: Where it was decided.
        prior: Share of recordings that are bona fide before any is heard.
        cost_ratio: See `thresholds.choose`.
    """
    seconds = model.clip_samples / model.sample_rate
    step = hop(model.clip_samples) / model.sample_rate
    paragraphs = [
        f"Model: {model.folder}",
        "Score. A natural-log likelihood ratio: how much better the recording fits bona fide "
        "(live, human) speech than spoofed (synthetic, converted) speech. Higher means more bona "
        "fide; at 0 it fits both alike, at 2.3 bona fide fits ten times as well, at -2.3 spoof. "
        + _calibration(model),
        f"Probability. What the score makes of a prior belief: of all recordings that you would "
        f"ask about, {100 * prior:g} % are taken to be bona fide (--prior {prior:g}). With another "
        "prior the same recording has another probability; the score stays. If spoofs are rare "
        "where you are, most alarms are false, whatever a single probability says.",
        f"Decision. By the threshold {threshold}. bayes is the least expected cost if the score "
        f"is the likelihood ratio that it claims to be: ln((1 - p) / p x cost ratio), here with "
        f"p = {prior:g} and --cost-ratio {cost_ratio:g} (cost of an accepted spoof over that of a "
        "rejected bona fide recording). " + _of_dev(model),
        f"Long recordings. The model hears {seconds:g} s. What is longer is cut into segments of "
        f"{seconds:g} s, one every {step:g} s and the last one flush with the end, and the score "
        "is the mean of theirs: not the sum, for overlapping segments of one voice are not "
        "independent evidence, and not the lowest, for of many segments the lowest is low by "
        "chance. So a recording that is spoofed only in part can pass: --segments shows every "
        "segment and marks the lowest. What is shorter is repeated up to that length.",
        "What the model hears. The mean of all channels, resampled to "
        f"{model.sample_rate} Hz. Of a telephone recording (8 kHz) the upper half of the "
        "frequencies is empty; of an MP3 some is missing: if the model did not train on such "
        "recordings, its scores of them mean less.",
        "What a score is not. It is no proof. The model knows the attacks that it was trained on; "
        "calibration and thresholds come from a development set with attacks like those. Attacks, "
        "languages, microphones and codecs unlike them may be scored with great confidence, and "
        "wrongly. " + _of_eval(model),
    ]
    return "\n\n".join(textwrap.fill(part, _WIDTH) for part in paragraphs) + "\n"


def _calibration(model: Model) -> str:
    found = model.facts.get("calibration") or {}
    if note := found.get("note"):
        return f"But this model's scores are not calibrated ({note}): take them as a ranking only."
    if "cllr_after" not in found:
        return "Whether this model's scores are calibrated is not recorded."
    return (
        "This model was calibrated on its development set, where its scores cost "
        f"{found['cllr_after']:.3f} bits (Cllr: 0 is perfect, 1 says nothing)."
    )


def _of_dev(model: Model) -> str:
    told = [
        f"{name} is {meaning}: {model.thresholds[name]:.4g}."
        for name, meaning in OF_DEV.items()
        if name in model.thresholds
    ]
    if not told:
        return "The model was pushed without thresholds of its development set."
    return " ".join(told)


def _of_eval(model: Model) -> str:
    """Error rates that the model's records have, as they stand there."""
    told = []
    if (dev := model.facts.get("dev_eer")) is not None:
        told.append(
            f"On the development set the equal error rate (EER) was {100 * dev:.2f} %: at its "
            "threshold that share of the spoofs is accepted, and of the bona fide recordings "
            "rejected."
        )
    card = model.card.replace("\u00a0", " ")
    if found := _EER.search(card):
        worst, trials = _WORST.search(card), _TRIALS.search(card)
        told.append(
            f"On the evaluation set{f' ({trials[1]})' if trials else ''} it was {found[1]} (95 % "
            f"interval {found[2]})" + (f", and {worst[1]} for the worst attack." if worst else ".")
        )
    else:
        told.append("The model has no model card with its error rate on an evaluation set.")
    return " ".join(told)
