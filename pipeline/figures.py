"""Key figures of each component, read from its outputs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import path_utils

from bonafide.metrics.results import Figure
from bonafide.registry import names
from bonafide.registry.champion import CHAMPION_FILE, NO_CHAMPION_FILE
from bonafide.registry.names import FORCED_BLESSING_FILE, RECORD_FILE
from bonafide.text import percent
from components.eval_report.executor import REPORT_FILE
from components.model_evaluator.summary import EvaluationSummary, read_evaluation
from models.settings.search_space import values_text
from pipeline.local import Finished


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of a complete run.

    Attributes:
        evaluation: Figures of the model and verdict of the gate.
        forced_reason: Reason of a forced blessing; empty without one.
        pushed_to: Folder of the pushed version; empty without a push.
    """

    evaluation: EvaluationSummary
    forced_reason: str
    pushed_to: str


def read_result(finished: Mapping[str, Finished]) -> Result:
    """Collects the result of a complete run from its finished components, by their ids."""
    evaluator = finished["ModelEvaluator"].outputs
    forced = f"{evaluator['blessing']}/{FORCED_BLESSING_FILE}"
    return Result(
        evaluation=read_evaluation(evaluator["evaluation"]),
        forced_reason=_json(forced)["reason"] if fileio.exists(forced) else "",
        pushed_to=_pushed_to(finished["ModelPusher"]),
    )


def describe(result: Finished) -> str:
    """Returns key figures of a finished component as a short text; may be empty."""
    described = _DESCRIPTIONS.get(result.component)
    return described(result) if described else ""


def _utterances(result: Finished) -> str:
    summary = _json(f"{result.outputs['examples']}/summary.json")
    splits = ", ".join(f"{name} {split['read']:,}" for name, split in summary["splits"].items())
    return f"{summary['read']:,} utterances read ({splits}), {summary['rejected']:,} rejected"


def _data(result: Finished) -> str:
    report = _json(f"{result.outputs['report']}/{names.REPORT_FILE}")
    rules = [found["rule"] for found in report["findings"] if found["severity"] == "warning"]
    named = f" ({', '.join(dict.fromkeys(rules))})" if rules else ""
    warnings = f"{len(rules)} warning{'' if len(rules) == 1 else 's'}{named}"
    return f"no errors, {warnings}, {result.outputs['report']}/{names.PAGE_FILE}"


def _training(result: Finished) -> str:
    facts = _json(f"{path_utils.serving_model_path(result.outputs['model'])}/{RECORD_FILE}")
    trained = f"{facts['epochs_run']} epochs, best {facts['best_epoch']}"
    if members := facts.get("members"):
        best = ", ".join(str(member["best_epoch"]) for member in members)
        trained = f"{len(members)} models of {facts['epochs_run']} epochs, best {best}"
    return f"{trained}, dev EER {percent(facts['dev_eer'])}, {facts['parameters']:,} parameters"


def _tuning(result: Finished) -> str:
    # The best trial is first; failed trials are not listed.
    best, *_ = ended = _json(f"{result.outputs['tuner_results']}/tuner_results.json")
    values = {name: best[name] for name in best if name not in ("trial_id", "score")}
    return (
        f"{len(ended)} trial{'s'[: len(ended) > 1]} ended, best {int(best['trial_id']) + 1}, "
        f"dev EER {percent(best['score'])}, {values_text(values)}"
    )


def _champion(result: Finished) -> str:
    uri = result.outputs["model"]
    if fileio.exists(f"{uri}/{CHAMPION_FILE}"):
        return f"version {_json(f'{uri}/{CHAMPION_FILE}')['version']}"
    # The reason of a cached run may be outdated.
    return "none" if result.cached else f"none: {_json(f'{uri}/{NO_CHAMPION_FILE}')['reason']}"


def _evaluation(result: Finished) -> str:
    summary = read_evaluation(result.outputs["evaluation"])
    verdict = "gate passed" if summary.passed else "gate REFUSED"
    return (
        f"eval EER {_with_interval(summary.eer)} on {summary.n_bonafide:,} bona fide and "
        f"{summary.n_spoof:,} spoof, {verdict}"
    )


def _with_interval(rate: Figure) -> str:
    if rate.ci95 is None:
        return percent(rate.value)
    return f"{percent(rate.value)} ({percent(rate.ci95[0])} to {percent(rate.ci95[1])})"


def _report(result: Finished) -> str:
    return f"{result.outputs['report']}/{REPORT_FILE}"


def _push(result: Finished) -> str:
    pushed_to = _pushed_to(result)
    return f"version {pushed_to.rpartition('/')[2]}" if pushed_to else "nothing pushed"


def _pushed_to(result: Finished) -> str:
    return str(result.properties.get("pushed_destination", ""))


_DESCRIPTIONS: dict[str, Callable[[Finished], str]] = {
    "UtteranceGen": _utterances,
    "DataGate": _data,
    "Tuner": _tuning,
    "Trainer": _training,
    "Champion": _champion,
    "ModelEvaluator": _evaluation,
    "EvalReport": _report,
    "ModelPusher": _push,
}


def _json(path: str) -> Any:
    with fileio.open(path) as file:
        return json.loads(file.read())
