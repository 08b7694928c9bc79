"""What the page on this machine says of a recording that is dropped on it or recorded with it.

`bonafide.scoring.service.page` serves it.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from bonafide.audio.facts import TooLongError
from bonafide.scoring import engine, own_test, single, thresholds
from bonafide.scoring.explain import explain
from bonafide.scoring.model import Model, ModelError
from bonafide.scoring.plot import Plot
from bonafide.scoring.reading import AudioLimits
from bonafide.scoring.rows import Reading
from bonafide.scoring.single import ScoreBatch

MAX_BYTES = 64 * 1024**2
MAX_SECONDS = 600
LIMITS = AudioLimits.of_seconds(MAX_SECONDS)
_WIDTHS = (240, 1200)  # of the picture, in pixels
# A picture takes a second of a core: several at once would keep scores waiting.
_DRAWING = threading.Lock()
_SHOWN_OF_CHANNELS = ("channel", "decision", "score", "speech")


class RequestError(Exception):
    """A request that cannot be answered; the message is for the person at the page."""


def about(model: Model) -> dict[str, Any]:
    """Returns what the page shows before anything is scored."""
    return {
        "model": model.folder.name,
        "thresholds": offered(model),
        "limits": own_test.in_plain_words(
            thresholds.choose(None, model.thresholds), model.evaluation
        ),
        "min_speech_seconds": engine.MIN_SPEECH_SECONDS,
        "card": model.card,
        "max_bytes": MAX_BYTES,
        "max_seconds": MAX_SECONDS,
    }


def offered(model: Model) -> list[str]:
    """Returns the names of the thresholds that a model can be asked for, the default first."""
    default = thresholds.choose(None, model.thresholds).name
    of_model = [name for name in thresholds.OF_DEV if name in model.thresholds]
    names = [default, thresholds.EVEN, thresholds.BAYES, *of_model]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Question:
    """How a recording is to be judged and shown.

    Attributes:
        threshold: Where to decide.
        prior: Share of recordings that are bona fide before any is scored; None is 0.5.
        cost_ratio: See `thresholds.choose`.
        width: Of the picture, in pixels.
        name: Of the file; its ending is what tells formats without a header.
    """

    threshold: thresholds.Threshold
    prior: float | None
    cost_ratio: float | None
    width: int
    name: str


def asked(query: Mapping[str, str], model: Model) -> Question:
    """Returns how a recording is to be judged, as a request says.

    Raises:
        RequestError: A number is out of its range.
        thresholds.ThresholdError: The threshold is none.
    """
    prior = _number(query, "prior", None)
    cost_ratio = _number(query, "cost_ratio", None)
    width = _number(query, "width", 900.0) or 0.0
    if prior is not None and not 0 < prior < 1:
        raise RequestError("the share of bona fide recordings must lie between 0 and 1")
    if cost_ratio is not None and not 0 < cost_ratio < math.inf:
        raise RequestError("the ratio of costs must be a number above 0")
    wanted = thresholds.parse(query["threshold"]) if "threshold" in query else None
    threshold = thresholds.choose(wanted, model.thresholds, prior=prior, cost_ratio=cost_ratio)
    width = int(np.clip(np.nan_to_num(width or 0.0), *_WIDTHS))
    return Question(threshold, prior, cost_ratio, width, query.get("name", ""))


def scored(
    content: BinaryIO | bytes, model: Model, scorer: ScoreBatch, question: Question
) -> dict[str, Any]:
    """Returns what the page shows of a recording, from its file or the bytes of it.

    Raises:
        AudioError: It cannot be used.
        RequestError: It is too long.
        ModelError: The model fails.
    """
    threshold, prior = question.threshold, question.prior
    belief = thresholds.EVEN_PRIOR if prior is None else prior
    reading = Reading(model.sample_rate, model.clip_samples, threshold, belief, model.training)
    picture = Plot(reading)
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        recording = single.score_file(
            file, question.name, model, scorer, limits=LIMITS, watch=picture.watch
        )
    except TooLongError as error:
        if str(error).startswith("longer"):
            raise RequestError(
                f"longer than {MAX_SECONDS // 60} minutes: score it with score.py --plot"
            ) from error
        raise
    if recording.error:
        raise ModelError(recording.error)
    own, *channels = reading.rows(recording)
    del own["path"], own["error"]
    svg = ""
    if recording.has_score:
        with _DRAWING:
            svg = picture.svg(recording, width=question.width, titled=False)
    return own | {
        "reason": recording.reason,
        "lowest_end": own["segments"] and reading.span(*[reading.verdict(recording).lowest] * 2)[1],
        "partly_spoofed": reading.run(recording),
        "channels": [{key: row[key] for key in _SHOWN_OF_CHANNELS} for row in channels],
        "threshold": str(threshold),
        "limits": own_test.in_plain_words(threshold, model.evaluation),
        "svg": svg,
        "explanation": explain(model, threshold, prior, question.cost_ratio),
    }


def _number(query: Mapping[str, str], name: str, default: float | None) -> float | None:
    if name not in query:
        return default
    try:
        return float(query[name])
    except ValueError:
        raise RequestError(f"{name} is not a number") from None
