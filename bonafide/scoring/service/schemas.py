"""Types of the API's answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Decision = Literal["bona fide", "spoof", "not sure", "no speech"]


class ErrorFacts(BaseModel):
    """What is wrong, where, and what to do."""

    code: str = Field(description="Stable name, for programs.")
    message: str = Field(description="What is wrong.")
    where: str = Field(description="The part of the request; empty if it is not one part.")
    remedy: str = Field(description="What to do.")
    request_id: str = Field(description="As in the header X-Request-Id and in the log.")


class ErrorAnswer(BaseModel):
    """The one form of errors."""

    error: ErrorFacts


class ModelIdentity(BaseModel):
    """Which model scored."""

    version: str = Field(description="Name of the version's folder.")
    sha256: str = Field(description="Of the names and contents of its files.")


class OwnTest(BaseModel):
    """Error rates of a threshold on the model's own test, as shares of each class."""

    false_accept: float = Field(description="Spoofs that were called bona fide.")
    false_reject: float = Field(description="Bona fide clips that were called spoof.")
    unsure_spoof: float = Field(description="Spoofs between two thresholds.")
    unsure_bonafide: float = Field(description="Bona fide clips between two thresholds.")
    n_spoof: int
    n_bonafide: int


class ThresholdFacts(BaseModel):
    """A threshold, or a band of two."""

    name: str = Field(
        description="`band`, `even`, `bayes`, `eer`, `far1`, `far5`, `frr5` or `number`."
    )
    value: float = Field(description="Scores above it are bona fide.")
    lower: float | None = Field(description="Of a band: scores at or below it are spoof.")
    rule: str = Field(description="The rule in words.")
    own_test: OwnTest | None = Field(description="Null where it is not known.")


class ChannelScore(BaseModel):
    """A channel that was scored by itself; as the recording."""

    channel: str | None
    score: float | None
    probability: float | None
    decision: Decision | None
    seconds: float | None
    speech: float | None
    segments: int | None
    lowest: float | None
    lowest_start: float | None
    partly_spoofed: bool | None
    unlike_training: str | None


class SegmentScore(BaseModel):
    """A segment of speech."""

    channel: str
    start: float = Field(description="In seconds.")
    end: float = Field(description="In seconds.")
    speech: float = Field(description="Seconds of speech in it.")
    score: float
    probability: float
    decision: Decision
    lowest: bool = Field(description="Whether it is the lowest of its channel.")
    partly_spoofed: bool = Field(description="Whether it belongs to a run that looks spoofed.")
    unlike_training: str | None


class RecordingScore(BaseModel):
    """A recording: the object of `bonafide score --json`."""

    path: str = Field(description="Name of the file, as it was sent.")
    channel: str | None = Field(description="`mono`, `mix`, or `worst: NAME`.")
    score: float | None = Field(
        description="Natural-log likelihood ratio, higher = more bona fide; null without speech."
    )
    probability: float | None = Field(description="Of bona fide, at the prior.")
    decision: Decision | None
    seconds: float | None = Field(description="Length.")
    speech: float | None = Field(description="Seconds of speech.")
    segments: int | None = Field(description="Number of scored segments.")
    lowest: float | None = Field(description="Score of the lowest segment.")
    lowest_start: float | None = Field(description="Where it starts, in seconds.")
    partly_spoofed: bool | None = Field(description="A run of segments looks spoofed.")
    unlike_training: str | None = Field(
        description="In what the speech is unlike the training data; null where in nothing."
    )
    note: str | None = Field(description="What is to be known of the recording.")
    error: str | None = Field(description="Why there is no score.")
    channels: list[ChannelScore] = Field(
        default=[], description="Where channels were scored apart; absent otherwise."
    )
    segment_scores: list[SegmentScore] = Field(
        default=[], description="With `segments=true`; absent otherwise."
    )


class ScoreAnswer(BaseModel):
    """The answer of POST /v1/score."""

    model: ModelIdentity
    threshold: ThresholdFacts
    prior: float
    recordings: list[RecordingScore]
    request_id: str


class LimitFacts(BaseModel):
    """What a request may hold."""

    min_speech_seconds: float
    max_body_bytes: int
    max_recordings: int
    max_seconds: float
    max_channel_seconds: float


class ModelAnswer(BaseModel):
    """The answer of GET /v1/model."""

    model: ModelIdentity
    sample_rate: int = Field(description="In Hz.")
    clip_samples: int = Field(description="Length of a segment.")
    default_threshold: str
    thresholds: list[ThresholdFacts]
    limits_in_words: str = Field(description="How often the model is wrong, for people.")
    training_range: dict[str, Any] | None
    model_card: str = Field(description="Markdown; empty without one.")
    limits: LimitFacts


class Health(BaseModel):
    """The answer of the probes."""

    status: Literal["ok"]
