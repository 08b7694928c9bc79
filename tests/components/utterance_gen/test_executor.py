"""The real executor on a few real files, and on files that are not what they should be."""

import json
import logging
import pathlib
import subprocess

import apache_beam as beam
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from apache_beam.io.filesystem import BeamIOError
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from bonafide import corpora
from bonafide.dataset import listing
from bonafide.storage import beam_files
from components.utterance_gen import component, executor, plan
from components.utterance_gen.settings import IngestSettings

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The image is not used; without it TFX packs its own source first.
IN_MEMORY = ["--runner=FnApiRunner", "--sdk_container_image=unused"]
TWO_PROCESSES = [
    *IN_MEMORY,
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


def run(root, output, beam_args=IN_MEMORY, **settings):
    given = {"shard_bytes": 300_000, "seed": 5} | settings
    made = component.UtteranceGen(
        settings=IngestSettings(corpus_root=str(root), layout="asvspoof2019-la", **given),
        corpus_fingerprint="abc",
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    context = executor.Executor.Context(
        beam_pipeline_args=list(beam_args), tmp_dir="/tmp", unique_id="1"
    )
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))
    return artifact


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_split(output, split):
    paths = sorted((output / f"Split-{split}").iterdir())
    records = tf.data.TFRecordDataset([str(path) for path in paths])
    return [tf.train.Example.FromString(record.numpy()) for record in records]


def value(example, name):
    feature = example.features.feature[name]
    values = feature.bytes_list.value or feature.int64_list.value
    assert len(values) == 1, name
    return values[0]


def test_examples_summary_and_artifact(small_corpus, tmp_path, caplog):
    output = tmp_path / "out"
    with caplog.at_level(logging.INFO, logger="bonafide"):
        artifact = run(small_corpus.root, output)

    assert sorted(path.name for path in output.iterdir()) == [
        "Split-dev",
        "Split-eval",
        "Split-train",
        "measures",
        "rejected.tsv",
        "summary.json",
        "utterances.tsv",
    ]
    for split, lines in small_corpus.rows.items():
        rows = {line.split()[1]: line.split() for line in lines}
        attacks = sorted({row[3] for row in rows.values()} - {"-"})
        read = read_split(output, split)
        assert len(read) == len(rows)
        assert {value(example, "utterance_id").decode() for example in read} == set(rows)
        for example in read:
            assert len(example.features.feature) == 10
            name = value(example, "utterance_id").decode()
            speaker, _, _, system, key = rows[name]
            assert value(example, "speaker_id") == speaker.encode()
            assert value(example, "system_id") == system.encode()
            assert value(example, "key") == key.encode()
            assert value(example, "label") == (key == "bonafide")
            assert value(example, "corpus") == b"asvspoof2019-la"
            assert value(example, "sample_rate") == 16_000
            pool = [v.decode() for v in example.features.feature["attack_pool"].bytes_list.value]
            assert pool == (attacks if key == "bonafide" else [system])
            expected, _ = soundfile.read(small_corpus.folder(split) / f"{name}.flac", dtype="int16")
            pcm = np.frombuffer(value(example, "pcm16"), "<i2")
            np.testing.assert_array_equal(pcm, expected)
            assert value(example, "num_samples") == len(expected)

    summary = json.loads((output / "summary.json").read_text())
    assert (summary["read"], summary["rejected"]) == (26, 0)
    assert summary["corpus_fingerprint"] == "abc"
    train = summary["splits"]["train"]
    assert train["read"] == sum(train["systems"].values()) == 12
    assert train["systems"]["-"] == 6
    assert train["shards"] == len(list((output / "Split-train").iterdir())) > 1
    assert (output / "rejected.tsv").read_text() == "utterance\tpath\treason\n"
    listed = list(listing.read_listing(str(output)))
    assert len(listed) == 26
    assert all((small_corpus.root / row.path).is_file() for row in listed)
    assert [record.message.split(":")[1].strip() for record in caplog.records] == [
        "train",
        "dev",
        "eval",
    ]

    # As TFX's own readers see it.
    assert artifact_utils.decode_split_names(artifact.split_names) == ["train", "dev", "eval"]
    assert examples_utils.get_payload_format(artifact) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert artifact.get_int_custom_property("span") == 0
    tfxio = tfxio_utils.get_split_tfxio([artifact], "train", ["test"])

    def check(total):
        assert total == 12

    with beam.Pipeline(argv=IN_MEMORY) as pipeline:
        _ = (
            pipeline
            | tfxio.BeamSource()
            | beam.Map(lambda batch: batch.num_rows)
            | beam.CombineGlobally(sum)
            | beam.Map(check)
        )


def test_rows_that_are_left_out_are_in_no_file(small_corpus, tmp_path, caplog):
    output = tmp_path / "out"
    systems = [line.split()[3] for line in small_corpus.rows["train"]]
    attack = next(system for system in systems if system != "-")
    in_dev = sum(line.split()[3] == attack for line in small_corpus.rows["dev"])
    with caplog.at_level(logging.INFO, logger="bonafide"):
        run(small_corpus.root, output, leave_out=(f"system={attack}",))
    for split in ("train", "dev"):
        for example in read_split(output, split):
            assert value(example, "system_id") != attack.encode()
            pool = example.features.feature["attack_pool"].bytes_list.value
            assert attack.encode() not in pool
    assert len(read_split(output, "eval")) == len(small_corpus.rows["eval"])
    summary = json.loads((output / "summary.json").read_text())
    assert summary["rejected"] == 0
    assert summary["splits"]["train"]["read"] == len(systems) - systems.count(attack)
    assert len(list(listing.read_listing(str(output)))) == summary["read"]
    counted = f"{systems.count(attack)} of train" + (f" and {in_dev} of dev" if in_dev else "")
    [note] = summary["notes"]
    assert note == f"left out by system={attack}: {counted}"
    assert note in caplog.text


def test_same_bytes_with_one_worker_and_with_two_processes(small_corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # Beam starts its workers as plain Python.
    run(small_corpus.root, tmp_path / "one")
    run(small_corpus.root, tmp_path / "two", TWO_PROCESSES)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert len(tree(tmp_path / "one")) > 6


def test_whole_run_on_an_object_store(small_corpus, tmp_path, memory_store):
    for path, data in tree(small_corpus.root).items():
        memory_store[f"memory://bucket/corpus/{path}"] = data
    run("memory://bucket/corpus", "memory://bucket/out")
    run(small_corpus.root, tmp_path / "local")
    written = {
        path.removeprefix("memory://bucket/out/"): data
        for path, data in memory_store.items()
        if path.startswith("memory://bucket/out/")
    }
    assert written == tree(tmp_path / "local")


def test_second_attempt_in_the_same_place_leaves_nothing_of_the_first(small_corpus, tmp_path):
    run(small_corpus.root, tmp_path / "twice", shard_bytes=100_000)
    run(small_corpus.root, tmp_path / "twice")
    run(small_corpus.root, tmp_path / "once")
    assert tree(tmp_path / "twice") == tree(tmp_path / "once")


def test_a_lost_attack_is_warned_of(small_corpus, tmp_path, caplog):
    small_corpus.add("eval", "S9 ONLY - A99 spoof", "ONLY.flac", b"words")
    run(small_corpus.root, tmp_path / "out", max_rejected_fraction=0.1)
    ours = [record for record in caplog.records if record.name == "bonafide"]
    [warning] = [record.message for record in ours if record.levelname == "WARNING"]
    assert "eval: none of the 1 utterances of system A99" in warning


def spoil(corpus, wav, speech):
    """Adds one utterance of each kind of bad input to train; returns id -> part of the reason."""
    flac = next(corpus.folder("train").glob("*.flac")).read_bytes()
    samples = speech()
    nan = samples.copy()
    nan[9] = np.nan
    bad = {
        "CUT": ("flac", flac[: len(flac) // 2], "unreadable as audio"),
        "TEXT": ("flac", b"not audio at all\n" * 99, "Format not recognised"),
        "ZERO": ("flac", b"", "empty file (0 bytes)"),
        "NAN": ("wav", wav(nan, subtype="FLOAT"), "not finite"),
        "SHORT": ("wav", wav(samples[:100]), "too short: 0.006 s"),
        "GONE": (None, None, "missing"),
    }
    for name, (suffix, data, _) in bad.items():
        corpus.add("train", f"S9 {name} - A01 spoof", suffix and f"{name}.{suffix}", data)
    return {name: reason for name, (_, _, reason) in bad.items()}


def test_bad_files_are_rejected_with_reasons_and_the_rest_is_read(
    small_corpus, tmp_path, wav, speech
):
    reasons = spoil(small_corpus, wav, speech)
    stereo = np.stack([speech(44_100)] * 2, axis=1)
    small_corpus.add("train", "S9 STEREO - A01 spoof", "STEREO.wav", wav(stereo, 44_100))
    small_corpus.add("train", "S9 EIGHT - A01 spoof", "EIGHT.wav", wav(speech(), subtype="PCM_U8"))
    output = tmp_path / "out"
    run(small_corpus.root, output, max_rejected_fraction=0.5)

    lines = [line.split("\t") for line in (output / "rejected.tsv").read_text().splitlines()]
    assert lines[0] == ["utterance", "path", "reason"]
    rejected = {utterance: (path, reason) for utterance, path, reason in lines[1:]}
    assert set(rejected) == set(reasons)
    assert not set(rejected) & {row.utterance for row in listing.read_listing(str(output))}
    for name, part in reasons.items():
        path, reason = rejected[name]
        assert part in reason
        assert path.startswith(f"LA/ASVspoof2019_LA_train/flac/{name}.")
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["read"], summary["rejected"]) == (28, 6)
    assert summary["splits"]["train"]["rejected"] == 6
    lengths = {
        value(example, "utterance_id"): value(example, "num_samples")
        for example in read_split(output, "train")
    }
    assert len(lengths) == 14
    assert lengths[b"STEREO"] == lengths[b"EIGHT"] == 16_000


def test_too_many_found_while_reading_stops_the_run(small_corpus, tmp_path):
    for line in small_corpus.rows["eval"][:3]:
        (small_corpus.folder("eval") / f"{line.split()[1]}.flac").write_bytes(b"words")
    with pytest.raises(corpora.CorpusError) as caught:
        run(small_corpus.root, tmp_path / "out")
    # The first is one too many: the others are not looked at.
    for part in ("1 of 26", "3.85 %", "1.00 %", "reading stopped there", "Format not recognised"):
        assert part in str(caught.value)
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_limit_is_known_to_all_shards(small_corpus, tmp_path, monkeypatch):
    """Each shard alone is under the limit; together they are over, and later ones are not read."""
    lines = [line for rows in small_corpus.rows.values() for line in rows]
    for folder in map(small_corpus.folder, ("train", "dev", "eval")):
        for path in sorted(folder.glob("*.flac"))[:-1]:
            path.write_bytes(b"words")
    opened = []
    read = beam_files.BeamFiles.read_bytes
    monkeypatch.setattr(
        beam_files.BeamFiles,
        "read_bytes",
        lambda self, path: opened.append(path) or read(self, path),
    )
    with pytest.raises(corpora.CorpusError, match=r"6 of 26 utterances .*more than the 20\.00 %"):
        run(small_corpus.root, tmp_path / "out", max_rejected_fraction=0.2, shard_bytes=60_000)
    assert len(opened) < len(lines) / 2


def test_two_percent_of_bad_audio_are_listed_exactly(small_corpus, tmp_path, wav, speech):
    for number in range(74):
        small_corpus.add(
            "train", f"S9 N{number} - A01 spoof", f"N{number}.wav", wav(speech(16_000))
        )
    bad = [small_corpus.folder("train") / f"N{number}.wav" for number in (3, 40)]
    for path in bad:
        path.write_bytes(path.read_bytes()[:999])
    run(small_corpus.root, tmp_path / "out", max_rejected_fraction=0.05, shard_bytes=400_000)
    lines = (tmp_path / "out" / "rejected.tsv").read_text().splitlines()[1:]
    assert sorted(line.split("\t")[0] for line in lines) == ["N3", "N40"]
    assert len(read_split(tmp_path / "out", "train")) == len(small_corpus.rows["train"]) - 2


@pytest.mark.parametrize("rejected", [True, False])
def test_what_holds_no_speech_is_counted_and_rejected_if_wanted(
    small_corpus, tmp_path, wav, tone, rejected
):
    rng = np.random.default_rng(0)
    empty = {
        "ZEROS": np.zeros(32_000),
        "NOISE": rng.normal(0, 0.1, 32_000),
        "TONE": tone(16_000, 2.0),
    }
    for name, samples in empty.items():
        small_corpus.add("train", f"S9 {name} - A01 spoof", f"{name}.wav", wav(samples))
    small_corpus.add("dev", "S9 REAL - - bonafide", "REAL.wav", wav(np.zeros(16_000)))
    output = tmp_path / "out"
    run(
        *(small_corpus.root, output),
        max_rejected_fraction=0.5,
        reject_without_speech=rejected,
    )
    lines = (output / "rejected.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in sorted(lines)] == (
        ["NOISE", "REAL", "TONE", "ZEROS"] if rejected else []
    )
    assert all("\tno speech: less than 0.3 s of it in " in line for line in lines)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["reject_without_speech"] is rejected
    assert {split: found["without_speech"] for split, found in summary["splits"].items()} == {
        **{"train": {"spoof": 3}, "dev": {"bonafide": 1}, "eval": {}},
    }
    written = {value(example, "utterance_id") for example in read_split(output, "train")}
    assert (b"ZEROS" in written) is not rejected


def test_a_file_that_vanishes_or_changes_while_the_corpus_is_read(
    small_corpus, tmp_path, monkeypatch
):
    victims = sorted(small_corpus.folder("train").glob("*.flac"))[:2]
    make_plan = plan.make_plan

    def spoil_after_planning(*args, **kwargs):
        planned = make_plan(*args, **kwargs)
        victims[0].unlink()
        victims[1].write_bytes(victims[1].read_bytes()[:500])
        return planned

    monkeypatch.setattr(plan, "make_plan", spoil_after_planning)
    run(small_corpus.root, tmp_path / "out", max_rejected_fraction=0.1)
    lines = (tmp_path / "out" / "rejected.tsv").read_text().splitlines()[1:]
    reasons = {line.split("\t")[0]: line.split("\t")[2] for line in lines}
    assert reasons.keys() == {path.stem for path in victims}
    assert "cannot be opened" in reasons[victims[0].stem]
    assert "unreadable as audio" in reasons[victims[1].stem]


def test_a_store_that_fails_now_and_then(
    small_corpus, tmp_path, memory_store, store_failures, monkeypatch
):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for path, data in tree(small_corpus.root).items():
        memory_store[f"memory://bucket/corpus/{path}"] = data
    store_failures += [BeamIOError("slow down")] * 3
    run("memory://bucket/corpus", tmp_path / "out")
    assert not store_failures
    run(small_corpus.root, tmp_path / "local")
    assert tree(tmp_path / "out") == tree(tmp_path / "local")


@pytest.fixture
def full_disk(tmp_path):
    """A filesystem of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small filesystem cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_and_then_room(small_corpus, tmp_path, full_disk):
    with pytest.raises(Exception, match="No space left on device"):
        run(small_corpus.root, full_disk / "out")
    left = [path for path in full_disk.rglob("*") if path.is_file() and path.stat().st_size]
    assert not [path for path in left if path.parent.name == ".scratch"]
    subprocess.run(["mount", "-o", "remount,size=50m", str(full_disk)], check=True)
    run(small_corpus.root, full_disk / "out")
    run(small_corpus.root, tmp_path / "local")
    assert tree(full_disk / "out") == tree(tmp_path / "local")


def test_too_many_missing_stops_before_any_work(small_corpus, tmp_path):
    victims = [line.split()[1] for line in small_corpus.rows["dev"][:2]]
    for name in victims:
        (small_corpus.folder("dev") / f"{name}.flac").unlink()
    with pytest.raises(corpora.CorpusError, match=r"2 of 26 utterances") as caught:
        run(small_corpus.root, tmp_path / "out")
    assert all(f"dev {name} " in str(caught.value) for name in victims)
    assert not (tmp_path / "out").exists()


def test_malformed_protocol_stops_before_any_work(small_corpus, tmp_path):
    small_corpus.add("eval", small_corpus.rows["train"][0])
    with pytest.raises(corpora.CorpusError, match=r"was already used at .*train"):
        run(small_corpus.root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_are_finished_are_kept_if_an_engine_runs_the_step_again(
    small_corpus, tmp_path, monkeypatch
):
    output = tmp_path / "out"
    write = executor.Executor._write_shards
    kept = {}

    def write_twice(self, shards, workspace, settings, *, max_rejected):
        write(self, shards, workspace, settings, max_rejected=max_rejected)
        files = sorted(output.glob("Split-*/*"))
        lost, *others = files
        lost.unlink()  # of this one only the result was left
        kept.update({path: path.stat().st_mtime_ns for path in others})
        write(self, shards, workspace, settings, max_rejected=max_rejected)
        assert lost.exists()

    monkeypatch.setattr(executor.Executor, "_write_shards", write_twice)
    run(small_corpus.root, output)
    assert len(kept) >= 2
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    once = tmp_path / "once"
    monkeypatch.setattr(executor.Executor, "_write_shards", write)
    run(small_corpus.root, once)
    assert tree(output) == tree(once)
