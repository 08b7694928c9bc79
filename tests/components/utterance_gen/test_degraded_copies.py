"""Degraded copies of training's utterances, by the real executor on real files."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from bonafide.audio.chains import draw_chain, seed_of
from bonafide.audio.codecs import degrade
from bonafide.audio.degradation_specs import parse
from bonafide.dataset import listing, measure_files
from bonafide.settings import SettingsError
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings

IN_MEMORY = ["--runner=FnApiRunner", "--sdk_container_image=unused"]
TWO_PROCESSES = [
    *IN_MEMORY,
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


def run(root, output, beam_args=IN_MEMORY, **settings):
    ingest = IngestSettings(
        corpus_root=str(root),
        layout="asvspoof2019-la",
        **{"shard_bytes": 300_000, "seed": 5} | settings,
    )
    made = component.UtteranceGen(settings=ingest, corpus_fingerprint="abc")
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = executor.Executor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir="/tmp", unique_id="1"
    )
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))


def read_split(output, split):
    paths = sorted((output / f"Split-{split}").iterdir())
    records = tf.data.TFRecordDataset([str(path) for path in paths])
    return [tf.train.Example.FromString(record.numpy()).features.feature for record in records]


def text(features, name):
    values = features[name].bytes_list.value
    return values[0].decode() if values else ""


def shards(output):
    return {path.name: path.read_bytes() for path in sorted((output / "Split-train").iterdir())}


@pytest.fixture
def copied(small_corpus, tmp_path):
    run(small_corpus.root, tmp_path / "copied", degraded_copies=2)
    return tmp_path / "copied"


def test_every_recording_of_training_has_its_copies_and_no_other_split_has_any(
    copied, small_corpus
):
    read = read_split(copied, "train")
    assert len(read) == 3 * len(small_corpus.rows["train"])
    for original, *copies in zip(read[::3], read[1::3], read[2::3], strict=True):
        assert text(original, "degradation") == ""
        samples = np.frombuffer(original["pcm16"].bytes_list.value[0], "<i2")
        for number, copy in enumerate(copies, 1):
            utterance = text(original, "utterance_id")
            chain = text(copy, "degradation")
            assert chain == draw_chain(5, utterance, number)
            expected = degrade(samples, chain, seed_of(5, utterance, number))
            assert copy["pcm16"].bytes_list.value[0] == expected.tobytes()
            for name in ("utterance_id", "speaker_id", "system_id", "key"):
                assert text(copy, name) == text(original, name)
            assert copy["label"] == original["label"]
            assert copy["num_samples"] == original["num_samples"]
    for split in ("dev", "eval"):
        plain = read_split(copied, split)
        assert len(plain) == len(small_corpus.rows[split])
        assert not any("degradation" in features for features in plain)


def test_listing_and_measures_are_of_recordings_alone(copied, small_corpus):
    total = sum(map(len, small_corpus.rows.values()))
    assert len(list(listing.read_listing(str(copied)))) == total
    assert sum(len(part.utterances) for part in measure_files.read(str(copied))) == total
    summary = json.loads((copied / "summary.json").read_text())
    assert summary["read"] == total
    train = summary["splits"]["train"]
    assert (train["read"], train["degraded_copies"]) == (12, 24)
    assert "degraded_copies" not in summary["splits"]["dev"]


def test_the_same_bytes_with_any_number_of_workers(copied, small_corpus, tmp_path):
    run(small_corpus.root, tmp_path / "again", TWO_PROCESSES, degraded_copies=2)
    assert shards(tmp_path / "again") == shards(copied)
    run(small_corpus.root, tmp_path / "other", degraded_copies=2, seed=6)
    chains = [
        {(text(f, "utterance_id"), text(f, "degradation")) for f in read_split(folder, "train")}
        for folder in (copied, tmp_path / "other")
    ]
    assert chains[0] != chains[1]


def test_shards_stay_as_large_as_asked_for(copied, small_corpus, tmp_path):
    run(small_corpus.root, tmp_path / "plain")
    assert len(shards(copied)) > len(shards(tmp_path / "plain"))


def test_chains_are_specs_of_all_kinds_and_the_same_for_both_classes():
    drawn = [draw_chain(1, f"U{number}", 1) for number in range(400)]
    names = {step.name for chain in drawn for step in parse(chain)}
    assert names >= {"mp3", "aac", "opus", "vorbis", "wma", "amrnb", "g726", "alaw", "mulaw"}
    assert names >= {"lowpass", "highpass", "resample", "noise", "pink", "room", "gain"}
    assert len({*drawn}) > 300
    # Nothing but seed, id and number decides: no class can have chains of its own.
    assert draw_chain(1, "U7", 1) == drawn[7]
    assert draw_chain(2, "U7", 1) != drawn[7] or draw_chain(2, "U8", 1) != drawn[8]
    assert draw_chain(1, "U7", 2) != drawn[7] or draw_chain(1, "U8", 2) != drawn[8]


@pytest.mark.parametrize("count", [-1, 21])
def test_a_number_of_copies_out_of_range_is_refused(count):
    with pytest.raises(SettingsError, match="degraded_copies"):
        IngestSettings(corpus_root="x", layout="asvspoof2019-la", degraded_copies=count)
