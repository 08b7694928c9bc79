"""Transform's preprocessing function: from PCM examples to normalised features."""

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
    """Converts raw examples to features; passes label and utterance id through.

    Args:
        inputs: `pcm16` and `utterance_id`, string [B, 1]; `label`, int64 [B, 1]. In serving,
            `label` and `utterance_id` may be missing. Other features are ignored.
        custom_config: `features` has the fields of `FeatureConfig`. `code_fingerprint` is not
            read here; it invalidates Transform's cache after an edit of this code.

    Returns:
        `features`, float32 [B, T, F]; and `label`, int64 [B, 1], and `utterance_id`, string
        [B, 1], if the input has them.
    """
    config = features_lib.FeatureConfig.from_mapping(custom_config["features"])
    waveform = features_lib.decode_pcm16(tf.reshape(inputs[PCM16], [-1]), config)
    features = features_lib.compute_features(waveform, config)  # [B, T, F]
    if config.normalisation == "utterance":
        normalised = features_lib.normalise_utterance(features)
    else:
        if config.normalisation == "utterance_mean":
            features = features_lib.remove_mean(features)
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
