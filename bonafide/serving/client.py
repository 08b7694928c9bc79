"""Scores recordings with a model that TensorFlow Serving or KServe serves.

    bonafide client call.wav talk.mp3                      REST, http://localhost:8501
    bonafide client --url http://localhost:8080 call.wav   KServe's port
    bonafide client --grpc localhost:8500 call.wav

Recordings are decoded here, as the pipeline decodes utterances, and cut into the model's clips
where they are longer; a recording's score is the mean of theirs, so it is what score.py would say.
Prints path, score (a natural-log likelihood ratio, higher = more bona fide) and seconds, between
tabs.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bonafide.scoring.model import DEFAULT_CLIP_SAMPLES, DEFAULT_SAMPLE_RATE
from bonafide.scoring.reading import AudioError, read_blocks
from bonafide.scoring.windows import cut

SIGNATURE = "score_pcm16"
INPUT = "pcm16"
# As much as the server scores at once (`config/batching.txt`).
BATCH_CLIPS = 32
TIMEOUT_SECONDS = 60.0

Scorer = Callable[[Sequence[bytes]], list[float]]


class ServerError(Exception):
    """The server cannot be reached or does not score; the message says what it said."""


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
            raise ServerError(f"{address} says {error.code}: {_reason(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"{address} cannot be reached: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError(f"{address} gives no scores: is it another service?") from error

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
            raise ServerError(f"{target} says {error.code().name}: {error.details()}") from error
        scores: list[float] = tf.make_ndarray(reply.outputs["score"]).tolist()
        return scores

    return score


def score_recording(
    path: str, score: Scorer, *, sample_rate: int, clip_samples: int
) -> tuple[float, float]:
    """Returns the score of a recording and its length in seconds.

    Args:
        path: Of a recording in any format and at any rate that libsndfile reads.
        score: Clips -> their scores.
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.

    Raises:
        AudioError: The recording cannot be used.
        ServerError: The server does not score it.
    """
    samples = np.concatenate(list(read_blocks(path, sample_rate)))
    clips = [clip.astype("<i2").tobytes() for _, clip in cut([samples], clip_samples)]
    scores: list[float] = []
    for first in range(0, len(clips), BATCH_CLIPS):
        scores += score(clips[first : first + BATCH_CLIPS])
    return float(np.mean(scores)), len(samples) / sample_rate


def _reason(error: urllib.error.HTTPError) -> str:
    """What TensorFlow Serving says in the body, or the status' own words."""
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command; returns 0, or 1 if the server or some recording failed."""
    parser = argparse.ArgumentParser(
        prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="recordings; - is standard input")
    add("--url", default="http://localhost:8501", help="of the server (default %(default)s)")
    add("--grpc", metavar="HOST:PORT", help="speak gRPC with this server instead")
    add("--model", default="bonafide", help="its name on the server (default %(default)s)")
    told = "as the model was trained with (default %(default)s)"
    add("--sample-rate", type=int, default=DEFAULT_SAMPLE_RATE, help=f"Hz, {told}")
    add("--clip-samples", type=int, default=DEFAULT_CLIP_SAMPLES, help=f"length of a clip, {told}")
    options = parser.parse_args(arguments)
    if options.grpc:
        score = over_grpc(options.grpc, options.model)
    else:
        score = over_rest(options.url, options.model)
    sizes = {"sample_rate": options.sample_rate, "clip_samples": options.clip_samples}
    failed = 0
    for path in options.paths:
        try:
            found, seconds = score_recording(path, score, **sizes)
            print(f"{path}\t{found:.6f}\t{seconds:.3f}", flush=True)
        except AudioError as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            failed = 1
        except ServerError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return failed
