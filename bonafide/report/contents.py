"""What a report is made from; the page and the model card show the same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bonafide.metrics.detection import Floats
from bonafide.metrics.evaluation import Evaluation
from bonafide.metrics.gate import Verdict
from bonafide.metrics.slices import Slices
from bonafide.metrics.treated import TreatedTrials
from bonafide.trials.trials import Trials


@dataclass(frozen=True)
class CalibrationEffect:
    """What the affine calibration of the scores changed. Cllr in bits.

    Attributes:
        slope: Of `slope * raw + offset`.
        offset: In nats.
        cllr: Split (`dev`, `eval`) -> Cllr before and after.
        note: Why there is no calibration; empty where there is one.
    """

    slope: float
    offset: float
    cllr: Mapping[str, tuple[float, float]]
    note: str = ""


@dataclass(frozen=True)
class Rejected:
    """Utterances that the data step left out.

    Attributes:
        total: How many.
        first: The first of them: utterance, path, reason.
    """

    total: int
    first: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class DataFinding:
    """What DataGate found; see `components.data_gate.findings.Finding`."""

    rule: str
    severity: str
    split: str
    subject: str
    message: str


@dataclass(frozen=True)
class DataChecks:
    """What DataGate says of the data.

    Attributes:
        findings: All of them.
        all_numbers_eer: EER on eval of a small model on numbers that have nothing to do with
            speech (duration, level, ...); None where there are too few utterances.
    """

    findings: Sequence[DataFinding]
    all_numbers_eer: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReportContents:
    """Everything on the page. What is None or empty is left out, or said to be unknown.

    Attributes:
        title: Name of the evaluated system.
        date: When it was evaluated, ISO 8601.
        version: Version of this project's code.
        evaluation: All figures.
        trials: The evaluated trials.
        dev: Trials on which thresholds were frozen.
        baseline_name: What the system was compared with (`champion, version 17`, a file name).
        baseline_scores: [N] scores of that system, in the order of `trials`.
        verdict: What the gate says; None where no gate was asked.
        forced_reason: Why the model was blessed against the gate; empty where it was not.
        calibration: What calibration changed.
        history: Training curve: a mapping an epoch with `epoch`, `loss`, `dev_loss`, `dev_eer`.
        provenance: Section -> rows of name and value, where data and model come from.
        rejected: Utterances left out; None where not known.
        slices: Condition -> value -> how the system does there; empty where none is known.
        data: What DataGate says of the data; None where not known.
        cue_removal: How the system does with shortcuts taken out; None where not known.
        conditions: How it does on degraded recordings, by condition; None where not known.
        audio: Utterance id -> where a browser can play it (a URI), None where it cannot.
    """

    title: str
    date: str
    version: str
    evaluation: Evaluation
    trials: Trials
    dev: Trials | None = None
    baseline_name: str = ""
    baseline_scores: Floats | None = None
    verdict: Verdict | None = None
    forced_reason: str = ""
    calibration: CalibrationEffect | None = None
    history: Sequence[Mapping[str, float]] = ()
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rejected: Rejected | None = None
    slices: Slices = field(default_factory=dict)
    data: DataChecks | None = None
    cue_removal: TreatedTrials | None = None
    conditions: TreatedTrials | None = None
    audio: Callable[[str], str | None] = lambda utterance: None
