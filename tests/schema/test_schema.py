"""The curated schema against statistics of real examples, and of examples that are wrong."""

import pathlib

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tfx_bsl.coders import example_coder

from bonafide import corpora
from components.utterance_gen import examples

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "schema" / "schema.pbtxt"
NAMES = {
    "utterance_id",
    "speaker_id",
    "system_id",
    "attack_pool",
    "key",
    "label",
    "pcm16",
    "sample_rate",
    "num_samples",
    "corpus",
}
OPTIONAL = {*corpora.EXTRA_NAMES, "degradation"}


@pytest.fixture(scope="module")
def schema():
    return tfdv.load_schema_text(str(SCHEMA))


def serialized(changes=None, count=6, attacks=("A01", "A02"), speaker="LA_0079", extra=()):
    """Examples made by the product's own code from real audio, then spoilt by `changes`."""
    made = []
    flac = sorted((ROOT / "samples/LA/ASVspoof2019_LA_dev/flac").iterdir())
    for number, path in enumerate(flac[:count]):
        samples, rate = soundfile.read(path, dtype="int16")
        system = "-" if number % 2 else attacks[number % len(attacks)]
        row = corpora.Utterance(
            path.stem,
            speaker,
            system,
            "bonafide" if system == "-" else "spoof",
            "dev",
            path.name,
            "c",
            "p:1",
            # Not in every example: one corpus knows it of some recordings.
            extra if number % 3 else (),
        )
        example = tf.train.Example.FromString(
            examples.to_example(row, samples, sample_rate=rate, attack_pool=attacks)
        )
        if number == 1 and changes:
            changes(example.features.feature)
        made.append(example.SerializeToString())
    return made


def anomalies(records, schema):
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    statistics = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
    found = tfdv.validate_statistics(statistics, schema)
    return {name: info.description for name, info in found.anomaly_info.items()}


def test_names_types_and_shapes(schema):
    features = {feature.name: feature for feature in schema.feature}
    assert set(features) == NAMES | OPTIONAL
    assert not NAMES & OPTIONAL
    for name, feature in features.items():
        if name in OPTIONAL:
            assert feature.presence.min_count == feature.presence.min_fraction == 0
            continue
        assert feature.presence.min_fraction == 1
        if name == "attack_pool":
            assert feature.value_count.min == 1
        else:
            assert [dim.size for dim in feature.shape.dim] == [1], name
    assert not features["speaker_id"].WhichOneof("domain_info")
    assert not features["system_id"].WhichOneof("domain_info")
    assert not features["attack_pool"].WhichOneof("domain_info")


def test_real_examples_have_no_anomaly(schema):
    assert anomalies(serialized(), schema) == {}


def test_what_only_some_corpora_tell_is_no_anomaly(schema):
    assert anomalies(serialized(extra=(("codec", "opus"), ("gender", "F"))), schema) == {}
    everything = tuple((name, "x") for name in corpora.EXTRA_NAMES)
    assert anomalies(serialized(extra=everything), schema) == {}


def test_a_feature_that_is_not_agreed_is_an_anomaly(schema):
    assert set(anomalies(serialized(extra=(("weather", "rain"),)), schema)) == {"weather"}


def test_two_values_of_what_has_one_are_an_anomaly(schema):
    found = anomalies(serialized(set_bytes("codec", b"a", b"b")), schema)
    assert set(found) == {"codec"}


def test_unseen_speakers_and_attacks_are_no_anomaly(schema):
    assert anomalies(serialized(attacks=("A99", "deepest-fake"), speaker="Zoë"), schema) == {}


def test_waveforms_are_not_counted_as_words(schema):
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(serialized())
    statistics = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
    [pcm] = [f for f in statistics.datasets[0].features if f.path.step[0] == "pcm16"]
    assert pcm.WhichOneof("stats") == "bytes_stats"
    assert pcm.bytes_stats.min_num_bytes > 1000


def set_int(name, value):
    def change(feature):
        feature[name].int64_list.value[:] = [value]

    return change


def set_bytes(name, *values):
    def change(feature):
        feature[name].bytes_list.value[:] = values

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("label", set_int("label", 2)),
        ("label", set_int("label", -1)),
        ("sample_rate", set_int("sample_rate", 4000)),
        ("sample_rate", set_int("sample_rate", 96_000)),
        ("num_samples", set_int("num_samples", 0)),
        ("key", set_bytes("key", b"genuine")),
        ("speaker_id", set_bytes("speaker_id", b"one", b"two")),
        *[(name, lambda feature, name=name: feature.pop(name)) for name in sorted(NAMES)],
    ],
)
def test_wrong_examples_are_anomalies(schema, name, change):
    assert name in anomalies(serialized(change), schema)


def test_pcm_is_what_the_schema_says():
    example = tf.train.Example.FromString(serialized(count=1)[0])
    feature = example.features.feature
    pcm = np.frombuffer(feature["pcm16"].bytes_list.value[0], "<i2")
    assert len(pcm) == feature["num_samples"].int64_list.value[0]
