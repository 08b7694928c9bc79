"""TensorFlow Serving in small: its REST and gRPC APIs in front of a SavedModel, in this process.

What it accepts and replies is what https://www.tensorflow.org/tfx/serving/api_rest says of predict
and of a model's status and metadata; anything else is an error, as there.
"""

import base64
import contextlib
import http.server
import json
import re
import threading
from concurrent import futures

import grpc
import jsonschema
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# A predict request: rows or columns of values, bytes as {"b64": ...}.
PREDICT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "signature_name": {"type": "string"},
        "instances": {"type": "array", "items": {"$ref": "#/$defs/row"}},
        "inputs": {"$ref": "#/$defs/row"},
    },
    "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    "additionalProperties": False,
    "$defs": {
        "bytes": {
            "type": "object",
            "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
            "required": ["b64"],
            "additionalProperties": False,
        },
        "value": {
            "anyOf": [
                {"type": ["number", "string", "boolean"]},
                {"$ref": "#/$defs/bytes"},
                {"type": "array", "items": {"$ref": "#/$defs/value"}},
            ]
        },
        "named": {
            "type": "object",
            "not": {"required": ["b64"]},
            "additionalProperties": {"$ref": "#/$defs/value"},
        },
        "row": {"anyOf": [{"$ref": "#/$defs/value"}, {"$ref": "#/$defs/named"}]},
    },
}


class BadRequestError(Exception):
    """Becomes an error of the server."""


def predict(model, body):
    """The reply to a REST predict request, both as objects."""
    try:
        jsonschema.Draft202012Validator(PREDICT).validate(body)
    except jsonschema.ValidationError as error:
        raise BadRequestError(f"Malformed request: {error.message}") from error
    columns = body.get("inputs")
    signature = _signature(model, body.get("signature_name", "serving_default"))
    specs = signature.structured_input_signature[1]
    if "instances" in body:
        rows = body["instances"]
        named = isinstance(rows[0], dict) and "b64" not in rows[0]
        columns = {name: [row[name] for row in rows] for name in rows[0]} if named else rows
    if not isinstance(columns, dict) or "b64" in columns:
        if len(specs) != 1:
            raise BadRequestError("JSON Value has no names, the signature has several inputs")
        columns = {next(iter(specs)): columns}
    outputs = _run(signature, {name: _unpacked(value) for name, value in columns.items()})
    found = {name: _packed(value.tolist()) for name, value in outputs.items()}
    if "inputs" in body:
        return {"outputs": found}
    count = len(next(iter(found.values())))
    return {"predictions": [{name: found[name][i] for name in found} for i in range(count)]}


def _packed(value):
    """Strings as the server writes them: text, unless the output's name ends with `_bytes`."""
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def _unpacked(value):
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) else value


def _signature(model, name):
    if name not in model.signatures:
        raise BadRequestError(f'Serving signature name: "{name}" not found in signature def')
    return model.signatures[name]


def _run(signature, inputs):
    specs = signature.structured_input_signature[1]
    if set(inputs) != set(specs):
        raise BadRequestError(f"input keys must be {sorted(specs)}, got {sorted(inputs)}")
    try:
        tensors = {n: tf.constant(value, specs[n].dtype) for n, value in inputs.items()}
        return {name: value.numpy() for name, value in signature(**tensors).items()}
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise BadRequestError(str(error)) from error


@contextlib.contextmanager
def rest(model, name, version):
    """Serves `/v1/models/NAME` and yields the server's URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            if self.path in (f"/v1/models/{name}", f"/v1/models/{name}/versions/{version}"):
                status = {"version": str(version), "state": "AVAILABLE"}
                self.reply(200, {"model_version_status": [status]})
            elif self.path == f"/v1/models/{name}/metadata":
                self.reply(200, {"model_spec": {"name": name, "version": str(version)}})
            else:
                self.reply(404, {"error": f"Malformed request: GET {self.path}"})

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not re.fullmatch(rf"/v1/models/{name}(/versions/{version})?:predict", self.path):
                self.reply(404, {"error": f"Servable not found for request: {self.path}"})
                return
            try:
                self.reply(200, predict(model, json.loads(body)))
            except (BadRequestError, ValueError) as error:
                self.reply(400, {"error": str(error)})

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 256  # five by default, beyond which clients are turned away

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def over_grpc(model, name):
    """Serves PredictionService.Predict and yields host and port."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            if request.model_spec.name != name:
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
            try:
                signature = _signature(model, request.model_spec.signature_name)
                inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
                outputs = _run(signature, inputs)
            except BadRequestError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            reply = predict_pb2.PredictResponse()
            for key, value in outputs.items():
                reply.outputs[key].CopyFrom(tf.make_tensor_proto(np.asarray(value)))
            return reply

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
