"""Collects the contents of a report from the artifacts of a run."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfx.dsl.io import fileio

from bonafide import text
from bonafide.corpora import NO_ATTACK
from bonafide.dataset import listing
from bonafide.metrics.evaluation_json import from_json
from bonafide.metrics.results import Evaluation, frozen_threshold
from bonafide.metrics.slices import RESAMPLES, Slices, cross_attacks, slice_trials
from bonafide.registry import names
from bonafide.registry.names import FORCED_BLESSING_FILE, RECORD_FILE, REPORT_FILE
from bonafide.report import evaluation_files
from bonafide.report.contents import (
    CalibrationEffect,
    DataChecks,
    DataFinding,
    Rejected,
    ReportContents,
)
from bonafide.trials.trials import Trials
from components.eval_report.conditions import conditions_of

_SHOWN_REJECTED = 20


def gather(  # noqa: PLR0913 (one for each input of the component)
    *,
    evaluation_uri: str,
    scores_uri: str,
    blessing_uri: str,
    examples_uri: str,
    data_report_uri: str | None = None,
    model_path: str,
    title: str,
    corpus_root: str,
    settings: Mapping[str, Any],
    version: str,
) -> ReportContents:
    """Returns the contents of a report.

    Args:
        evaluation_uri: Folder of ModelEvaluator's `evaluation`.
        scores_uri: Folder of its `scores`.
        blessing_uri: Folder of its `blessing`.
        examples_uri: Folder of UtteranceGen's `examples`.
        data_report_uri: Folder of DataGate's `report`; None without one.
        model_path: SavedModel folder.
        title: Name of the system.
        corpus_root: Folder of the corpus.
        settings: Section -> name -> value.
        version: Version of this project.
    """
    context = evaluation_files.read_json(f"{evaluation_uri}/{names.CONTEXT_FILE}")
    champion = context["champion"]
    record_file = f"{model_path}/{RECORD_FILE}"
    record = evaluation_files.read_json(record_file) if fileio.exists(record_file) else {}
    forced = f"{blessing_uri}/{FORCED_BLESSING_FILE}"
    summary = evaluation_files.read_json(f"{examples_uri}/summary.json")
    trials = evaluation_files.read_trials(scores_uri, "eval")
    evaluation = from_json(evaluation_files.read_json(f"{evaluation_uri}/{names.EVALUATION_FILE}"))
    return ReportContents(
        title=title,
        date=context["date"],
        version=version,
        evaluation=evaluation,
        trials=trials,
        dev=evaluation_files.read_trials(scores_uri, "dev"),
        baseline_name=f"the champion, version {champion['version']}" if champion else "",
        baseline_scores=evaluation_files.read_champion_scores(scores_uri),
        verdict=evaluation_files.read_verdict(evaluation_uri),
        limits_of=limits_of(settings),
        forced_reason=evaluation_files.read_json(forced)["reason"] if fileio.exists(forced) else "",
        calibration=_calibration(context["calibration"]),
        history=record.get("history", ()),
        provenance=provenance(summary, record, champion, settings),
        rejected=rejected(examples_uri),
        slices=slices_of(evaluation, trials, examples_uri),
        crossed=cross_attacks(trials, conditions_of(examples_uri, trials.utterances)),
        data=_data(data_report_uri),
        cue_removal=evaluation_files.read_cue_removal(evaluation_uri),
        conditions=evaluation_files.read_conditions(evaluation_uri),
        training=evaluation_files.read_training_range(evaluation_uri),
        audio=player(corpus_root, examples_uri, trials.utterances),
    )


def slices_of(evaluation: Evaluation, trials: Trials, examples_uri: str) -> Slices:
    """Evaluates the trials by every known condition."""
    return slice_trials(
        trials,
        conditions_of(examples_uri, trials.utterances),
        threshold=frozen_threshold(evaluation),
        resamples=min(evaluation.bootstrap.resamples, RESAMPLES),
        seed=evaluation.bootstrap.seed,
    )


def provenance(
    summary: Mapping[str, Any],
    record: Mapping[str, Any],
    champion: Mapping[str, str] | None,
    settings: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Returns section -> name -> value for data, model, champion and settings."""
    data = {
        "corpus": summary["corpus"],
        "layout": summary["layout"],
        "corpus fingerprint": summary["corpus_fingerprint"],
        "sample rate": f"{summary['sample_rate']} Hz",
    }
    for split, counts in summary["splits"].items():
        bonafide = counts["systems"].get(NO_ATTACK, 0)
        data[split] = (
            f"{counts['read']:,} utterances ({bonafide:,} bona fide, "
            f"{counts['read'] - bonafide:,} spoof), {counts['seconds'] / 3600:.2f} h, "
            f"{counts['rejected']:,} rejected"
        )
        if copies := counts.get("degraded_copies"):
            data[split] += f", {copies:,} degraded copies"
    names = {
        "training_fingerprint": "training fingerprint (data, code, settings)",
        "seed": "seed",
        "parameters": "trained parameters",
        "epochs_run": "epochs run",
        "best_epoch": "best epoch",
        "dev_eer": "dev EER of the best epoch",
        "device": "trained on",
    }
    model = {shown: _shown(record[name]) for name, shown in names.items() if name in record}
    if isinstance(record.get("dev_eer"), float):
        model[names["dev_eer"]] = text.rate(record["dev_eer"])
    chosen = {
        f"{section}.{name}": "(empty)" if value == "" else _shown(value)
        for section, values in settings.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
    }
    for name, value in record.get("tuned", {}).items():
        same = _shown(value) == chosen.get(name)
        chosen[name] = (
            f"{_shown(value)} (tuned; configured: {'the same' if same else chosen.get(name)})"
        )
    against = {"version": champion["version"], "pushed to": champion["source"]} if champion else {}
    sections = {"Data": data, "Model": model, "Champion": against, "Settings": chosen}
    return {title: rows for title, rows in sections.items() if rows}


def _shown(value: Any) -> Any:
    """Returns a value for people: floats with six digits at most."""
    if not isinstance(value, float):
        return value
    short = f"{value:g}"
    return value if float(short) == value else short


def rejected(examples_uri: str) -> Rejected:
    """Returns the number of rejected utterances, and the first of them with reasons."""
    with fileio.open(f"{examples_uri}/rejected.tsv") as stream:
        rows = csv.reader(itertools.islice(stream, 1, None), delimiter="\t", quoting=csv.QUOTE_NONE)
        first = list(itertools.islice(rows, _SHOWN_REJECTED))
        total = len(first) + sum(1 for _ in rows)
    return Rejected(total, [(row[0], row[1], row[2]) for row in first])


def player(
    corpus_root: str, examples_uri: str, utterances: Iterable[str]
) -> Callable[[str], str | None]:
    """Returns a function from an utterance id to a URI that a local browser can play.

    Audio on an object store cannot be played from a page, so it has no player.
    """
    if "://" in corpus_root:
        return lambda _utterance: None
    wanted = set(map(str, utterances))
    paths = {
        row.utterance: row.path
        for row in listing.read_listing(examples_uri)
        if row.utterance in wanted
    }

    def uri(utterance: str) -> str | None:
        path = pathlib.Path(corpus_root, paths.get(utterance, ""))
        return path.resolve().as_uri() if utterance in paths and path.is_file() else None

    return uri


def _data(data_report_uri: str | None) -> DataChecks | None:
    if data_report_uri is None:
        return None
    report = evaluation_files.read_json(f"{data_report_uri}/{REPORT_FILE}")
    numbers = report["numbers"].get("eval", {})
    return DataChecks(
        findings=[
            DataFinding(
                **{field.name: found[field.name] for field in dataclasses.fields(DataFinding)}
            )
            for found in report["findings"]
        ],
        all_numbers_eer=numbers["all"]["eer"] if "all" in numbers else None,
    )


def _calibration(effect: Mapping[str, Any] | None) -> CalibrationEffect | None:
    if effect is None:
        return None
    cllr = {split: (before, after) for split, (before, after) in effect["cllr"].items()}
    return CalibrationEffect(effect["slope"], effect["offset"], cllr, effect["note"])


def limits_of(settings: Mapping[str, Any]) -> str:
    """Returns whose limits the gate has applied, for people; empty if the settings are unknown."""
    preset = settings.get("name")
    if preset == "sample":
        return "the preset sample, set to test the pipeline: this is not a detector to use"
    return f"the preset {preset} and its overrides" if preset else ""


def parse_settings(content: str) -> dict[str, Any]:
    """Parses the settings from JSON."""
    return json.loads(content) if content else {}
