"""Input of a report; the page and the model card show the same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bonafide.metrics.detection import Floats
from bonafide.metrics.gate import Verdict
from bonafide.metrics.results import Evaluation, point_of
from bonafide.metrics.slices import Crossed, Slices
from bonafide.metrics.training_range import TrainingRange
from bonafide.metrics.treated import TreatedTrials
from bonafide.trials.trials import Trials


@dataclass(frozen=True)
class CalibrationEffect:
    """Effect of the affine calibration of the scores. Cllr in bits.

    Attributes:
        slope: Of `slope * raw + offset`.
        offset: In nats.
        cllr: Split (`dev`, `eval`) -> Cllr before and after.
        note: Why there is no calibration; empty if there is one.
    """

    slope: float
    offset: float
    cllr: Mapping[str, tuple[float, float]]
    note: str = ""


@dataclass(frozen=True)
class Rejected:
    """Utterances that UtteranceGen rejected.

    Attributes:
        total: How many.
        first: The first of them: utterance, path, reason.
    """

    total: int
    first: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class DataFinding:
    """A finding of DataGate; see `components.data_gate.findings.Finding`."""

    rule: str
    severity: str
    split: str
    subject: str
    message: str


@dataclass(frozen=True)
class DataChecks:
    """Results of DataGate.

    Attributes:
        findings: All of them.
        all_numbers_eer: EER on eval of a small model on measures that are no property of speech
            (duration, level, ...); None with too few utterances.
    """

    findings: Sequence[DataFinding]
    all_numbers_eer: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReportContents:
    """Everything on the page. Values that are None or empty are omitted or shown as unknown.

    Attributes:
        title: Name of the evaluated system.
        date: When it was evaluated, ISO 8601.
        version: Version of this project's code.
        evaluation: All figures.
        trials: The evaluated trials.
        dev: Trials on which thresholds were frozen.
        baseline_name: Name of the other system (`champion, version 17`, a file name).
        baseline_scores: [N] scores of that system, in the order of `trials`.
        verdict: Of the gate; None without a gate.
        limits_of: Source of the gate's limits, for people (`the preset sample`); may be empty.
        forced_reason: Reason of a forced blessing; empty without one.
        calibration: Effect of calibration.
        history: Training curve: a mapping an epoch with `epoch`, `loss`, `dev_loss`, `dev_eer`.
        provenance: Section -> rows of name and value: sources of data and model.
        rejected: Rejected utterances; None if not known.
        slices: Condition -> value -> error rates; empty if none is known.
        crossed: Condition -> attack -> value -> EER; empty if none is known.
        attack_share: Share of attacks among the calls of the call centre; None for the prior of the
            evaluation's costs.
        data: Results of DataGate; None if not known.
        cue_removal: Error rates after cue removal; None if not known.
        conditions: Error rates on degraded recordings, by condition; None if not known.
        training: What training's clips are like, and which others are unlike them; None if not
            known.
        audio: Utterance id -> URI that a browser can play; None if there is none.
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
    limits_of: str = ""
    forced_reason: str = ""
    calibration: CalibrationEffect | None = None
    history: Sequence[Mapping[str, float]] = ()
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rejected: Rejected | None = None
    slices: Slices = field(default_factory=dict)
    crossed: Crossed = field(default_factory=dict)
    attack_share: float | None = None
    data: DataChecks | None = None
    cue_removal: TreatedTrials | None = None
    conditions: TreatedTrials | None = None
    training: TrainingRange | None = None
    audio: Callable[[str], str | None] = lambda _utterance: None

    @property
    def threshold(self) -> float:
        """Threshold of the headline, the hardest trials and the groups: the point `eer`.

        It was fixed on dev where there is a dev set. Without operating points, that of the EER on
        these trials.
        """
        point = point_of(self.evaluation, "eer")
        return self.evaluation.eer_threshold if point is None else point.threshold

    @property
    def calls_attacked(self) -> float:
        """Share of attacks among the calls of the call centre."""
        if self.attack_share is not None:
            return self.attack_share
        return self.evaluation.costs.spoof_prior
