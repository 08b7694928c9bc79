"""What a model is for, and not for: the sections of a model card that no figure answers.

As the model-card standard asks (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019):
intended use, out-of-scope use, languages, licence.
"""

from __future__ import annotations

from dataclasses import dataclass

from bonafide import text
from bonafide.report.contents import ReportContents

CODE_LICENCE = "Apache-2.0"
_LANGUAGE = "language"


@dataclass(frozen=True)
class Use:
    """Sections of the card.

    Attributes:
        intended: What the model was made for, a sentence each.
        out_of_scope: What it must not be used for, a sentence each.
        languages: Of the evaluated recordings.
        licence: Of code, weights and recordings.
    """

    intended: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    languages: str
    licence: str


def use_of(contents: ReportContents) -> Use:
    """Returns the sections for a report; the corpus decides the languages."""
    refused = contents.verdict is None or not contents.verdict.passed
    intended = [
        "Scores recordings of a single voice: is it a person's recorded speech or synthetic "
        "speech? The score supports a decision by a person or by a process with other evidence.",
    ]
    if refused:
        intended.append("This version has not passed a gate: use it for comparison and tests only.")
    elif "not a detector to use" in contents.limits_of:
        intended = ["Tests of the pipeline. This is not a detector to use."]
    return Use(
        intended=tuple(intended),
        out_of_scope=(
            "Proof: a score is no evidence of who made a recording or why, and must not be the "
            "only ground for a decision about a person.",
            "Identification of speakers, and statements about their age, health or origin.",
            "Music, singing, several voices at once, and less than one second of speech.",
            "Languages, codecs, microphones and attacks unlike those named on this card, without "
            "an evaluation on them.",
            "Feedback to callers: an attacker who sees scores can adapt to them.",
        ),
        languages=_languages(contents),
        licence=f"Code: {CODE_LICENCE}. The weights were trained on the corpus named under "
        "Provenance; its licence also limits their use.",
    )


def _languages(contents: ReportContents) -> str:
    values = contents.slices.get(_LANGUAGE, {})
    if not values:
        return "Not recorded in the corpus: ask whoever provided it."
    counted = [
        f"{name} ({text.plural(found.n_bonafide + found.n_spoof, 'trial')})"
        for name, found in values.items()
    ]
    return f"Of the evaluated recordings: {text.listed(counted, most=10)}."
