"""Explanations of the metrics: title, unit, explanation, definition and source."""

from __future__ import annotations

from dataclasses import dataclass

_PLAN_2019 = "ASVspoof 2019 evaluation plan"
_ASVSPOOF_5 = "ASVspoof 5 evaluation plan, track 1"


@dataclass(frozen=True)
class Measure:
    """A figure of `bonafide.metrics.results.FIGURES`, explained.

    Attributes:
        title: Its name.
        unit: Of `bonafide.text.figure`.
        what: Explanation for a reader who does not know it, one sentence.
        definition: Formula and source.
    """

    title: str
    unit: str
    what: str
    definition: str


MEASURES: dict[str, Measure] = {
    "eer": Measure(
        "EER",
        "rate",
        "Error rate where as many spoofs are accepted as bona fide utterances are rejected.",
        "Equal error rate: (FAR + FRR) / 2 at the threshold where they are closest, without "
        "interpolation, as in the official ASVspoof scoring code.",
    ),
    "worst_attack_eer": Measure(
        "EER of the worst attack",
        "rate",
        "The same for the attack that is hardest to detect; the pooled EER hides it.",
        "The highest per-attack EER: the spoofs of one attack against all bona fide trials.",
    ),
    "macro_eer": Measure(
        "Mean EER of the attacks",
        "rate",
        "Mean over attacks with equal weights, whatever their number of trials.",
        "The unweighted mean of the per-attack EERs.",
    ),
    "min_tdcf_legacy": Measure(
        "min t-DCF (2019)",
        "cost",
        "Cost of a speaker verifier's errors with this detector before it, at the best threshold; "
        "1 means that the detector adds nothing.",
        "Tandem detection cost function, Kinnunen et al., Odyssey 2018, with the priors and costs "
        f"of the {_PLAN_2019}.",
    ),
    "min_tdcf_revised": Measure(
        "min t-DCF (2021)",
        "cost",
        "The same in the later form, which also counts the errors of the speaker verifier alone.",
        "Tandem detection cost function, Kinnunen et al., IEEE/ACM TASLP 2020, as used in "
        "ASVspoof 2021.",
    ),
    "min_dcf": Measure(
        "minDCF",
        "cost",
        "Cost of the detector's errors at the best threshold; 1 is the cost of a constant "
        "decision.",
        "(Cmiss (1 - Pspoof) FRR + Cfa Pspoof FAR), divided by the smaller of the two weights; "
        f"Pspoof 0.05, Cmiss 1 and Cfa 10 in the {_ASVSPOOF_5} and unless others are given.",
    ),
    "act_dcf": Measure(
        "actDCF",
        "cost",
        "The same at the Bayes threshold; the excess over minDCF is the cost of miscalibration.",
        "The DCF at the Bayes threshold ln(Cfa Pspoof / (Cmiss (1 - Pspoof))), -0.642 with the "
        f"costs of the {_ASVSPOOF_5}.",
    ),
    "cllr": Measure(
        "Cllr",
        "bits",
        "Quality of the scores as log-likelihood ratios, over all thresholds; 0 is perfect, 1 "
        "carries no information.",
        "Cost of log-likelihood ratios, Brümmer and du Preez, Computer Speech and Language 2006.",
    ),
    "min_cllr": Measure(
        "min Cllr",
        "bits",
        "Cllr after perfect calibration: the information in the ranking alone.",
        "The Cllr after isotonic regression (PAV) on the evaluated trials, same source.",
    ),
    "auc": Measure(
        "AUC",
        "share",
        "Probability that a bona fide utterance scores above a spoof; higher is better.",
        "Area under the ROC curve by the Mann-Whitney statistic; ties count half.",
    ),
    "frr_at_far_1pct": Measure(
        "FRR at FAR 1 %",
        "rate",
        "Share of bona fide utterances rejected when at most 1 % of spoofs are accepted.",
        "The lowest false rejection rate (FRR) among the thresholds with a false acceptance rate "
        "(FAR) of at most 1 %.",
    ),
    "frr_at_far_0_1pct": Measure(
        "FRR at FAR 0.1 %",
        "rate",
        "The same when at most 0.1 % of spoofs are accepted.",
        "As FRR at FAR 1 %, with 0.1 %.",
    ),
    "far_at_frr_1pct": Measure(
        "FAR at FRR 1 %",
        "rate",
        "Share of spoofs accepted when at most 1 % of bona fide utterances are rejected.",
        "The lowest FAR among the thresholds with an FRR of at most 1 %.",
    ),
    "far_at_frr_0_1pct": Measure(
        "FAR at FRR 0.1 %",
        "rate",
        "The same when at most 0.1 % of bona fide utterances are rejected.",
        "As FAR at FRR 1 %, with 0.1 %.",
    ),
}

# Names of thresholds, those of `bonafide score --threshold` -> what they reach.
WHERE = {
    "eer": "FAR and FRR equal where it was chosen",
    "frr5": "at most 5 % of bona fide rejected where it was chosen; lower end of the default band",
    "frr1": "at most 1 % of bona fide rejected where it was chosen",
    "far5": "at most 5 % of spoofs accepted where it was chosen; upper end of the default band",
    "far1": "at most 1 % of spoofs accepted where it was chosen",
    "far0.1": "at most 0.1 % of spoofs accepted where it was chosen",
    "bayes": "least expected cost if scores are calibrated",
}

CHOSEN_ON = {
    "dev": "dev, then frozen",
    "eval": "the evaluated trials",
    "costs": "costs only",
}
