"""Explanation of score, probability and decision, and of their limits, for a model."""

from __future__ import annotations

import re
import textwrap

from bonafide.metrics.training_range import range_words
from bonafide.scoring.engine import MIN_SPEECH_SECONDS
from bonafide.scoring.model import Model
from bonafide.scoring.own_test import rates_at, unlike_training
from bonafide.scoring.thresholds import BAND, BAYES, EVEN, EVEN_PRIOR, OF_DEV, Threshold
from bonafide.scoring.windows import MAX_PAUSE_SECONDS, hop

_WIDTH = 88
# In the tables of the model card.
_EER = re.compile(r"^\| EER \| ([^|]+?) \| ([^|]+?) \|$", re.MULTILINE)
_WORST = re.compile(r"^\| EER of the worst attack \| ([^|]+?) \| ", re.MULTILINE)
_TRIALS = re.compile(r"^- On: (.+)$", re.MULTILINE)


def explain(
    model: Model, threshold: Threshold, prior: float | None = None, cost_ratio: float | None = None
) -> str:
    """Returns the explanation of a score, in paragraphs.

    Args:
        model: The model.
        threshold: The threshold of the decision.
        prior: Share of recordings that are bona fide before any is scored; 0.5 by default.
        cost_ratio: See `thresholds.choose`.
    """
    seconds = model.clip_samples / model.sample_rate
    step = hop(model.clip_samples) / model.sample_rate
    belief = EVEN_PRIOR if prior is None else prior
    paragraphs = [
        f"Model: {model.folder}",
        "Score. A natural-log likelihood ratio: how much better the recording fits bona fide "
        "(live, human) speech than spoofed (synthetic, converted) speech. Higher means more bona "
        "fide; at 0 it fits both alike, at 2.3 bona fide fits ten times as well, at -2.3 spoof. "
        + _calibration(model),
        f"Probability. What the score makes of a prior belief: of all recordings that you would "
        f"ask about, {100 * belief:g} % are taken to be bona fide (--prior {belief:g}). With "
        "another prior the same recording has another probability; the score stays. If spoofs are "
        "rare where you are, most alarms are false, whatever a single probability says.",
        f"Decision. By the threshold {threshold}. {_of_threshold(threshold, prior, cost_ratio)}"
        + _of_dev(model),
        f"Errors. {_errors(model, threshold)}",
        f"Speech only. The score is of {seconds:g} s of speech at a time. Silence, noise and music "
        f"around and between are left out, but for pauses of up to {MAX_PAUSE_SECONDS:g} s; less "
        f"than {MIN_SPEECH_SECONDS:g} s of speech gives no decision. More is cut into segments of "
        f"{seconds:g} s, one every {step:g} s and the last one flush with the end of a stretch of "
        "speech, and the score is the mean of theirs, weighted by their speech: not the sum, for "
        "overlapping segments of one voice are not independent evidence, and not the lowest, for "
        "of many segments the lowest is low by chance. So a recording that is spoofed only in part "
        "can pass: it is marked partly spoofed? where a run of segments looks spoofed and the rest "
        "does not, and --segments shows all of them. What is shorter is repeated up to that "
        "length.",
        "What the model is given. The mean of all channels where they are alike; else each of them "
        f"by itself, and the lowest score decides. They are resampled to {model.sample_rate} Hz. "
        "Of a telephone recording (8 kHz) the upper half of the frequencies is empty; of an MP3 "
        "some is missing: if the model did not train on such recordings, its scores of them mean "
        "less.",
        f"Unlike training. {_training(model)}",
        "What a score is not. It is no proof. The model knows the attacks that it was trained on; "
        "calibration and thresholds come from a development set with attacks like those. Attacks, "
        "languages, microphones and codecs unlike them may be scored with great confidence, and "
        "wrongly. " + _of_eval(model),
    ]
    return "\n\n".join(textwrap.fill(part, _WIDTH) for part in paragraphs) + "\n"


def _of_threshold(threshold: Threshold, prior: float | None, cost_ratio: float | None) -> str:
    if threshold.name == BAND:
        return (
            "Its two thresholds each keep one error at 5 % on the development set: of the bona "
            "fide recordings at most 5 % are called spoof, and of the spoofs at most 5 % bona "
            "fide. What lies between could be either. "
        )
    if threshold.name == EVEN:
        return "even is 0, where bona fide and spoof fit alike. "
    if threshold.name == BAYES:
        costs = (
            "of ASVspoof 5, p = 0.95 and ratio 10"
            if prior is None and cost_ratio is None
            else f"p = {EVEN_PRIOR if prior is None else prior:g} and ratio {cost_ratio or 1:g}"
        )
        return (
            "bayes is the least expected cost if the score is the likelihood ratio that it claims "
            f"to be: ln((1 - p) / p x ratio), here with {costs} (p is the share of bona fide "
            "recordings, --prior; the ratio is the cost of an accepted spoof over that of a "
            "rejected bona fide recording, --cost-ratio). "
        )
    return ""


def _errors(model: Model, threshold: Threshold) -> str:
    rates = rates_at(threshold, model.evaluation)
    if rates is None:
        return "What the model misses at this threshold is not known: its records do not say."
    return f"{rates} Figures are of the test's clips as they are, with the silence around them."


def _training(model: Model) -> str:
    if model.training is None:
        return unlike_training(None)
    ranges = "; ".join(
        f"{title} {words} ({note})" for title, words, note in range_words(model.training)
    )
    return (
        f"{unlike_training(model.training)} Of each class, 95 of 100 clips of training lie in: "
        f"{ranges}. What lies inside may be unlike training in other ways."
    )


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
    sentences = [
        f"{name} is {meaning}: {model.thresholds[name]:.4g}."
        for name, meaning in OF_DEV.items()
        if name in model.thresholds
    ]
    if not sentences:
        return "The model was pushed without thresholds of its development set."
    return " ".join(sentences)


def _of_eval(model: Model) -> str:
    """Returns the error rates in the model's records."""
    sentences = []
    if (dev := model.facts.get("dev_eer")) is not None:
        sentences.append(
            f"On the development set the equal error rate (EER) was {100 * dev:.2f} %: at its "
            "threshold that share of the spoofs is accepted, and of the bona fide recordings "
            "rejected."
        )
    card = model.card.replace("\u00a0", " ")
    if found := _EER.search(card):
        worst, trials = _WORST.search(card), _TRIALS.search(card)
        sentences.append(
            f"On the evaluation set{f' ({trials[1]})' if trials else ''} it was {found[1]} (95 % "
            f"interval {found[2]})" + (f", and {worst[1]} for the worst attack." if worst else ".")
        )
    else:
        sentences.append("The model has no model card with its error rate on an evaluation set.")
    return " ".join(sentences)
