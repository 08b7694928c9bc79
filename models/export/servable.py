"""The servable: Transform's graph and the model in one SavedModel.

Four signatures score, each from another form of a recording; `describe` says what they expect.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bonafide.metrics.calibration import AffineCalibration
from bonafide.registry.names import EXTRA_DIR, WEIGHTS_FILE
from models.export import description, freezing
from models.export.recordings import wav_to_pcm16, waveform_to_pcm16
from models.export.warmup import WARMUP_FILE, write_warmup_requests
from models.features.frontend import remove_mean
from models.features.preprocessing import FEATURES, PCM16
from models.network.conformer import Conformer, ConformerConfig
from models.settings.features import FeatureConfig

FACTS_FILE = "bonafide.json"
_BYTES_PER_SAMPLE = 2
# A graph is one message of at most 2 GiB. Larger networks keep their weights in variables.
_MOST_BYTES_OF_CONSTANTS = 1 << 30


class Member(NamedTuple):
    """One trained model of a detector, and the calibration of its outputs.

    Attributes:
        weights: `get_weights()` of the trained model.
        log_prior_odds: Natural log of the odds bona fide : spoof in the model's loss.
        calibration: Map from logit minus log prior odds to a log-likelihood ratio.
        mean_removed: Whether it takes features without the mean of each clip.
    """

    weights: Sequence[np.ndarray]
    log_prior_odds: float = 0.0
    calibration: AffineCalibration = AffineCalibration()
    mean_removed: bool = False


def _logits(model: Conformer, features: tf.Tensor) -> tf.Tensor:
    """Returns the logits of the model in inference mode: [B, T, F] to [B]."""
    return model(features, training=False)


class Detector(tf.Module):
    """Scores recordings: every signature converts its input to PCM and scores that.

    `score` and `probability` of recordings without samples are NaN.

    It is a plain module, because Transform's layer is of Keras 2 and the model of Keras 3, and
    neither can contain the other.

    Args:
        transform: The layer of Transform's output.
        raw_feature_spec: Feature specification of its raw inputs.
        models: Built models in float32.
        members: Weights and calibration of each model.
        features: Settings of the features, with rate and length of the clips.
        calibration: Calibration of the mean of the members' scores; none by default.

    Attributes:
        features: Settings of the features.
    """

    def __init__(
        self,
        transform: Any,
        raw_feature_spec: Mapping[str, Any],
        models: Sequence[Conformer],
        members: Sequence[Member],
        *,
        features: FeatureConfig,
        calibration: AffineCalibration | None = None,
    ) -> None:
        super().__init__(name="detector")
        self.features = features
        self._transform = transform
        # Scoring must not require labels: only the recording is parsed and fed, and Transform's
        # layer omits outputs that need other features.
        self._spec = {PCM16: raw_feature_spec[PCM16]}
        size = sum(weight.nbytes for model in models for weight in model.get_weights())
        if size <= _MOST_BYTES_OF_CONSTANTS:
            # In a namespace, which TensorFlow does not track: their weights are saved separately.
            self._held = types.SimpleNamespace(models=list(models))
            frames, bands = features.num_frames, features.num_features
            self._networks: list[freezing.Network] = [
                freezing.freeze(model, frames, bands) for model in models
            ]
        else:
            self._held = tf.Module()
            self._held.models = list(models)
            self._networks = [functools.partial(_logits, model) for model in models]
        self._mean_removed = tuple(member.mean_removed for member in members)
        joint = calibration or AffineCalibration()
        # A composition of affine maps: a weight for each logit, and one offset.
        self._weights = [joint.slope * m.calibration.slope / len(members) for m in members]
        self._offset = joint.offset + sum(
            joint.slope * m.calibration.offset / len(members) - weight * m.log_prior_odds
            for weight, m in zip(self._weights, members, strict=True)
        )

    @property
    def models(self) -> list[Conformer]:
        """The models; scoring uses a copy of their weights."""
        return list(self._held.models)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores serialized tf.Examples [B] that have a `pcm16` feature."""
        # All signatures call the same function: a second copy of the network would double the graph
        # and the loading time of a server.
        return self.score_pcm16(tf.io.parse_example(examples, self._spec)[PCM16][:, 0])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pcm16")])
    def score_pcm16(self, pcm16: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores recordings [B] of any lengths: little-endian int16 samples at the corpus' rate.

        Bytes and not numbers, as in the examples: recordings of a batch differ in length, and zero
        padding would change the signal.
        """
        count = tf.shape(pcm16)[0]
        # oneDNN's convolutions, which some processors have by default, refuse an empty batch.
        one_if_none = tf.fill([tf.cast(tf.equal(count, 0), tf.int32)], "")
        pcm16 = tf.concat([pcm16, one_if_none], axis=0)
        features = self._transform({PCM16: pcm16[:, tf.newaxis]})[FEATURES]  # [B, T, F]
        without_mean = remove_mean(features) if any(self._mean_removed) else features
        logits = [
            network(without_mean if removed else features)
            for network, removed in zip(self._networks, self._mean_removed, strict=True)
        ]  # each [B]
        score = self._offset + tf.add_n(
            [weight * logit for weight, logit in zip(self._weights, logits, strict=True)]
        )
        # Its features would be those of silence, and its score meaningless.
        not_empty = tf.strings.length(pcm16) >= _BYTES_PER_SAMPLE
        score = tf.where(not_empty, score, np.nan)[:count]
        return {"score": score, "probability": tf.sigmoid(score)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="wav")])
    def score_wav(self, wav: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores the contents of WAV files [B]: 16-bit PCM at the corpus' rate, any channels.

        An invalid file is an error for the whole batch.
        """
        features = self.features
        return self.score_pcm16(
            wav_to_pcm16(wav, sample_rate=features.sample_rate, max_samples=features.clip_samples)
        )

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="waveform"),
            tf.TensorSpec([None], tf.int32, name="lengths"),
        ]
    )
    def score_waveform(self, waveform: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores samples [B, N] of full scale 1 at the corpus' rate, `lengths` [B] of each."""
        return self.score_pcm16(
            waveform_to_pcm16(waveform, lengths, max_samples=self.features.clip_samples)
        )

    def signatures(self) -> dict[str, Any]:
        """Returns name -> function of the signatures that score."""
        names = ("score_pcm16", "score_wav", "score_waveform")
        return {"serving_default": self.score_examples} | {n: getattr(self, n) for n in names}


def build_detector(
    transform_output: tft.TFTransformOutput,
    config: ConformerConfig,
    members: Sequence[Member],
    *,
    features: FeatureConfig,
    calibration: AffineCalibration | None = None,
) -> Detector:
    """Returns a detector in float32, regardless of the precision of the training.

    Args:
        transform_output: Output of Transform.
        config: Sizes of the models.
        members: The trained models.
        features: Settings that Transform ran with.
        calibration: See `Detector`.
    """
    frames, bands = transform_output.transformed_feature_spec()[FEATURES].shape
    models = []
    for member in members:
        model = Conformer(config, dtype="float32", name="conformer")
        model.build((None, frames, bands))
        model.set_weights(member.weights)
        models.append(model)
    return Detector(
        transform_output.transform_features_layer(),
        transform_output.raw_feature_spec(),
        models,
        members,
        features=features,
        calibration=calibration,
    )


def weights_file(member: int) -> str:
    """Name of the file with the weights of a member, counted from 0."""
    return f"conformer-{member}.weights.h5" if member else WEIGHTS_FILE


def export_detector(detector: Detector, directory: str, *, facts: Mapping[str, Any]) -> None:
    """Writes the SavedModel and the files in `assets.extra`.

    These are `bonafide.json` (settings, thresholds, provenance), the weights for a warm start, and
    the warm-up requests of TensorFlow Serving.

    Args:
        detector: What to export.
        directory: Folder of the SavedModel, any path that `tf.io.gfile` can write.
        facts: Content of `bonafide.json`.
    """
    features = detector.features
    sizes = {"sample_rate": features.sample_rate, "clip_samples": features.clip_samples}
    describe = {description.SIGNATURE: description.describe_signature(facts, **sizes)}
    tf.saved_model.save(detector, directory, signatures=detector.signatures() | describe)
    extra = os.path.join(directory, EXTRA_DIR)  # noqa: PTH118 (may be gs://)
    tf.io.gfile.makedirs(extra)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder)
        # Keras 3 cannot load a SavedModel, so a warm start needs separate weights.
        names = [weights_file(i) for i in range(len(detector.models))]
        for model, name in zip(detector.models, names, strict=True):
            model.save_weights(local / name)
        write_warmup_requests(local / WARMUP_FILE, detector.features)
        (local / FACTS_FILE).write_text(json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")
        # The facts are written last and mark a complete export.
        for name in (*names, WARMUP_FILE, FACTS_FILE):
            path = os.path.join(extra, name)  # noqa: PTH118
            tf.io.gfile.copy(str(local / name), f"{path}.part", overwrite=True)
            tf.io.gfile.rename(f"{path}.part", path, overwrite=True)
