"""The servable: Transform's graph and the model in one SavedModel, with two ways in."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from metrics.calibration import AffineCalibration
from models.conformer import Conformer, ConformerConfig
from models.preprocessing import FEATURES, PCM16

FACTS_FILE = "bonafide.json"
WEIGHTS_FILE = "conformer.weights.h5"
EXTRA_DIR = "assets.extra"


class Detector(tf.Module):
    """Scores recordings from their PCM.

    A plain module, because it holds both worlds: Transform's layer belongs to the old Keras, the
    model to Keras 3, and neither can hold the other.

    Args:
        transform: The layer that Transform's output makes.
        raw_feature_spec: How its raw inputs are parsed.
        model: A built model in float32.
        log_prior_odds: Natural log of the odds bona fide : spoof that the model's loss saw.
        calibration: From logit less log prior odds to a log-likelihood ratio; none by default.

    Attributes:
        model: The model.
    """

    def __init__(
        self,
        transform: Any,
        raw_feature_spec: Mapping[str, Any],
        model: Conformer,
        *,
        log_prior_odds: float,
        calibration: AffineCalibration | None = None,
    ) -> None:
        super().__init__(name="detector")
        self._transform = transform
        # Scoring must not ask for labels: only the recording is parsed and fed, and Transform's
        # layer leaves out the outputs that would need more.
        self._spec = {PCM16: raw_feature_spec[PCM16]}
        self.model = model
        calibration = calibration or AffineCalibration()
        # One affine map: slope (logit - log prior odds) + offset.
        self._slope = calibration.slope
        self._offset = calibration.offset - calibration.slope * log_prior_odds

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores serialized tf.Examples [B] that have a `pcm16` feature."""
        return self._score(tf.io.parse_example(examples, self._spec)[PCM16])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pcm16")])
    def score_pcm16(self, pcm16: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores recordings [B] of any lengths: little-endian int16 samples at the corpus' rate.

        Bytes and not numbers, as in the examples: recordings of a batch differ in length, and
        padding one with zeros would make another signal of it.
        """
        return self._score(pcm16[:, tf.newaxis])

    def _score(self, pcm16: tf.Tensor) -> dict[str, tf.Tensor]:
        features = self._transform({PCM16: pcm16})[FEATURES]  # [B, T, F]
        score = self._slope * self.model(features, training=False) + self._offset  # [B]
        return {"score": score, "probability": tf.sigmoid(score)}


def build_detector(
    transform_output: tft.TFTransformOutput,
    config: ConformerConfig,
    weights: Sequence[np.ndarray],
    *,
    log_prior_odds: float,
    calibration: AffineCalibration | None = None,
) -> Detector:
    """A detector in float32, whatever precision the weights were trained in.

    Args:
        transform_output: What Transform wrote.
        config: Sizes of the model.
        weights: `get_weights()` of the trained model.
        log_prior_odds: See `Detector`.
        calibration: See `Detector`.
    """
    model = Conformer(config, dtype="float32", name="conformer")
    frames, bands = transform_output.transformed_feature_spec()[FEATURES].shape
    model.build((None, frames, bands))
    model.set_weights(weights)
    return Detector(
        transform_output.transform_features_layer(),
        transform_output.raw_feature_spec(),
        model,
        log_prior_odds=log_prior_odds,
        calibration=calibration,
    )


def export_detector(detector: Detector, directory: str, *, facts: Mapping[str, Any]) -> None:
    """Writes the SavedModel and, beside it in `assets.extra`, what only we read.

    Args:
        detector: What to export.
        directory: Folder of the SavedModel, any path that `tf.io.gfile` can write.
        facts: Goes to `bonafide.json`.
    """
    tf.saved_model.save(
        detector,
        directory,
        signatures={
            "serving_default": detector.score_examples,
            "score_pcm16": detector.score_pcm16,
        },
    )
    extra = os.path.join(directory, EXTRA_DIR)  # noqa: PTH118 (may be gs://)
    tf.io.gfile.makedirs(extra)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder)
        # Keras 3 cannot load a SavedModel again, so a warm start needs the weights apart.
        detector.model.save_weights(local / WEIGHTS_FILE)
        (local / FACTS_FILE).write_text(json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")
        # The facts come last: where they are, the export is complete.
        for name in (WEIGHTS_FILE, FACTS_FILE):
            path = os.path.join(extra, name)  # noqa: PTH118
            tf.io.gfile.copy(str(local / name), f"{path}.part", overwrite=True)
            tf.io.gfile.rename(f"{path}.part", path, overwrite=True)
