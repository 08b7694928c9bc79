"""All figures of a report as JSON: in the page, and as the file of `bonafide evaluate`."""

from __future__ import annotations

from typing import Any

from bonafide.metrics import slices, treated
from bonafide.metrics.evaluation_json import to_json
from bonafide.report import speakers
from bonafide.report.contents import ReportContents


def figures_json(contents: ReportContents) -> dict[str, Any]:
    """Returns the figures, ready for JSON.

    In addition to those of the evaluation: `conditions` and `cue_removal` where there are any,
    `groups` and `attacks_by_group` where metadata is known, and `worst_speakers`.
    """
    result = to_json(contents.evaluation)
    if contents.cue_removal:
        result["cue_removal"] = treated.to_json(contents.cue_removal)
    if contents.conditions:
        result["conditions"] = treated.to_json(contents.conditions)
    if contents.slices:
        result["groups"] = slices.to_json(contents.slices)
    if contents.crossed:
        result["attacks_by_group"] = slices.crossed_to_json(contents.crossed)
    if worst := speakers.worst_speakers(contents):
        result["worst_speakers"] = [
            {
                "speaker": one.speaker,
                "rejected": one.rejected,
                "trials": one.total,
                "frr": one.frr,
                "frr_ci95": list(one.ci95),
                "share_of_rejections": one.share,
            }
            for one in worst
        ]
    return result
