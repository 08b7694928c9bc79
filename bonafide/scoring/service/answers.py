"""What the API says of recordings and of the model: the JSON of `bonafide score`, and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bonafide.scoring import engine, output, own_test, thresholds, web
from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import Reading
from bonafide.scoring.service.errors import ServiceError
from bonafide.scoring.service.models import Loaded
from bonafide.scoring.service.settings import Limits
from bonafide.scoring.thresholds import Threshold


def choose_reading(
    loaded: Loaded, threshold: str | None, prior: float | None, cost_ratio: float | None
) -> Reading:
    """Returns how scores are read, as a request says.

    Raises:
        ServiceError: There is no such threshold.
    """
    model = loaded.model
    try:
        wanted = None if threshold is None else thresholds.parse(threshold)
        chosen = thresholds.choose(wanted, model.thresholds, prior=prior, cost_ratio=cost_ratio)
    except thresholds.ThresholdError as error:
        raise ServiceError(
            422,
            "unknown_threshold",
            str(error),
            where="query threshold",
            remedy="GET /v1/model lists the thresholds of this model.",
        ) from error
    belief = thresholds.EVEN_PRIOR if prior is None else prior
    return Reading(model.sample_rate, model.clip_samples, chosen, belief, model.training)


def score_answer(
    loaded: Loaded,
    reading: Reading,
    recordings: Sequence[Recording],
    *,
    segments: bool,
    request_id: str,
) -> dict[str, Any]:
    """Returns the answer of POST /v1/score.

    `recordings` holds the objects of `bonafide score --json`, with `--segments` where asked for.
    """
    return {
        "model": identity(loaded),
        "threshold": threshold_facts(reading.threshold, loaded),
        "prior": reading.prior,
        "recordings": [output.as_object(one, reading, segments=segments) for one in recordings],
        "request_id": request_id,
    }


def refuse_unusable(recordings: Sequence[Recording]) -> None:
    """Raises ServiceError if not one recording of a request can be used."""
    if not all(one.error for one in recordings):
        return
    first = recordings[0]
    raise ServiceError(
        422,
        "unusable_audio",
        first.error
        if len(recordings) == 1
        else f"none of {len(recordings)} recordings can be used; the first: {first.error}",
        where=f"recording {first.path!r}" if first.path else "body",
        remedy="Send a whole recording of at least 0.3 s in a format of phones or computers.",
    )


def identity(loaded: Loaded) -> dict[str, Any]:
    """Returns which model it is."""
    return {"version": loaded.version, "sha256": loaded.sha256}


def threshold_facts(threshold: Threshold, loaded: Loaded) -> dict[str, Any]:
    """Returns a threshold, its rule in words, and its error rates on the model's own test."""
    return {
        "name": threshold.name,
        "value": threshold.value,
        "lower": threshold.lower,
        "rule": str(threshold),
        "own_test": own_test.facts(threshold, loaded.model.evaluation),
    }


def model_answer(loaded: Loaded, limits: Limits) -> dict[str, Any]:
    """Returns the answer of GET /v1/model."""
    model = loaded.model
    offered = web.offered(model)
    chosen = [thresholds.choose(name, model.thresholds) for name in offered]
    return {
        "model": identity(loaded),
        "sample_rate": model.sample_rate,
        "clip_samples": model.clip_samples,
        "default_threshold": offered[0],
        "thresholds": [threshold_facts(one, loaded) for one in chosen],
        "limits_in_words": own_test.in_plain_words(
            thresholds.choose(None, model.thresholds), model.evaluation
        ),
        "training_range": model.training and model.training.to_json(),
        "model_card": model.card,
        "limits": {
            "min_speech_seconds": engine.MIN_SPEECH_SECONDS,
            "max_body_bytes": limits.body_bytes,
            "max_recordings": limits.recordings,
            "max_seconds": limits.seconds,
            "max_channel_seconds": limits.audio.max_channel_seconds,
        },
    }
