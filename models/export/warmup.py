"""Warm-up requests of TensorFlow Serving.

The first call of each signature includes its initialisation. TensorFlow Serving replays
`assets.extra/tf_serving_warmup_requests` when it loads a version, so that no client waits for it,
and a version that cannot score is refused while the previous one is still served.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from models.export import description
from models.features.preprocessing import PCM16
from models.settings.features import FeatureConfig

WARMUP_FILE = "tf_serving_warmup_requests"
# A single recording, and the largest batch of `serving/config/batching.txt`.
BATCH_SIZES = (1, 32)
# The model repeats short recordings, so a short one suffices and keeps the file small.
_SECONDS = 0.3
_NOISE = 0.01  # of full scale; digital silence is faster on some processors


def write_warmup_requests(path: str | os.PathLike[str], features: FeatureConfig) -> None:
    """Writes the file: a TFRecord of `PredictionLog`s, every signature at every batch size.

    Args:
        path: Local path of the file.
        features: Settings of the features that the model was exported with.
    """
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for request in warmup_requests(features):
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def warmup_requests(features: FeatureConfig) -> Iterator[predict_pb2.PredictRequest]:
    """Yields the requests, which depend on the settings only."""
    samples = round(_SECONDS * features.sample_rate)
    noise = np.random.default_rng(0).normal(0.0, _NOISE, samples).astype(np.float32)
    pcm16 = np.rint(noise * 32768).astype("<i2")
    wav = tf.audio.encode_wav(noise[:, None], features.sample_rate).numpy()
    recording = tf.train.Feature(bytes_list=tf.train.BytesList(value=[pcm16.tobytes()]))
    example = tf.train.Example(features=tf.train.Features(feature={PCM16: recording}))
    # Signature -> inputs for one recording.
    inputs = {
        "serving_default": {"examples": np.array([example.SerializeToString()], object)},
        "score_pcm16": {"pcm16": np.array([pcm16.tobytes()], object)},
        "score_wav": {"wav": np.array([wav], object)},
        "score_waveform": {"waveform": noise[None], "lengths": np.array([samples], np.int32)},
        description.SIGNATURE: {description.INPUT: np.array([b""], object)},
    }
    for batch_size in BATCH_SIZES:
        for signature, tensors in inputs.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = signature
            for name, value in tensors.items():
                batch = np.repeat(value, batch_size, axis=0)
                request.inputs[name].CopyFrom(tf.make_tensor_proto(batch))
            yield request
