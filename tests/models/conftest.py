"""A few real clips as Transform and Trainer see them, made once a session."""

import pathlib
import types

import pytest
import soundfile
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from models.features.preprocessing import preprocessing_fn

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "samples" / "LA"
FEATURES = {"clip_samples": 16000, "num_bands": 16}
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} presence {{ min_fraction: 1 }} '
    "shape { dim { size: 1 } } }\n"
    for name, kind in (("pcm16", "BYTES"), ("utterance_id", "BYTES"), ("label", "INT"))
)


def read_clips(split, letters, per_class):
    """(utterance id, label, int16 samples) of the first clips of each class, and their ids."""
    protocol = SAMPLES / f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{split}.{letters}.txt"
    clips, ids, wanted = [], {}, {"bonafide": per_class, "spoof": per_class}
    for line in protocol.read_text().splitlines():
        speaker, utterance, _, system, key = line.split()
        if wanted[key]:
            wanted[key] -= 1
            audio = SAMPLES / f"ASVspoof2019_LA_{split}/flac/{utterance}.flac"
            samples, rate = soundfile.read(audio, dtype="int16")
            assert rate == 16000
            clips.append((utterance, int(key == "bonafide"), samples))
            ids[utterance] = (speaker, system)
    return clips, ids


def serialize(utterance, label, samples, speaker="S1", system="-", corpus="one"):
    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    features = {
        "speaker_id": text(speaker),
        "system_id": text(system),
        "corpus": text(corpus),
        "utterance_id": text(utterance),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "pcm16": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[samples.astype("<i2").tobytes()])
        ),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Raw and transformed examples of 13 + 13 training and 7 + 7 dev clips, in two files each."""
    root = tmp_path_factory.mktemp("corpus")
    read = {"train": read_clips("train", "trn", 13), "dev": read_clips("dev", "trl", 7)}
    clips = {split: part for split, (part, _) in read.items()}
    ids = {split: part for split, (_, part) in read.items()}
    # Of two corpora: every fifth clip is of the second, which names itself beyond ASCII.
    corpora = {
        split: {clip[0]: "zwei-ü" if i % 5 == 0 else "one" for i, clip in enumerate(part)}
        for split, part in clips.items()
    }
    for split, rows in clips.items():
        (root / "raw" / split).mkdir(parents=True)
        for shard in range(2):
            path = root / "raw" / split / f"utterances-{shard:05d}-of-00002"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for row in rows[shard::2]:
                    own = corpora[split][row[0]]
                    writer.write(serialize(*row, *ids[split][row[0]], corpus=own))

    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    metadata = dataset_metadata.DatasetMetadata(schema)
    custom = {"features": FEATURES}
    rows = {
        split: [
            {"pcm16": [s.astype("<i2").tobytes()], "utterance_id": [u.encode()], "label": [y]}
            for u, y, s in part
        ]
        for split, part in clips.items()
    }
    with tft_beam.Context(temp_dir=str(root / "beam")):
        import apache_beam as beam

        options = beam.options.pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
        with beam.Pipeline(options=options) as pipeline:
            train = (pipeline | beam.Create(rows["train"]), metadata)
            transform_fn = train | tft_beam.AnalyzeDataset(
                lambda inputs: preprocessing_fn(inputs, custom)
            )
            _ = transform_fn | tft_beam.WriteTransformFn(str(root / "transform"))
    metadata_io.write_metadata(metadata, str(root / "transform" / "metadata"))
    transform_output = tft.TFTransformOutput(str(root / "transform"))

    layer = transform_output.transform_features_layer()
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    for split in clips:
        (root / "transformed" / split).mkdir(parents=True)
        for raw in sorted((root / "raw" / split).iterdir()):
            target = root / "transformed" / split / f"{raw.name}.gz"
            with tf.io.TFRecordWriter(str(target), "GZIP") as writer:
                for batch in tf.data.TFRecordDataset(str(raw)).batch(64):
                    out = layer(tf.io.parse_example(batch, spec))
                    for x, y in zip(out["features"].numpy(), out["label"].numpy(), strict=True):
                        floats = tf.train.FloatList(value=x.reshape(-1))
                        ints = tf.train.Int64List(value=y)
                        feature = {
                            "features": tf.train.Feature(float_list=floats),
                            "label": tf.train.Feature(int64_list=ints),
                            "utterance_id": tf.train.Feature(
                                bytes_list=tf.train.BytesList(value=[b"x"])
                            ),
                        }
                        example = tf.train.Example(features=tf.train.Features(feature=feature))
                        writer.write(example.SerializeToString())
    return types.SimpleNamespace(
        root=root,
        clips=clips,
        transform_dir=str(root / "transform"),
        transform_output=transform_output,
        raw={split: [str(root / "raw" / split / "*")] for split in clips},
        transformed={split: [str(root / "transformed" / split / "*")] for split in clips},
        serialize=serialize,
        ids=ids,
        corpora=corpora,
        features=FEATURES,
    )
