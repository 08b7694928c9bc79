"""Scores recordings with a model on TensorFlow Serving or KServe.

    bonafide client call.wav talk.mp3                      REST, http://localhost:8501
    bonafide client --url http://localhost:8080 call.wav   KServe's port
    bonafide client --grpc localhost:8500 call.wav
    bonafide client --describe                             what the model expects, as JSON

The client asks the server for the model's sampling rate and clip length (signature `describe`),
decodes recordings and cuts their speech into such clips by the code of `bonafide score`, so that
the scores are the same. Prints path, score (a natural-log likelihood ratio, higher = more bona
fide; empty if there is less than a second of speech), seconds, seconds of speech and channel,
separated by tabs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bonafide import cells
from bonafide.command_line import CommandParser
from bonafide.scoring import engine
from bonafide.scoring.ahead import Decoder
from bonafide.scoring.arguments import add_channel
from bonafide.scoring.engine import Recording
from bonafide.scoring.model import DEFAULT_CLIP_SAMPLES, DEFAULT_SAMPLE_RATE
from bonafide.scoring.reading import AUTO, read_tracks
from bonafide.scoring.rows import WORST
from bonafide.scoring.thresholds import NO_SPEECH
from bonafide.serving.transport import (
    DESCRIBE,
    DESCRIBE_INPUT,
    INPUT,
    SIGNATURE,
    NoSignatureError,
    Predict,
    ServerError,
    TooLargeError,
    over_grpc,
    over_rest,
)
from bonafide.storage.files import printable
from bonafide.text import visible

# The largest batch of the server (`config/batching.txt`).
BATCH_CLIPS = 32

Scorer = Callable[[Sequence[bytes]], list[float]]


@dataclasses.dataclass(frozen=True)
class Description:
    """What a served model says of itself.

    Attributes:
        sample_rate: In Hz.
        clip_samples: Of a clip; of a longer one, the model hears the beginning only.
        thresholds: Name -> score, fixed on dev.
        version: Of this project, when the model was exported.
        training_fingerprint: Of data, code and settings; empty if it is not known.
    """

    sample_rate: int
    clip_samples: int
    thresholds: dict[str, float]
    version: str
    training_fingerprint: str


def describe(predict: Predict) -> Description | None:
    """Asks the server for the model's description; None for a model that has none.

    Raises:
        ServerError: The server does not answer, or its answer is no description.
    """
    try:
        [row] = predict(DESCRIBE, DESCRIBE_INPUT, [b""])
    except NoSignatureError:
        return None
    text = {name: _text(row.get(name, "")) for name in ("version", "training_fingerprint")}
    try:
        return Description(
            sample_rate=int(row["sample_rate"]),
            clip_samples=int(row["clip_samples"]),
            thresholds=json.loads(_text(row["thresholds"])),
            **text,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServerError(f"expected a description of the model, got {row}") from error


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class BatchScorer:
    """Scores clips in requests of at most `batch` clips, fewer if the server refuses their size.

    Args:
        predict: Sends a request.
        batch: Most clips of a request.
    """

    def __init__(self, predict: Predict, batch: int = BATCH_CLIPS) -> None:
        self._predict = predict
        self.batch = batch

    def __call__(self, clips: Sequence[bytes]) -> list[float]:
        """Returns the scores of clips (little-endian int16 bytes).

        Raises:
            ServerError: The server does not score, or refuses a single clip.
        """
        scores: list[float] = []
        while len(scores) < len(clips):
            part = clips[len(scores) : len(scores) + self.batch]
            try:
                rows = self._predict(SIGNATURE, INPUT, part)
            except TooLargeError as error:
                if len(part) == 1:
                    raise ServerError(
                        f"{error}. Raise the limit of the proxy (nginx: client_max_body_size)."
                    ) from error
                self.batch = len(part) // 2
                print(f"note: {error}; sending {self.batch} at a time", file=sys.stderr)
                continue
            try:
                scores += [float(row["score"]) for row in rows]
            except (KeyError, TypeError, ValueError) as error:
                raise ServerError(
                    "the server returned no scores. Is it another service?"
                ) from error
        return scores


def score_recordings(
    paths: Sequence[str],
    score: Scorer,
    *,
    sample_rate: int,
    clip_samples: int,
    channel: str = AUTO,
    batch: int = BATCH_CLIPS,
) -> Iterator[Recording]:
    """Yields recordings with their scores, in order, as `score.py` finds them.

    Args:
        paths: Of the recordings.
        score: Clips -> their scores.
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.
        channel: See `bonafide.scoring.reading.read_tracks`.
        batch: Clips of a request.

    Raises:
        ServerError: The server does not score.
    """
    decoder = Decoder(
        paths, lambda path: read_tracks(path, sample_rate, channel), sample_rate, clip_samples
    )
    try:
        yield from engine.score_recordings(
            paths, decoder, lambda clips: np.asarray(score(clips)), batch_clips=batch
        )
    finally:
        decoder.stop()


def _sizes(described: Description | None, options: argparse.Namespace) -> dict[str, int]:
    """Returns sampling rate and clip length of the model.

    Raises:
        ServerError: An option says something else than the model.
    """
    if described is None:
        sizes = {
            "sample_rate": options.sample_rate or DEFAULT_SAMPLE_RATE,
            "clip_samples": options.clip_samples or DEFAULT_CLIP_SAMPLES,
        }
        if not (options.sample_rate and options.clip_samples):
            print(
                f"warning: the model has no signature {DESCRIBE!r}; assuming "
                f"{sizes['sample_rate']} Hz and clips of {sizes['clip_samples']} samples. If that "
                "is wrong, so are the scores: set --sample-rate and --clip-samples, which are in "
                "the model's assets.extra/bonafide.json.",
                file=sys.stderr,
            )
        return sizes
    sizes = {"sample_rate": described.sample_rate, "clip_samples": described.clip_samples}
    for name, value in sizes.items():
        given = getattr(options, name)
        if given not in (None, value):
            option = f"--{name.replace('_', '-')}"
            raise ServerError(
                f"expected {option} {value}, as the model says, got {given}. Omit the option."
            )
    return sizes


def _print_description(described: Description | None) -> int:
    if described is None:
        print(f"error: the model has no signature {DESCRIBE!r}", file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(described), indent=2))
    return 0


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command; returns 0, or 1 if the server or some recording failed."""
    parser = CommandParser(prog=prog, description=__doc__)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="*", help="recordings; - is standard input")
    add("--url", default="http://localhost:8501", help="URL of the server (default %(default)s)")
    add("--grpc", metavar="HOST:PORT", help="use gRPC with this server")
    add("--model", default="bonafide", help="name of the model on the server (default %(default)s)")
    checked = "of the model (default: as the server says; another value is refused)"
    add("--sample-rate", type=int, metavar="HZ", help=f"sampling rate {checked}")
    add("--clip-samples", type=int, metavar="N", help=f"samples of a clip {checked}")
    add(
        "--batch",
        type=int,
        metavar="N",
        default=BATCH_CLIPS,
        help="most clips of a request (default %(default)s); halved where the server answers that "
        "a request is too large",
    )
    add("--describe", action="store_true", help="print what the model expects, as JSON")
    add_channel(parser)
    options = parser.parse_args(arguments)
    if not (options.paths or options.describe):
        parser.error("expected a recording, got none")
    if options.batch < 1:
        parser.error(f"expected --batch of 1 or more, got {options.batch}")
    if options.grpc:
        predict = over_grpc(options.grpc, options.model)
    else:
        predict = over_rest(options.url, options.model)
    try:
        described = describe(predict)
        if options.describe:
            return _print_description(described)
        sizes = _sizes(described, options)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    score = BatchScorer(predict, options.batch)
    failed = 0
    try:
        for found in score_recordings(
            options.paths, score, channel=options.channel, batch=options.batch, **sizes
        ):
            if found.error:
                print(f"error: {visible(found.path)}: {visible(found.error)}", file=sys.stderr)
                failed = 1
                continue
            track = found.verdict
            value = f"{track.score:.6f}" if found.has_score else ""
            seconds = f"{track.samples / sizes['sample_rate']:.3f}\t{track.speech_seconds:.3f}"
            channel = (WORST if len(found.tracks) > 1 else "") + track.channel
            print(f"{cells.safe(printable(found.path))}\t{value}\t{seconds}\t{channel}", flush=True)
            if not found.has_score:
                print(f"error: {visible(found.path)}: {NO_SPEECH}: {found.reason}", file=sys.stderr)
                failed = 1
    except ServerError as error:
        print(f"error: {visible(error)}", file=sys.stderr)
        return 1
    return failed
