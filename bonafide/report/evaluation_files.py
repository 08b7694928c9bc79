"""Files that ModelEvaluator writes beside TFMA's own: names, writing, reading.

In the artifact `evaluation`: TFMA's results of eval, those of dev in `dev/`, and

    evaluation.json    every figure of eval (`bonafide.metrics.evaluation_json`)
    dev.json           the same of dev
    verdict.json       the gate's verdict, rule by rule (`bonafide.metrics.gate.Verdict`)
    cue_removal.json   EER of eval after cue removal (`bonafide.metrics.treated`); null if it is
                       switched off
    conditions.json    error rates on eval under each condition; null if switched off
    training_range.json what training's clips are like (`bonafide.metrics.training_range`); absent
                       if too few of them hold speech
    score_profile.json distribution of eval's scores (`bonafide.metrics.distribution`)
    context.json       date, code, effect of calibration, champion

In the artifact `scores`, for each split: `SPLIT.scores.txt` (utterance system key score),
`SPLIT.submission.txt` (utterance score) and `SPLIT.protocol.txt` (speaker utterance - system key);
with a champion also `champion.eval.scores.txt`; for treated and
degraded recordings `eval.TREATMENT.scores.txt`, where a condition is named as in the settings,
with `-` for `:` and `+` for `|`. `bonafide evaluate` reads them all.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bonafide.metrics import distribution, evaluation_json, treated
from bonafide.metrics.gate import Verdict
from bonafide.metrics.results import Evaluation
from bonafide.metrics.training_range import TrainingRange
from bonafide.metrics.treated import TreatedTrials
from bonafide.registry.names import (
    CONDITIONS_FILE,
    CONTEXT_FILE,
    CUE_REMOVAL_FILE,
    DEV_FILE,
    EVALUATION_FILE,
    SCORE_PROFILE_FILE,
    TRAINING_RANGE_FILE,
    VERDICT_FILE,
)
from bonafide.storage import uris
from bonafide.trials import score_files
from bonafide.trials.protocols import parse_protocol
from bonafide.trials.trials import Trials

DEV_DIR = "dev"
CHAMPION_SCORES = "champion.eval.scores.txt"


def write_scores(uri: str, split: str, trials: Trials, champion: np.ndarray | None) -> None:
    """Writes the score files of a split into the artifact `scores`."""
    _write_lines(f"{uri}/{split}.scores.txt", score_files.score_lines(trials))
    _write_lines(f"{uri}/{split}.submission.txt", score_files.submission_lines(trials))
    _write_lines(f"{uri}/{split}.protocol.txt", score_files.protocol_lines(trials))
    if champion is not None:
        theirs = dataclasses.replace(trials, scores=champion)
        _write_lines(f"{uri}/{CHAMPION_SCORES}", score_files.score_lines(theirs))


def write_treated_scores(uri: str, trials: Trials, treated: Mapping[str, np.ndarray]) -> None:
    """Writes the score files of treated recordings of eval into the artifact `scores`."""
    for name, scores in treated.items():
        lines = score_files.score_lines(dataclasses.replace(trials, scores=scores))
        named = name.replace(":", "-").replace("|", "+")
        _write_lines(f"{uri}/eval.{named}.scores.txt", lines)


def read_trials(uri: str, split: str) -> Trials:
    """Reads the trials of a split from the artifact `scores`."""
    return _matched(uri, f"{split}.scores.txt", split)


def read_champion_scores(uri: str) -> np.ndarray | None:
    """Reads the champion's scores [N] on eval, in the order of `read_trials`; None without one."""
    if not uris.exists(f"{uri}/{CHAMPION_SCORES}"):
        return None
    return _matched(uri, CHAMPION_SCORES, "eval").scores


def read_cue_removal(uri: str) -> TreatedTrials | None:
    """Reads the results of cue removal; None if it was switched off or is not known yet."""
    return _read_treated(f"{uri}/{CUE_REMOVAL_FILE}")


def read_conditions(uri: str) -> TreatedTrials | None:
    """Reads the results under the conditions; None if there are none or they are not known yet."""
    return _read_treated(f"{uri}/{CONDITIONS_FILE}")


def _read_treated(path: str) -> TreatedTrials | None:
    found = read_json(path) if uris.exists(path) else None
    return None if found is None else treated.from_json(found)


def write_results(
    uri: str,
    *,
    trials: Trials,
    found: Evaluation,
    dev: Evaluation,
    verdict: Verdict,
    context: Mapping[str, Any],
    removal: TreatedTrials | None = None,
) -> None:
    """Writes the results on eval into the artifact `evaluation`."""
    _write_treated(f"{uri}/{CUE_REMOVAL_FILE}", removal)
    scores = {"bonafide": trials.is_bonafide, "spoof": ~trials.is_bonafide}
    write_json(
        f"{uri}/{SCORE_PROFILE_FILE}",
        {
            name: distribution.to_json(distribution.distribution_of(trials.scores[flags]))
            for name, flags in scores.items()
        },
    )
    write_json(f"{uri}/{DEV_FILE}", evaluation_json.to_json(dev))
    write_json(f"{uri}/{EVALUATION_FILE}", evaluation_json.to_json(found))
    write_json(f"{uri}/{CONTEXT_FILE}", context)
    write_json(f"{uri}/{VERDICT_FILE}", verdict.to_json())


def write_conditions(uri: str, conditions: TreatedTrials | None) -> None:
    """Writes the results under the conditions into the artifact `evaluation`."""
    _write_treated(f"{uri}/{CONDITIONS_FILE}", conditions)


def write_training_range(uri: str, found: TrainingRange) -> None:
    """Writes what training's clips are like into the artifact `evaluation`."""
    write_json(f"{uri}/{TRAINING_RANGE_FILE}", found.to_json())


def read_training_range(uri: str) -> TrainingRange | None:
    """Reads what training's clips are like; None if it is not known."""
    path = f"{uri}/{TRAINING_RANGE_FILE}"
    return TrainingRange.from_json(read_json(path)) if uris.exists(path) else None


def _write_treated(path: str, results: TreatedTrials | None) -> None:
    write_json(path, None if results is None else treated.to_json(results))


def read_verdict(uri: str) -> Verdict:
    """Reads the gate's verdict."""
    return Verdict.from_json(read_json(f"{uri}/{VERDICT_FILE}"))


def read_json(path: str) -> Any:
    """Reads a JSON file, by path or URI."""
    return json.loads(uris.read_text(path))


def write_json(path: str, content: Any) -> None:
    """Writes a JSON file; NaN and infinity are refused, other programs cannot read them."""
    uris.write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _matched(uri: str, name: str, split: str) -> Trials:
    protocol = parse_protocol(_text(f"{uri}/{split}.protocol.txt"), where=f"{split}.protocol.txt")
    scores = score_files.parse_scores(_text(f"{uri}/{name}"), where=name)
    return score_files.match(scores, protocol)


def _text(path: str) -> str:
    return uris.read_text(path)


def _write_lines(path: str, lines: Iterable[str]) -> None:
    uris.write_text(path, "".join(f"{line.rstrip()}\n" for line in lines))
