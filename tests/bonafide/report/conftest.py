"""Small seeded evaluations for reports: an ordinary one with everything, and a hostile one."""

import dataclasses

import numpy as np
import pytest

from bonafide.metrics import gate
from bonafide.metrics.costs import AsvErrorRates
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.results import Figure
from bonafide.metrics.slices import SliceResult
from bonafide.metrics.training_range import QUALITIES, Range, Side, SplitCheck, TrainingRange
from bonafide.metrics.treated import TreatedResult, TreatedTrials
from bonafide.report.contents import (
    CalibrationEffect,
    DataChecks,
    DataFinding,
    Rejected,
    ReportContents,
)
from bonafide.report.review.rows import (
    CHAMPION,
    NEW,
    OVERALL,
    CalibrationBin,
    Matrix,
    MetricRow,
    TfmaResults,
)
from bonafide.trials.trials import make_trials

# Ends every context that a text may stand in: element, attribute, script, template, table cell.
HOSTILE = (
    "<script>window.injected=1;alert(1)</script></script></textarea>{{ 7*7 }}<!--"
    '"onmouseover="window.injected=1" \'><img src=x onerror=window.injected=1>'
    "|`*[link](javascript:alert(1))*`\n# heading\r\n\u2028\u202e&lt;$x$"
)
HOSTILE_URI = '"onplay="window.injected=1"><script>window.injected=1</script>.wav'


def trials_of(bonafide, spoof, *, attacks=("A01",), speakers=8, prefix="U", suffix=""):
    """Returns trials with attacks and speakers dealt out in turn; 0 speakers: not known."""
    total = len(bonafide) + len(spoof)
    return make_trials(
        utterances=[f"{prefix}{place:05d}{suffix}" for place in range(total)],
        scores=[*bonafide, *spoof],
        is_bonafide=[True] * len(bonafide) + [False] * len(spoof),
        attacks=["-"] * len(bonafide) + [attacks[i % len(attacks)] for i in range(len(spoof))],
        speakers=[f"S{i % speakers}{suffix}" for i in range(total)] if speakers else None,
    )


def normal_trials(seed, *, bonafide=60, spoof=240, apart=2.0, **kwargs):
    random = np.random.default_rng(seed)
    return trials_of(random.normal(apart, 1, bonafide), random.normal(-1, 1.2, spoof), **kwargs)


def report_of(trials, *, resamples=50, **changes):
    """Returns the contents of a report with nothing but the trials, changed."""
    evaluation = evaluate(
        trials,
        dev=changes.get("dev"),
        baseline_scores=changes.get("baseline_scores"),
        asv=changes.pop("asv", None),
        resamples=resamples,
    )
    plain = ReportContents(
        title="conformer-s",
        date="2026-02-03T04:05:06+00:00",
        version="0.1.0",
        evaluation=evaluation,
        trials=trials,
    )
    return dataclasses.replace(plain, **changes)


@pytest.fixture(scope="session")
def make_report():
    return report_of


@pytest.fixture(scope="session")
def make_trials_of():
    return trials_of


@pytest.fixture(scope="session")
def make_normal_trials():
    return normal_trials


def _condition(eer, far, frr, difference):
    """A result under a condition, its intervals 5 points to either side."""

    def figure(value):
        return Figure(value, (max(0.0, value - 0.05), min(1.0, value + 0.05)))

    changed = None if difference is None else figure(difference)
    return TreatedResult(
        figure(eer), changed, ErrorRates(far, frr), figure(far), figure(frr), changed, changed
    )


@pytest.fixture(scope="session")
def contents():
    """Returns a report with every part."""
    trials = normal_trials(1, attacks=("A07", "A08", "A09"))
    noise = np.random.default_rng(2).normal(0, 1, len(trials))
    report = report_of(
        trials,
        dev=normal_trials(3, prefix="D"),
        asv=AsvErrorRates(false_accept=0.025, miss=0.025, spoof_miss=0.24),
        baseline_name="champion, version 17",
        baseline_scores=trials.scores + noise,
        calibration=CalibrationEffect(1.25, -0.5, {"dev": (0.4, 0.31), "eval": (0.45, 0.4)}),
        history=[
            {"epoch": 1, "loss": 0.7, "dev_loss": 0.65, "dev_eer": 0.2},
            {"epoch": 2, "loss": 0.4, "dev_loss": 0.5, "dev_eer": 0.0625},
            {"epoch": 3, "loss": 0.3, "dev_loss": 0.55, "dev_eer": 0.125},
        ],
        provenance={"Data": {"corpus": "synthetic", "utterances": 300}, "Model": {"seed": 1}},
        training=TrainingRange(
            {quality.name: Range(7200.0, 8000.0) for quality in QUALITIES},
            clips=638,
            copies=319,
            splits={"eval": SplitCheck(Side(50, 220, 0.2, 0.3, 0.1), Side(10, 20))},
        ),
        rejected=Rejected(7, [("U99999", "flac/U99999.flac", "no samples")]),
        slices={
            "codec": {
                "alaw": SliceResult(40, 160, 0.125, (0.0625, 0.1875), ErrorRates(0.1, 0.15)),
                "opus": SliceResult(0, 80, None, None, ErrorRates(0.25, float("nan"))),
            }
        },
        data=DataChecks(
            [DataFinding("shared_voices", "warning", "train and dev", "LA_1047", "a voice")], 0.39
        ),
        cue_removal=TreatedTrials(
            n_bonafide=60,
            n_spoof=240,
            results={
                "as_recorded": TreatedResult(
                    Figure(0.125, (0.1, 0.15)), None, ErrorRates(0.1, 0.15)
                ),
                "trimmed": TreatedResult(
                    Figure(0.25, (0.2, 0.3)), Figure(0.125, (0.0625, 0.2)), ErrorRates(0.3, 0.2)
                ),
                "levelled": TreatedResult(
                    Figure(0.12, (0.1, 0.15)), Figure(-0.005, (-0.01, 0.0)), ErrorRates(0.1, 0.15)
                ),
                "trimmed_levelled": TreatedResult(
                    Figure(0.15, (0.1, 0.2)), Figure(0.025, (-0.01, 0.06)), None
                ),
            },
        ),
        conditions=TreatedTrials(
            n_bonafide=60,
            n_spoof=240,
            results={
                "as_recorded": _condition(0.125, 0.1, 0.15, None),
                "noise:30": _condition(0.15, 0.05, 0.2, 0.05),
                "mp3:64k": _condition(0.25, 0.99, 0.01, 0.89),
            },
        ),
        audio=lambda utterance: f"audio/{utterance}.wav",
    )
    config = gate.GateConfig(
        max_regression=0.05, max_worst_attack_eer=0.01, max_calibration_loss=1.0
    )
    return dataclasses.replace(
        report, verdict=gate.decide(report.evaluation, config, gate.Overlap())
    )


@pytest.fixture(scope="session")
def hostile_text():
    return HOSTILE


@pytest.fixture(scope="session")
def hostile():
    """Returns a report in which every text that may come from a file is hostile."""
    trials = normal_trials(4, attacks=(HOSTILE, "A08"), suffix=HOSTILE)
    report = report_of(
        trials,
        title=HOSTILE,
        date=HOSTILE,
        version=HOSTILE,
        baseline_name=HOSTILE,
        baseline_scores=trials.scores[::-1].copy(),
        forced_reason=HOSTILE,
        calibration=CalibrationEffect(1.0, 0.0, {HOSTILE: (0.4, 0.3)}, note=HOSTILE),
        history=[{"epoch": 1, "loss": 0.5}],
        provenance={HOSTILE: {HOSTILE: HOSTILE}},
        rejected=Rejected(1, [(HOSTILE, HOSTILE, HOSTILE)]),
        slices={HOSTILE: {HOSTILE: SliceResult(1, 1, None, None, None)}},
        data=DataChecks([DataFinding(HOSTILE, "warning", HOSTILE, HOSTILE, HOSTILE)]),
        conditions=TreatedTrials(
            1,
            1,
            {
                "as_recorded": TreatedResult(Figure(0.1, None), None, None),
                HOSTILE: TreatedResult(Figure(0.2, None), Figure(0.1, None), None),
            },
        ),
        audio=lambda utterance: HOSTILE_URI,
    )
    overlap = gate.Overlap(speakers=(HOSTILE,), attacks=(HOSTILE,))
    verdict = gate.decide(report.evaluation, gate.GateConfig(), overlap)
    warned = dataclasses.replace(report.evaluation, warnings=(HOSTILE,))
    return dataclasses.replace(report, verdict=verdict, evaluation=warned)


SLICES = (OVERALL, "A07", "A08")


@pytest.fixture(scope="session")
def results():
    """Two models, three slices; one bound is kept, one is not, one slice has no value."""
    eers = {NEW: (0.1, 0.4, 0.02), CHAMPION: (0.2, 0.3, None)}
    metrics = [
        MetricRow(
            slice=where,
            model=model,
            metric="eer",
            value=value,
            ci95=None if value is None else (value / 2, value * 2),
            difference=0.1 if model == NEW else None,
            limits=(None, 0.3) if model == NEW else (None, None),
        )
        for model, values in eers.items()
        for where, value in zip(SLICES, values, strict=True)
    ]
    metrics += [
        MetricRow(where, NEW, "spoof_count", 1234.0, None, None, (20, None)) for where in SLICES
    ]
    matrices = [
        Matrix(where, model, step / 10, 10 - step, 10 - step, step, step)
        for where in SLICES
        for model in eers
        for step in range(11)
    ]
    bins = [
        CalibrationBin(where, model, step / 4, step / 4, 5)
        for where in SLICES
        for model in eers
        for step in range(5)
    ]
    return TfmaResults((NEW, CHAMPION), SLICES, tuple(metrics), tuple(matrices), tuple(bins), False)
