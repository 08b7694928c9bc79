"""Predict requests to TensorFlow Serving or KServe, over REST and gRPC, and their errors."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

SIGNATURE, INPUT = "score_pcm16", "pcm16"
DESCRIBE, DESCRIBE_INPUT = "describe", "request"
TIMEOUT_SECONDS = 60.0
_TOO_LARGE = 413  # Content Too Large

# Signature, name of its one input, values [B] -> a mapping of the outputs for each value.
Predict = Callable[[str, str, Sequence[bytes]], list[dict[str, Any]]]


class ServerError(Exception):
    """The server cannot be reached or does not score; the message contains its answer."""


class TooLargeError(ServerError):
    """The server, or a proxy in front of it, refuses requests of this size."""


class NoSignatureError(ServerError):
    """The model has no such signature."""


def request_body(
    values: Sequence[bytes], signature: str = SIGNATURE, name: str = INPUT
) -> dict[str, Any]:
    """Returns the body of a predict request: rows of one input each, bytes as base64."""
    rows = [{name: {"b64": base64.b64encode(value).decode("ascii")}} for value in values]
    return {"signature_name": signature, "instances": rows}


def over_rest(url: str, model: str) -> Predict:
    """Returns a function that sends predict requests over REST.

    Args:
        url: Of the server, without a path.
        model: Name of the model there.
    """
    address = f"{url.rstrip('/')}/v1/models/{model}:predict"
    opener = urllib.request.build_opener(_Http, _Https)

    def predict(signature: str, name: str, values: Sequence[bytes]) -> list[dict[str, Any]]:
        body = json.dumps(request_body(values, signature, name)).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as reply:
                rows = json.load(reply)["predictions"]
                if not isinstance(rows, list) or len(rows) != len(values):
                    raise TypeError("expected a row for each value")
                return [dict(row) for row in rows]
        except urllib.error.HTTPError as error:
            raise _http_error(address, error, signature, len(body), len(values)) from error
        except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as error:
            if len(values) > 1:
                raise TooLargeError(_closed(address, len(body), len(values))) from error
            raise ServerError(f"{address} cannot be reached: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"{address} cannot be reached: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError(f"{address} returned no scores. Is it another service?") from error

    return predict


def over_grpc(target: str, model: str) -> Predict:
    """Returns the same function over gRPC; needs tensorflow and tensorflow-serving-api.

    Args:
        target: Host and port of the server.
        model: Name of the model there.
    """
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target))

    def predict(signature: str, name: str, values: Sequence[bytes]) -> list[dict[str, Any]]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(list(values)))
        try:
            reply = stub.Predict(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            answer = f"{target} answered {error.code().name}: {error.details()}"
            if _misses(signature, str(error.details())):
                raise NoSignatureError(answer) from error
            if "larger than max" in str(error.details()):
                raise TooLargeError(answer) from error
            raise ServerError(answer) from error
        columns = {key: tf.make_ndarray(value).tolist() for key, value in reply.outputs.items()}
        return [{key: columns[key][row] for key in columns} for row in range(len(values))]

    return predict


def _http_error(
    address: str, error: urllib.error.HTTPError, signature: str, size: int, count: int
) -> ServerError:
    reason = _reason(error)
    if error.code == _TOO_LARGE:
        clips = "1 clip" if count == 1 else f"{count} clips"
        return TooLargeError(
            f"{address} answered 413: {reason}. It refuses requests of {size:,} bytes ({clips})"
        )
    answer = f"{address} answered {error.code}: {reason}"
    return NoSignatureError(answer) if _misses(signature, reason) else ServerError(answer)


def _closed(address: str, size: int, count: int) -> str:
    return (
        f"{address} closed the connection while it received a request of {size:,} bytes "
        f"({count} clips)"
    )


def _misses(signature: str, text: str) -> bool:
    """Whether an answer of TensorFlow Serving says that the model has no such signature."""
    return signature in text and "not found in signature def" in text


def _reason(error: urllib.error.HTTPError) -> str:
    """The error in the body of TensorFlow Serving's answer, or the reason of the status."""
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)


class _EarlyAnswer(http.client.HTTPConnection):
    """Reads the answer of a server that stops reading the request.

    A proxy that limits the size of requests answers 413 as soon as it has the headers, and closes.
    """

    def request(self, *arguments: Any, **options: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().request(*arguments, **options)
            return
        if self.sock is None:
            raise ConnectionResetError("the connection was closed before a request was sent")


class _EarlyAnswerTls(http.client.HTTPSConnection, _EarlyAnswer):
    """The same over TLS."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_EarlyAnswer, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_EarlyAnswerTls, req)
