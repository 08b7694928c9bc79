"""What Transform runs: examples of PCM in, normalised features out."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models.features import frontend as features_lib

UTTERANCE_ID = "utterance_id"
SPEAKER_ID = "speaker_id"
SYSTEM_ID = "system_id"
CORPUS = "corpus"
PCM16 = "pcm16"
LABEL = "label"
FEATURES = "features"


def preprocessing_fn(
    inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]
) -> dict[str, tf.Tensor]:
    """Turns raw examples into features and passes the label and the utterance's name on.

    Args:
        inputs: `pcm16` and `utterance_id`, string [B, 1]; `label`, int64 [B, 1], which may be
            missing at serving, as may `utterance_id`. Other features are ignored.
        custom_config: `features` holds the fields of `FeatureConfig`. `code_fingerprint` is not
            read here: it is there so that an edit of this code invalidates Transform's cache.

    Returns:
        `features`, float32 [B, T, F]; and `label`, int64 [B, 1], and `utterance_id`, string
        [B, 1], where the input has them.
    """
    config = features_lib.FeatureConfig.from_mapping(custom_config["features"])
    waveform = features_lib.decode_pcm16(tf.reshape(inputs[PCM16], [-1]), config)
    features = features_lib.compute_features(waveform, config)  # [B, T, F]
    if config.normalisation == "utterance":
        normalised = features_lib.normalise_utterance(features)
    else:
        normalised = _normalise_corpus(features)
    shape = [None, config.num_frames, config.num_features]
    outputs = {FEATURES: tf.ensure_shape(normalised, shape)}
    for name in (LABEL, UTTERANCE_ID):
        if name in inputs:
            outputs[name] = tf.identity(inputs[name])
    return outputs


def _normalise_corpus(features: tf.Tensor) -> tf.Tensor:
    """Gives every feature mean 0 and variance 1 over all frames of the analysed split."""
    flat = tf.reshape(features, [-1, features.shape[-1]])  # [B * T, F]
    # One analyzer for both moments; a band of variance 0 becomes 0, not NaN.
    flat = tft.scale_to_z_score(flat, elementwise=True, name="band")
    return tf.reshape(flat, tf.shape(features))
