"""What becomes of files with several channels, and of those that phones record."""

import json

import audio_kinds
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tfx.types import standard_artifacts

from bonafide import corpora
from bonafide.audio import decoding
from bonafide.settings import SettingsError
from components.data_gate import rules
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings

IN_MEMORY = ["--runner=FnApiRunner", "--sdk_container_image=unused"]
# By how their channels compare, which utterance of train is made so.
MADE = {
    "alike": lambda voice: np.stack([voice, voice], axis=1),
    "different": lambda voice: np.stack([voice, voice[::-1]], axis=1),
    "opposite": lambda voice: np.stack([voice, -voice], axis=1),
    "one silent": lambda voice: np.stack([voice, np.zeros_like(voice)], axis=1),
}


@pytest.fixture
def stereo_corpus(small_corpus):
    """A file of each kind among the bona fide of train; two of them of phones. Returns its ids."""
    names = [line.split()[1] for line in small_corpus.rows["train"] if line.endswith("bonafide")]
    voice = audio_kinds.speech()
    for name, make in zip(names, MADE.values(), strict=False):
        path = small_corpus.folder("train") / f"{name}.flac"
        soundfile.write(path, make(voice), 16_000, subtype="PCM_16")
    for name, kind, ending in ((names[4], "m4a", ".m4a"), (names[5], "opus", ".opus")):
        (small_corpus.folder("train") / f"{name}.flac").unlink()
        (small_corpus.folder("train") / f"{name}{ending}").write_bytes(audio_kinds.make(kind))
    return small_corpus, dict(zip([*MADE, "m4a", "opus"], names, strict=False))


def run(root, output, **settings):
    made = component.UtteranceGen(
        settings=IngestSettings(corpus_root=str(root), layout="asvspoof2019-la", **settings),
        corpus_fingerprint="abc",
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = executor.Executor.Context(beam_pipeline_args=IN_MEMORY, tmp_dir="/tmp", unique_id="1")
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))
    return json.loads((output / "summary.json").read_text())


def samples_in(output):
    found = {}
    for path in (output / "Split-train").iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            features = tf.train.Example.FromString(record.numpy()).features.feature
            pcm = np.frombuffer(features["pcm16"].bytes_list.value[0], "<i2")
            found[features["utterance_id"].bytes_list.value[0].decode()] = pcm
    return found


@pytest.mark.parametrize("channels", ["mix", "left", "right"])
def test_one_of_them_or_their_mean_is_taken_and_the_kinds_are_counted(
    stereo_corpus, tmp_path, channels
):
    corpus, names = stereo_corpus
    # The mean of opposite channels and the silent channel hold no speech, and would be rejected.
    summary = run(corpus.root, tmp_path / "out", channels=channels, reject_without_speech=False)
    assert summary["channels"] == channels
    assert (summary["read"], summary["rejected"]) == (26, 0)
    counted = {"alike": 1, "different": 1, "one silent": 1, "opposite": 1}
    assert summary["splits"]["train"]["channels"] == {"bonafide": counted}
    assert summary["splits"]["eval"]["channels"] == {}
    found = samples_in(tmp_path / "out")
    for kind in MADE:
        data = (corpus.folder("train") / f"{names[kind]}.flac").read_bytes()
        expected = decoding.decode(data, 16_000, 0.1, channel=channels)
        np.testing.assert_array_equal(found[names[kind]], expected)
    assert np.abs(found[names["opposite"]]).max() == 0 or channels != "mix"
    np.testing.assert_array_equal(
        found[names["m4a"]], decoding.decode(audio_kinds.make("m4a"), 16_000, 0.1)
    )
    assert len(found[names["opus"]]) == 32_000


def test_files_with_unlike_channels_are_rejected_if_that_is_the_setting(stereo_corpus, tmp_path):
    corpus, names = stereo_corpus
    summary = run(corpus.root, tmp_path / "out", channels="reject", max_rejected_fraction=0.5)
    assert summary["rejected"] == 3
    assert summary["splits"]["train"]["channels"] == {"bonafide": {"alike": 1}}
    rows = (tmp_path / "out" / "rejected.tsv").read_text().splitlines()[1:]
    reasons = {name: reason for name, _, reason in (row.split("\t") for row in rows)}
    assert set(reasons) == {names[kind] for kind in ("different", "opposite", "one silent")}
    assert reasons[names["different"]].startswith("different channels for 2.0 s (correlation")
    assert reasons[names["one silent"]].startswith("silent: right: utterances.channels=left")


def test_too_many_of_them_stop_the_run(stereo_corpus, tmp_path):
    with pytest.raises(corpora.CorpusError, match=r"different channels|opposite in phase|silent"):
        run(stereo_corpus[0].root, tmp_path / "out", channels="reject")


def test_there_is_no_other_channel():
    with pytest.raises(SettingsError, match="expected one of mix, left, right, reject"):
        IngestSettings(corpus_root="x", layout="folders", channels="centre")


def test_data_gate_counts_those_that_differ_by_class_and_split():
    counted = {"alike": 40, "different": 6, "opposite": 2}
    splits = {
        "train": {"channels": {"bonafide": counted, "spoof": {"alike": 9}}},
        "dev": {},
        "eval": {"channels": {"spoof": {"one silent": 1}}},
    }
    train, evaluated = rules.unlike_channels(splits, "mix")
    assert (train.split, train.subject, train.value) == ("train", "bonafide", 8)
    assert "8 of 48 recordings with several channels have different sound" in train.message
    assert "(different: 6, opposite: 2). They were averaged" in train.message
    assert (evaluated.split, evaluated.subject, evaluated.value) == ("eval", "spoof", 1)
    [taken] = rules.unlike_channels({"eval": splits["eval"]}, "left")
    assert "The left channel was used." in taken.message
    assert rules.unlike_channels({}, "mix") == []
