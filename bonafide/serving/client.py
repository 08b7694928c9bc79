"""Scores recordings with a model on TensorFlow Serving or KServe.

    bonafide client call.wav talk.mp3                      REST, http://localhost:8501
    bonafide client --url http://localhost:8080 call.wav   KServe's port
    bonafide client --grpc localhost:8500 call.wav

The client decodes recordings and cuts their speech into the model's clips by the code of `bonafide
score`, so that the scores are the same. Prints path, score (a natural-log likelihood ratio, higher
= more bona fide; empty if there is less than a second of speech), seconds, seconds of speech and
channel, separated by tabs.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any

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
from bonafide.storage.files import printable
from bonafide.text import visible

SIGNATURE = "score_pcm16"
INPUT = "pcm16"
# The largest batch of the server (`config/batching.txt`).
BATCH_CLIPS = 32
TIMEOUT_SECONDS = 60.0

Scorer = Callable[[Sequence[bytes]], list[float]]


class ServerError(Exception):
    """The server cannot be reached or does not score; the message contains its answer."""


def request_body(clips: Sequence[bytes]) -> dict[str, Any]:
    """Returns the body of a predict request: rows of one input each, bytes as base64."""
    rows = [{INPUT: {"b64": base64.b64encode(clip).decode("ascii")}} for clip in clips]
    return {"signature_name": SIGNATURE, "instances": rows}


def over_rest(url: str, model: str) -> Scorer:
    """Returns a function from clips (little-endian int16 bytes) to scores, over REST.

    Args:
        url: Of the server, without a path.
        model: Name of the model there.
    """
    address = f"{url.rstrip('/')}/v1/models/{model}:predict"

    def score(clips: Sequence[bytes]) -> list[float]:
        body = json.dumps(request_body(clips)).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
                return [float(row["score"]) for row in json.load(reply)["predictions"]]
        except urllib.error.HTTPError as error:
            raise ServerError(f"{address} answered {error.code}: {_reason(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"{address} cannot be reached: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError(f"{address} returned no scores. Is it another service?") from error

    return score


def over_grpc(target: str, model: str) -> Scorer:
    """Returns the same function over gRPC; needs tensorflow and tensorflow-serving-api.

    Args:
        target: Host and port of the server.
        model: Name of the model there.
    """
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target))

    def score(clips: Sequence[bytes]) -> list[float]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = SIGNATURE
        request.inputs[INPUT].CopyFrom(tf.make_tensor_proto(list(clips)))
        try:
            reply = stub.Predict(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            answer = f"{error.code().name}: {error.details()}"
            raise ServerError(f"{target} answered {answer}") from error
        scores: list[float] = tf.make_ndarray(reply.outputs["score"]).tolist()
        return scores

    return score


def score_recordings(
    paths: Sequence[str], score: Scorer, *, sample_rate: int, clip_samples: int, channel: str = AUTO
) -> Iterator[Recording]:
    """Yields recordings with their scores, in order, as `score.py` finds them.

    Args:
        paths: Of the recordings.
        score: Clips -> their scores.
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.
        channel: See `bonafide.scoring.reading.read_tracks`.

    Raises:
        ServerError: The server does not score.
    """
    decoder = Decoder(
        paths, lambda path: read_tracks(path, sample_rate, channel), sample_rate, clip_samples
    )
    try:
        yield from engine.score_recordings(
            paths, decoder, lambda clips: np.asarray(score(clips)), batch_clips=BATCH_CLIPS
        )
    finally:
        decoder.stop()


def _reason(error: urllib.error.HTTPError) -> str:
    """The error in the body of TensorFlow Serving's answer, or the reason of the status."""
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command; returns 0, or 1 if the server or some recording failed."""
    parser = CommandParser(prog=prog, description=__doc__)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="recordings; - is standard input")
    add("--url", default="http://localhost:8501", help="URL of the server (default %(default)s)")
    add("--grpc", metavar="HOST:PORT", help="use gRPC with this server")
    add("--model", default="bonafide", help="name of the model on the server (default %(default)s)")
    of_model = "of the model (default %(default)s)"
    add(
        "--sample-rate",
        type=int,
        default=DEFAULT_SAMPLE_RATE,
        help=f"sampling rate in Hz {of_model}",
    )
    add(
        "--clip-samples",
        type=int,
        default=DEFAULT_CLIP_SAMPLES,
        help=f"samples of a clip {of_model}",
    )
    add_channel(parser)
    options = parser.parse_args(arguments)
    if options.grpc:
        score = over_grpc(options.grpc, options.model)
    else:
        score = over_rest(options.url, options.model)
    sizes = {"sample_rate": options.sample_rate, "clip_samples": options.clip_samples}
    failed = 0
    try:
        for found in score_recordings(options.paths, score, channel=options.channel, **sizes):
            if found.error:
                print(f"error: {visible(found.path)}: {visible(found.error)}", file=sys.stderr)
                failed = 1
                continue
            track = found.verdict
            value = f"{track.score:.6f}" if found.has_score else ""
            seconds = f"{track.samples / options.sample_rate:.3f}\t{track.speech_seconds:.3f}"
            channel = (WORST if len(found.tracks) > 1 else "") + track.channel
            print(f"{cells.safe(printable(found.path))}\t{value}\t{seconds}\t{channel}", flush=True)
            if not found.has_score:
                print(f"error: {visible(found.path)}: {NO_SPEECH}: {found.reason}", file=sys.stderr)
                failed = 1
    except ServerError as error:
        print(f"error: {visible(error)}", file=sys.stderr)
        return 1
    return failed
