"""preprocessing_fn through TFT's Beam implementation, on real clips."""

import functools
import pathlib

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models.features.frontend import FeatureConfig, decode_pcm16, log_bands
from models.features.preprocessing import preprocessing_fn

CLIPS = pathlib.Path(__file__).parents[3] / "samples/LA/ASVspoof2019_LA_train/flac"
SETTINGS = {"clip_samples": 32000, "num_bands": 40}
METADATA = dataset_metadata.DatasetMetadata(
    schema_utils.schema_from_feature_spec(
        {
            "pcm16": tf.io.FixedLenFeature([1], tf.string),
            "utterance_id": tf.io.FixedLenFeature([1], tf.string),
            "label": tf.io.FixedLenFeature([1], tf.int64),
        }
    )
)


def read_examples(count=6):
    paths = sorted(CLIPS.glob("*.flac"))[:count]
    examples = []
    for i, path in enumerate(paths):
        samples, _ = soundfile.read(path, dtype="int16")
        examples.append(
            {
                "pcm16": np.array([samples.astype("<i2").tobytes()], object),
                "utterance_id": np.array([path.stem.encode()], object),
                "label": np.array([i % 2], np.int64),
            }
        )
    assert len(examples) == count
    return examples


def transform(normalisation, examples, tmp_path):
    custom_config = {
        "features": {**SETTINGS, "normalisation": normalisation},
        "code_fingerprint": "unused",
    }
    with tft_beam.Context(temp_dir=str(tmp_path)):
        (rows, _), _ = (examples, METADATA) | tft_beam.AnalyzeAndTransformDataset(
            functools.partial(preprocessing_fn, custom_config=custom_config)
        )
    return sorted(rows, key=lambda row: row["utterance_id"].item())


@pytest.mark.parametrize(("normalisation", "axes"), [("corpus", (0, 1)), ("utterance", (1,))])
def test_bands_have_mean_0_and_variance_1(normalisation, axes, tmp_path):
    examples = read_examples()
    rows = transform(normalisation, examples, tmp_path)

    features = np.stack([row["features"] for row in rows])
    config = FeatureConfig(**SETTINGS)
    assert features.shape == (len(examples), config.num_frames, config.num_bands)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features.mean(axis=axes), 0.0, atol=1e-3)
    np.testing.assert_allclose(features.var(axis=axes), 1.0, atol=5e-3)

    pcm16 = tf.constant([example["pcm16"].item() for example in examples])
    raw = log_bands(decode_pcm16(pcm16, config), config).numpy()
    mean, deviation = raw.mean(axis=axes, keepdims=True), raw.std(axis=axes, keepdims=True)
    np.testing.assert_allclose(features, (raw - mean) / deviation, atol=5e-3)

    for row, example in zip(rows, examples, strict=True):
        assert row["utterance_id"].item() == example["utterance_id"].item()
        np.testing.assert_array_equal(row["label"], example["label"])


def test_the_mean_of_each_clip_and_the_variance_of_the_corpus(tmp_path):
    """A filter and a gain that stay the same over a clip are gone; its dynamics are not."""
    examples = read_examples()
    loud = {**examples[0], "utterance_id": np.array([b"~loud"], object)}
    samples = np.frombuffer(loud["pcm16"].item(), "<i2").astype(np.float64)
    filtered = np.convolve(2 * samples, [0.6, 0.3])[: len(samples)]
    loud["pcm16"] = np.array([np.round(filtered).astype("<i2").tobytes()], object)
    rows = transform("utterance_mean", [*examples, loud], tmp_path)

    features = np.stack([row["features"] for row in rows])
    np.testing.assert_allclose(features.mean(axis=1), 0.0, atol=1e-3)
    np.testing.assert_allclose(features.var(axis=(0, 1)), 1.0, atol=5e-3)
    assert features.var(axis=1).std(axis=0).min() > 0.01  # not each clip's own variance
    assert rows[0]["utterance_id"] == examples[0]["utterance_id"]  # sorted, as are the files
    difference = np.median(np.abs(features[-1] - features[0]))
    plain = np.stack([row["features"] for row in transform("corpus", [*examples, loud], tmp_path)])
    assert difference < 0.05 * np.median(np.abs(plain[-1] - plain[0]))


def test_label_and_name_may_be_missing_at_serving():
    config = {"features": {**SETTINGS, "normalisation": "utterance"}, "code_fingerprint": ""}
    outputs = preprocessing_fn({"pcm16": tf.constant([[b""], [b"\x01\x02"]])}, config)
    assert set(outputs) == {"features"}
    assert outputs["features"].shape == (2, FeatureConfig(**SETTINGS).num_frames, 40)
