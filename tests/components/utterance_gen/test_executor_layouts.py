"""The real executor on corpora of other layouts, with real audio."""

import json
import logging
import pathlib

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from small_corpora import LAYOUTS, example, record
from tfx.types import artifact_utils, standard_artifacts

from bonafide import corpora
from bonafide.corpora.state import corpus_fingerprint
from bonafide.dataset import listing
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings

ROOT = pathlib.Path(__file__).resolve().parents[3]
IN_MEMORY = ["--runner=FnApiRunner", "--sdk_container_image=unused"]


def flacs():
    """Recordings of samples/, without end."""
    paths = sorted((ROOT / "samples/LA/ASVspoof2019_LA_dev/flac").iterdir())
    while True:
        yield from paths


def build(root, name, wav):
    """The small copy of a layout on disk, with real recordings in the place of its audio."""
    recordings = flacs()
    for path, data in LAYOUTS[name].items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".flac":
            data = next(recordings).read_bytes()
        elif file.suffix in (".wav", ".mp3"):
            samples, rate = soundfile.read(next(recordings), dtype="int16")
            data = wav(samples, rate)
        file.write_bytes(data)


def run(root, output, layout, options=(), **settings):
    made = component.UtteranceGen(
        settings=IngestSettings(
            corpus_root=str(root),
            layout=layout,
            layout_options=options,
            **{"max_rejected_fraction": 0.0} | settings,
        ),
        corpus_fingerprint="f",
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = executor.Executor.Context(beam_pipeline_args=IN_MEMORY, tmp_dir="/tmp", unique_id="1")
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))
    return artifact


def read_split(output, split):
    paths = sorted((output / f"Split-{split}").iterdir())
    for data in tf.data.TFRecordDataset([str(path) for path in paths]):
        feature = tf.train.Example.FromString(data.numpy()).features.feature
        yield {
            name: (value.bytes_list.value or value.int64_list.value)[0]
            for name, value in feature.items()
        }


@pytest.fixture
def quiet(caplog):
    caplog.set_level(logging.INFO, logger="bonafide")
    return caplog


@pytest.mark.parametrize("layout", ["in-the-wild", "folders", "mlaad"])
def test_corpora_that_get_their_splits_here(layout, tmp_path, wav, quiet):
    build(tmp_path / "corpus", layout, wav)
    artifact = run(tmp_path / "corpus", tmp_path / "out", "auto", ["split_seed=3"])
    assert artifact_utils.decode_split_names(artifact.split_names) == ["train", "dev", "eval"]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["layout"] == layout
    assert summary["notes"][0] == f"the layout is {layout}"
    assert "splits were made by speaker (split_seed 3)" in summary["notes"][1]
    assert f"UtteranceGen: {summary['notes'][1]}" in quiet.text
    listed = list(listing.read_listing(str(tmp_path / "out")))
    assert summary["read"] == len(listed) > 0
    speakers = {
        split: {row["speaker_id"] for row in read_split(tmp_path / "out", split)}
        for split in corpora.SPLITS
    }
    assert not speakers["train"] & speakers["eval"]
    assert not speakers["dev"] & (speakers["train"] | speakers["eval"])
    if layout == "mlaad":
        assert all(dict(row.extra)["language"] in ("en", "de") for row in listed)


def test_a_manifest_and_what_it_tells_besides(tmp_path, wav):
    build(tmp_path, "manifest", wav)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("gs://bucket/3.flac", "audio/9.wav"))
    run(tmp_path, tmp_path / "out", "manifest", corpus_name="mine")
    [row] = read_split(tmp_path / "out", "train")
    assert (row["utterance_id"], row["speaker_id"], row["language"]) == (b"audio__1", b"S_1", b"en")
    assert row["corpus"] == b"mine"
    [row] = read_split(tmp_path / "out", "dev")
    assert (row["system_id"], row["label"]) == (b"TTS_A", 0)
    assert "language" not in row


def test_a_corpus_for_evaluation_only_says_what_cannot_be_done(tmp_path, wav, quiet):
    build(tmp_path, "asvspoof2021-la", wav)
    artifact = run(tmp_path, tmp_path / "out", "asvspoof2021-la", ["subset=all", "trim=notrim"])
    # TFX's readers fail on a split without a file; DataGate tells of one that is missing.
    assert artifact_utils.decode_split_names(artifact.split_names) == ["eval"]
    rows = {row["utterance_id"]: row for row in read_split(tmp_path / "out", "eval")}
    assert set(rows) == {b"LA_E_1", b"LA_E_2", b"LA_E_4"}
    assert rows[b"LA_E_1"]["codec"] == b"alaw"
    assert rows[b"LA_E_1"]["transmission"] == b"ita_tx"
    [warning] = [entry.message for entry in quiet.records if entry.levelname == "WARNING"]
    assert "has no train and no dev, so it cannot train a model" in warning


def test_audio_inside_tfrecord_files(tmp_path, wav, speech):
    def spoken(name, target, samples):
        return record(
            example(
                audio=wav(samples),
                id=name.encode(),
                speaker_id=b"S1",
                system_id=b"A01" if target else b"-",
                target=target,
            )
        )

    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}0-2.tfrec").write_bytes(
            spoken(f"{split}_real", 0, speech()) + spoken(f"{split}_fake", 1, speech()[:8000])
        )
    run(tmp_path, tmp_path / "out", "auto")
    rows = {row["utterance_id"]: row for row in read_split(tmp_path / "out", "dev")}
    assert rows[b"valid_real"]["label"] == 1
    assert rows[b"valid_fake"]["num_samples"] == 8000
    expected = np.round(speech() * 32768)
    pcm = np.frombuffer(rows[b"valid_real"]["pcm16"], "<i2")
    np.testing.assert_allclose(pcm, expected, atol=1)


def test_fake_or_real_has_no_speakers(tmp_path, wav):
    build(tmp_path, "fake-or-real", wav)
    run(tmp_path, tmp_path / "out", "fake-or-real")
    assert {row["speaker_id"] for row in read_split(tmp_path / "out", "eval")} == {b"-"}


def test_the_fingerprint_notices_layout_and_options(dict_files):
    def taken(layout, **options):
        files = dict_files(LAYOUTS["asvspoof2021-la"])
        return corpus_fingerprint("x", layout, files, corpora.Options(**options))

    assert taken("auto") == taken("asvspoof2021-la") == taken("auto", subset="eval")
    assert len({taken("auto"), taken("auto", subset="all"), taken("auto", trim="notrim")}) == 3


def test_options_of_another_layout_are_refused_at_once():
    with pytest.raises(corpora.CorpusError, match=r"layout mlaad .*, got trim"):
        IngestSettings(corpus_root="x", layout="mlaad", layout_options=("trim=notrim",))
    with pytest.raises(ValueError, match="Did you mean 'trim'"):
        IngestSettings(corpus_root="x", layout="mlaad", layout_options=("trimm=notrim",))


def test_a_mixture_of_corpora(tmp_path, wav):
    build(tmp_path / "la", "asvspoof2019-la", wav)
    build(tmp_path / "own", "manifest", wav)
    (tmp_path / "own" / "manifest.csv").write_text(
        "path,key,speaker,system,split\naudio/1.wav,bonafide,S 1,-,train\n"
        "audio/2.wav,fake,S2,A01,train\n"
    )
    root = f"la={tmp_path / 'la'};own={tmp_path / 'own'}@manifest"
    run(root, tmp_path / "out", "mixture")
    rows = [row for split in corpora.SPLITS for row in read_split(tmp_path / "out", split)]
    by_corpus = {name: [row for row in rows if row["corpus"] == name] for name in (b"la", b"own")}
    assert len(by_corpus[b"la"]) + len(by_corpus[b"own"]) == len(rows)
    assert {row["system_id"] for row in by_corpus[b"own"]} == {b"-", b"own.A01"}
    assert all(row["utterance_id"].startswith(row["corpus"] + b".") for row in rows)
    assert all(row["num_samples"] > 0 for row in rows)
