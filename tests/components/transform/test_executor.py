"""The real executor on a few clips: what it writes is what the functions of models/ compute."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tfx.proto import transform_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils

from bonafide.engines import BeamConfig, beam_args
from bonafide.storage import beam_files, records
from bonafide.version import REPOSITORY
from components.transform import batches, executor, feature_writer
from models.features import frontend as features_lib
from models.settings.features import FeatureConfig

CONFIG = FeatureConfig(
    clip_samples=4000, window_samples=320, fft_length=512, hop_samples=160, num_bands=8
)
SHARDS = {"train": (70, 3), "dev": (2,), "eval": (1, 1)}  # clips of each; one is over a batch


def example(split, number):
    generator = np.random.default_rng([number, len(split)])
    samples = generator.integers(-9000, 9000, 3000 + 50 * (number % 40)).astype("<i2")
    return records.encode_example(
        {
            "utterance_id": [f"{split}-{number}".encode()],
            "speaker_id": [b"S"],
            "system_id": [b"-"],
            "attack_pool": [b"A01", b"A02"][: 1 + number % 2],
            "key": [b"bonafide"],
            "label": [number % 2],
            "pcm16": [samples.tobytes()],
            "sample_rate": [16000],
            "num_samples": [len(samples)],
            "corpus": [b"test"],
        }
    )


@pytest.fixture(scope="module")
def examples_uri(tmp_path_factory):
    root = tmp_path_factory.mktemp("examples")
    for split, shards in SHARDS.items():
        folder = root / f"Split-{split}"
        folder.mkdir()
        number = 0
        for index, clips in enumerate(shards):
            name = f"utterances-{index:05d}-of-{len(shards):05d}"
            with (folder / name).open("wb") as file:
                for _ in range(clips):
                    records.write_record(file, example(split, number))
                    number += 1
    return root


def artifact(kind, uri, splits=None):
    made = kind()
    made.uri = str(uri)
    if splits:
        made.split_names = artifact_utils.encode_split_names(splits)
    return made


def run(examples_uri, output, *, materialize=True, transform=("train", "dev", "eval"), **features):
    schema = output / "schema"
    schema.mkdir(parents=True, exist_ok=True)
    (schema / "schema.pbtxt").write_text((REPOSITORY / "schema" / "schema.pbtxt").read_text())
    outputs = {"transform_graph": [artifact(standard_artifacts.TransformGraph, output / "graph")]}
    if materialize:
        outputs["transformed_examples"] = [
            artifact(standard_artifacts.Examples, output / "features")
        ]
    config = dataclasses.asdict(dataclasses.replace(CONFIG, **features))
    context = executor.Executor.Context(
        tmp_dir=str(output), beam_pipeline_args=beam_args(BeamConfig()), unique_id="1"
    )
    executor.Executor(context).Do(
        {
            "examples": [artifact(standard_artifacts.Examples, examples_uri, list(SHARDS))],
            "schema": [artifact(standard_artifacts.Schema, schema)],
        },
        outputs,
        {
            "preprocessing_fn": "models.features.preprocessing.preprocessing_fn",
            "custom_config": json_utils.dumps({"features": config}),
            "splits_config": proto_utils.proto_to_json(
                transform_pb2.SplitsConfig(analyze=["train"], transform=transform)
            ),
        },
    )
    return outputs


def read(path, spec):
    return [tf.io.parse_single_example(r, spec) for r in tf.data.TFRecordDataset(str(path))]


def raw_features(examples_uri, split, config):
    """By `models.features.frontend`, without Transform: [N, T, F]."""
    pcm = [
        tf.train.Example.FromString(record).features.feature["pcm16"].bytes_list.value[0]
        for path in sorted((examples_uri / f"Split-{split}").iterdir())
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    return features_lib.compute_features(
        features_lib.decode_pcm16(tf.constant(pcm), config), config
    ).numpy()


@pytest.fixture(scope="module")
def written(examples_uri, tmp_path_factory):
    output = tmp_path_factory.mktemp("transform")
    stale = output / "features" / "Split-train" / "transformed_examples-00000-of-00001"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"left by an attempt that was killed")
    return output, run(examples_uri, output)


def test_features_are_those_of_the_functions_normalised_over_train(examples_uri, written):
    output, _ = written
    train = raw_features(examples_uri, "train", CONFIG)
    mean, deviation = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    spec = tft.TFTransformOutput(str(output / "graph")).transformed_feature_spec()
    for split in SHARDS:
        found = [
            row
            for path in sorted((output / "features" / f"Split-{split}").iterdir())
            for row in read(path, spec)
        ]
        expected = (raw_features(examples_uri, split, CONFIG) - mean) / deviation
        np.testing.assert_allclose([row["features"] for row in found], expected, atol=2e-4)
        names = [row["utterance_id"].numpy()[0].decode() for row in found]
        assert names == [f"{split}-{number}" for number in range(len(found))]
        assert [int(row["label"][0]) for row in found] == [n % 2 for n in range(len(found))]


def test_a_shard_becomes_a_shard_and_nothing_else_is_left(written):
    output, outputs = written
    files = {
        str(path.relative_to(output / "features"))
        for path in (output / "features").rglob("*")
        if path.is_file()
    }
    assert files == {
        f"Split-{split}/transformed_examples-{index:05d}-of-{len(shards):05d}"
        for split, shards in SHARDS.items()
        for index in range(len(shards))
    }
    [features] = outputs["transformed_examples"]
    assert json.loads(features.split_names) == list(SHARDS)
    assert not (output / "features" / ".scratch").exists()


def test_without_materialization_there_is_a_graph_that_scores_raw_examples(examples_uri, tmp_path):
    run(examples_uri, tmp_path, materialize=False, normalisation="utterance")
    output = tft.TFTransformOutput(str(tmp_path / "graph"))
    layer, spec = output.transform_features_layer(), output.raw_feature_spec()
    raw = tf.io.parse_example([example("eval", 0)], {"pcm16": spec["pcm16"]})
    config = dataclasses.replace(CONFIG, normalisation="utterance")
    expected = features_lib.normalise_utterance(raw_features(examples_uri, "eval", config)[:1])
    np.testing.assert_allclose(layer(raw)["features"], expected, atol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {"graph", "schema"}


def copy_of(examples_uri, folder):
    for path in examples_uri.rglob("utterances-*"):
        target = folder / path.relative_to(examples_uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


def test_data_are_not_read_where_there_is_nothing_to_learn_from_them(examples_uri, tmp_path):
    damaged = copy_of(examples_uri, tmp_path / "examples")
    for path in damaged.rglob("utterances-*"):
        path.write_bytes(b"damaged")
    run(damaged, tmp_path / "output", materialize=False, normalisation="utterance")
    with pytest.raises(
        Exception, match=r"utterances-0000\d-of-00002: the record at byte 0 is truncated"
    ):
        run(damaged, tmp_path / "other", materialize=False, normalisation="corpus")


def test_a_split_to_learn_from_that_is_empty(examples_uri, tmp_path):
    copy = copy_of(examples_uri, tmp_path / "examples")
    for path in (copy / "Split-train").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="expected examples in the split train"):
        run(copy, tmp_path / "output")


def test_a_failure_while_writing_leaves_no_shard(examples_uri, tmp_path):
    copy = copy_of(examples_uri, tmp_path / "examples")
    shard = copy / "Split-eval" / "utterances-00001-of-00002"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(
        Exception, match="utterances-00001-of-00002: the record at byte 0 is truncated"
    ):
        run(copy, tmp_path / "output")
    left = {p.name for p in (tmp_path / "output" / "features" / "Split-eval").iterdir()}
    assert "transformed_examples-00001-of-00002" not in left
    assert not list(pathlib.Path(tmp_path / "output" / "features" / ".scratch").iterdir())


@pytest.mark.parametrize("clips", [1, batches.BATCH_CLIPS, batches.BATCH_CLIPS + 1])
def test_batches_have_a_fixed_size(clips, tmp_path):
    path = beam_files.join(str(tmp_path), "file")
    with pathlib.Path(path).open("wb") as file:
        for number in range(clips):
            records.write_record(file, b"%d" % number)
    sizes = [len(batch) for batch in batches.read_batches(path)]
    assert sizes == [batches.BATCH_CLIPS] * (clips // batches.BATCH_CLIPS) + (
        [clips % batches.BATCH_CLIPS] if clips % batches.BATCH_CLIPS else []
    )


def test_one_is_computed_ahead_in_order():
    seen = []

    def items():
        for number in range(4):
            seen.append(f"read {number}")
            yield number

    for result in feature_writer.one_ahead(lambda number: number * number, items()):
        seen.append(f"use {result}")
    assert seen == [
        *("read 0", "read 1", "use 0", "read 2", "use 1", "read 3", "use 4", "use 9"),
    ]
    assert list(feature_writer.one_ahead(str, [])) == []


def test_what_fails_ahead_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(feature_writer.one_ahead(lambda number: 1 // number, [1, 0, 1]))
