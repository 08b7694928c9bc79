"""A model for a phone scores as the one that it was made from, or is not written."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_transform as tft
import voices

from bonafide.metrics.calibration import AffineCalibration
from bonafide.scoring import model as model_lib
from bonafide.scoring.edge import command as edge
from bonafide.scoring.edge import compare, graph, lite
from models.export.servable import Member, build_detector, export_detector
from models.network.conformer import Conformer
from models.settings.conformer import ConformerConfig
from models.settings.features import FeatureConfig

ROOT = pathlib.Path(__file__).resolve().parents[3]
TINY = ConformerConfig(
    width=24, num_blocks=1, num_heads=2, kernel_size=3, subsampling_channels=4, pooling_width=4
)
MEL = FeatureConfig(clip_samples=8000, num_bands=16)
LFCC = FeatureConfig(
    front_end="lfcc",
    clip_samples=8000,
    num_bands=20,
    num_coefficients=8,
    preemphasis=0.97,
    remove_dc=True,
    normalisation="utterance",
)
TRANSFORM = """
import json, os, pathlib, sys
from benchmarks.scoring import transform
from models.settings.features import FeatureConfig
transform(pathlib.Path(sys.argv[1]), FeatureConfig(**json.loads(sys.argv[2])))
os._exit(0)
"""
THRESHOLDS = {"eer": 0.5, "far1": 2.0}


def push(folder, features, slopes):
    """A version with untrained members, as Trainer exports and ModelPusher lays it out."""
    # In a process of its own, which ends itself: Beam's and TensorFlow's libraries in one process
    # crash the interpreter now and then when it ends.
    subprocess.run(
        [sys.executable, "-c", TRANSFORM, folder / "transform", json.dumps(vars(features))],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    keras.utils.set_random_seed(3)
    members = []
    for slope in slopes:
        network = Conformer(TINY)
        network.build((None, features.num_frames, features.num_features))
        members.append(Member(network.get_weights(), 0.3, AffineCalibration(slope, 0.25)))
    output = tft.TFTransformOutput(str(folder / "transform"))
    detector = build_detector(output, TINY, members, features=features)
    facts = {
        "settings": {"features": dataclasses.asdict(features)},
        "thresholds": THRESHOLDS,
        "calibration": {"slope": 1.0},
    }
    export_detector(detector, str(folder / "1700000000"), facts=facts)
    return folder / "1700000000"


@pytest.fixture(scope="module")
def mel(tmp_path_factory):
    return push(tmp_path_factory.mktemp("mel"), MEL, [2.0])


@pytest.fixture(scope="module")
def lfcc(tmp_path_factory):
    return push(tmp_path_factory.mktemp("lfcc"), LFCC, [2.0, -1.5])


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A short recording and a long one: a clip, repeated, and three windows."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, size in (("short", 5120), ("long", 13_000)):
        soundfile.write(folder / f"{name}.flac", voices.voice(size / 16_000), 16_000)
    return folder


def run(version, to, recordings, *more):
    return edge.main(
        ["--model", str(version), "--output", str(to), "--check", str(recordings), *more]
    )


@pytest.fixture(scope="module")
def whole(mel, recordings, tmp_path_factory):
    """What the command makes of `mel` without further options: its exit code, and the file."""
    to = tmp_path_factory.mktemp("whole") / "model.tflite"
    return run(mel.parent, to, recordings), to


def assert_same_scores(version, to):
    content = to.read_bytes()
    about = json.loads(to.with_suffix(".json").read_text())
    check = about.pop("check")
    assert check["clips"] == 4
    assert check["largest"] < 1e-3
    assert about == {
        "input": {"name": "waveform", "shape": [1, 8000], "type": "float32"},
        "output": {"name": "score", "shape": [1], "type": "float32"},
        "sample_rate": 16_000,
        "clip_samples": 8000,
        "thresholds": THRESHOLDS,
        "calibration": {"slope": 1.0},
        "quantize": "none",
        "sha256": hashlib.sha256(content).hexdigest(),
        "version": "1700000000",
        "source_sha256": model_lib.sha256(version),
    }
    # Finer than 16 bit, and beyond full scale: both are rounded and clipped alike.
    rng = np.random.default_rng(6)
    waveforms = rng.normal(0, [[1e-4], [0.1], [2.0]], (3, 8000)).astype(np.float32)
    waveforms = np.clip(waveforms, -7, 7)
    signature = tf.saved_model.load(str(version)).signatures["score_waveform"]
    expected = signature(waveform=tf.constant(waveforms), lengths=tf.constant([8000] * 3))
    scorer = lite.Lite(content, threads=1)
    found = [scorer(waveform) for waveform in waveforms]
    assert found == pytest.approx(expected["score"].numpy(), abs=1e-3)
    assert np.std(found) > 0.01


def test_scores_are_those_of_the_pushed_model(mel, whole):
    code, to = whole
    assert code == edge.OK
    assert_same_scores(mel, to)


def test_with_other_features_and_two_members(lfcc, recordings, tmp_path, capsys):
    assert run(lfcc, tmp_path / "model.tflite", recordings) == edge.OK
    said = capsys.readouterr().out
    assert "4 clips" in said
    assert "1700000000" in said
    assert_same_scores(lfcc, tmp_path / "model.tflite")


def dtypes(content):
    """Of each kind of number, the sizes of a converted model's tensors."""
    interpreter = lite.interpreter(content, threads=1)
    found = {}
    for tensor in interpreter.get_tensor_details():
        found.setdefault(np.dtype(tensor["dtype"]).name, []).append(int(np.prod(tensor["shape"])))
    return found


@pytest.mark.parametrize("quantize", ["dynamic", "float16"])
def test_smaller_weights_leave_the_features_as_they_are(quantize, mel, whole, recordings, tmp_path):
    to = tmp_path / "small.tflite"
    assert run(mel, to, recordings, "--quantize", quantize) == edge.OK
    large, small = whole[1].read_bytes(), to.read_bytes()
    assert len(small) < 0.9 * len(large)
    about = json.loads(to.with_suffix(".json").read_text())
    assert about["quantize"] == quantize
    assert 0 < about["check"]["largest"] < (0.05 if quantize == "dynamic" else 0.01)
    assert "int8" not in dtypes(large)
    if quantize == "dynamic":
        sizes = dtypes(small)["int8"]
        assert TINY.width * 2 * TINY.width in sizes
        assert MEL.num_bins * MEL.num_bands not in sizes


WIDE = np.geomspace(1e-7, 3, 4096, dtype=np.float32) * np.tile([1, -1], 2048).astype(np.float32)


def in_float16(value, make):
    """A constant as it is computed by a model that was converted with weights of 16 bits."""

    class Constant(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name=graph.INPUT)])
        def score(self, waveform):
            zero = tf.minimum(tf.abs(waveform[0, 0]), 0.0)
            return {graph.OUTPUT: make(value, zero) + tf.reduce_sum(waveform) * 0.0}

    runner = lite.interpreter(lite.convert(Constant(), "float16"), threads=1)
    run = runner.get_signature_runner(lite.SIGNATURE)
    return run(**{graph.INPUT: np.ones([1, 4], np.float32)})[graph.OUTPUT]


@pytest.mark.parametrize(
    "value", [WIDE, WIDE * 1e-9, WIDE * 1e9, np.float32(1e-10), np.float32(0.0), np.float32(-1.0)]
)
def test_constants_of_features_survive_weights_of_16_bits(value):
    found = in_float16(value, graph.hidden)
    largest = np.abs(value).max()
    np.testing.assert_allclose(found, value, rtol=0, atol=largest * 2.0**-21)


def test_others_do_not():
    found = in_float16(WIDE, lambda value, zero: tf.constant(value) + zero)
    assert np.abs(found - WIDE).max() > 2.0**-12


def test_a_model_that_scores_differently_is_not_written(
    mel, whole, recordings, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(lite, "convert", lambda *_: whole[1].read_bytes())
    found = compare.Comparison(4, 0.0625, 0.03125, 2.0, 1.0)
    monkeypatch.setattr(compare, "compare", lambda *_: found)
    to = tmp_path / "model.tflite"
    to.write_text("the one before")
    assert run(mel, to, recordings) == edge.REFUSED
    assert "nothing written: scores differ by up to 0.0625, " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert to.read_text() == "the one before"
    assert run(mel, to, recordings, "--max-difference", "0.0625") == edge.OK
    assert to.read_bytes() == whole[1].read_bytes()


def test_it_runs_where_only_scoring_is_installed(mel, recordings, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tests/harness/without_frameworks.py")),
            *(str(ROOT / "bonafide/__main__.py"), "edge", "--model", str(mel)),
            *("--output", str(tmp_path / "model.tflite"), "--check", str(recordings)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.tflite"]


def test_what_cannot_be_converted(pushed, save_detector, recordings, tmp_path, capsys):
    def refused(folder, *, check=recordings, to=tmp_path / "model.tflite"):
        assert run(folder, to, check) == edge.FAILED
        assert not list(tmp_path.glob("*.tflite"))
        return capsys.readouterr().err

    assert "there is no such folder" in refused(tmp_path / "none")
    other = save_detector(tmp_path / "other", "x")
    assert "bonafide.json" in refused(other)
    shutil.copytree(pushed / "assets.extra", other / "assets.extra", dirs_exist_ok=True)
    assert "has no signature score_pcm16" in refused(other)
    assert "is not built as this version builds detectors" in refused(pushed)
    assert "no-such.wav: there is no such file" in refused(pushed, check="no-such.wav")
    (tmp_path / "empty").mkdir()
    assert "no recording in" in refused(pushed, check=tmp_path / "empty")
    assert "there is no folder" in refused(pushed, to=tmp_path / "none/model.tflite")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--output", "model.bin"], "does not end in .tflite"),
        (["--output", "m.tflite", "--max-difference", "inf"], "'inf' is not a finite number"),
        (["--output", "m.tflite", "--max-difference", "x"], "'x' is not a finite number"),
        (["--output", "m.tflite", "--quantize", "int4"], "invalid choice: 'int4'"),
        ([], "the following arguments are required: --output"),
    ],
)
def test_command_lines_that_are_wrong(arguments, reason, capsys):
    with pytest.raises(SystemExit) as ended:
        edge.main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_clips_to_compare_on(recordings):
    model = model_lib.Model(pathlib.Path("1"), 16_000, 8000, {})
    long, short = (str(recordings / f"{name}.flac") for name in ("long", "short"))
    found = list(compare.clips(compare.recordings([str(recordings)]), model))
    samples = {path: soundfile.read(path, dtype="int16")[0] for path in (long, short)}
    starts = (0, 4000, 5000)
    expected = [samples[long][start : start + 8000] for start in starts]
    expected.append(np.concatenate([samples[short], samples[short][:2880]]))
    assert np.array_equal(found, expected)
    bundled = compare.recordings([])
    assert len(bundled) == len(set(bundled)) == 100
    assert {pathlib.Path(path).parts[-3][-3:] for path in bundled} == {"ain", "dev", "val"}


def test_differences_are_of_the_same_clip():
    clips = [np.full(4, value, np.int16) for value in (0, 16_384, -32_768)]

    def source(pcm16):
        return np.array([np.frombuffer(clip, "<i2")[0] / 32_768 for clip in pcm16])

    found = compare.compare(clips, source, lambda waveform: float(waveform[0]) * 1.5)
    assert (found.clips, found.largest, found.mean) == (3, 0.5, 0.25)
    assert found.source_milliseconds > 0
    assert found.lite_milliseconds > 0
    lost = compare.compare(clips, source, lambda waveform: np.nan)
    assert (lost.largest, lost.mean) == (np.inf, np.inf)


def test_what_a_score_needs_besides_samples_is_named():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="pcm16"),
            tf.TensorSpec([], tf.float32, name="gain"),
        ]
    )
    def score(pcm16, gain):
        samples = tf.io.decode_raw(pcm16, tf.int16, fixed_length=8)
        mean = gain * tf.reduce_mean(tf.cast(samples, tf.float32), axis=1)
        return {"score": tf.where(tf.strings.length(pcm16) > 1, mean, np.nan)}

    function = score.get_concrete_function()
    with pytest.raises(model_lib.ModelError, match="needs more than samples: gain"):
        graph.waveform_scorer(function, 4, quantize="none")
