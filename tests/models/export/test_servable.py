import ast
import base64
import dataclasses
import json
import pathlib
import pickle
import subprocess
import sys
import types

import keras
import model_server
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import yaml
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from bonafide.metrics.calibration import AffineCalibration
from bonafide.scoring.windows import SpeechCutter
from bonafide.version import project_version
from models.augmentation.spectrogram import AugmentConfig
from models.export import servable
from models.export.servable import Member, build_detector
from models.features.preprocessing import FEATURES, PCM16
from models.network.conformer import Conformer, ConformerConfig
from models.settings.features import FeatureConfig
from models.settings.trainer import TrainerConfig
from models.training import checkpoints, train, trainer
from models.training.calibrate import DevCalibration
from models.training.pretrained import load_pretrained

ROOT = pathlib.Path(__file__).resolve().parents[3]
TINY = ConformerConfig(
    width=8, num_blocks=1, num_heads=2, kernel_size=3, subsampling_channels=4, pooling_width=4
)
SETTINGS = TrainerConfig(epochs=1, batch_size=8, class_weighting="none", device="cpu")

FEATURE_CONFIG = FeatureConfig(clip_samples=16000, num_bands=16)

# Each signature on all recordings, on them in another order, and on each of them alone.
SIGNATURES = """
import pickle, sys
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
found = {}
for name, inputs in pickle.loads(open(sys.argv[2], "rb").read()).items():
    def score(rows):
        given = {n: tf.constant([values[i] for i in rows]) for n, values in inputs.items()}
        return signatures[name](**given)["score"].numpy().tolist()
    everything = range(len(next(iter(inputs.values()))))
    found[name] = {
        "together": score(everything),
        "reversed": score(everything[::-1])[::-1],
        "alone": [score([i])[0] for i in everything],
    }
found["names"] = sorted(signatures)
print(found)
"""

SERVE = """
import sys
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
clips = np.load(sys.argv[2])
examples, recordings = clips["examples"], clips["recordings"].tolist()
serving, pcm16 = loaded.signatures["serving_default"], loaded.signatures["score_pcm16"]
out = serving(examples=tf.constant(examples.tolist()))
alone = [serving(examples=tf.constant([e]))["score"][0] for e in examples.tolist()]
rows = pcm16(pcm16=tf.constant(recordings))
short = pcm16(pcm16=tf.constant([recordings[0][:18000]] + recordings[1:]))
np.savez(sys.argv[3], score=out["score"], alone=alone,
         probability=out["probability"], rows=rows["score"], short=short["score"][:1],
         row_probability=rows["probability"])
"""


def custom_config(root, settings):
    return {
        "features": {"clip_samples": 16000, "num_bands": 16},
        "conformer": dataclasses.asdict(TINY),
        "waveform": {},
        "augment": dataclasses.asdict(AugmentConfig()),
        "trainer": dataclasses.asdict(settings),
        "materialized": False,
        "checkpoint_dir": str(root / "checkpoints"),
        "training_fingerprint": "abc",
        "code_fingerprint": "def",
    }


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """A model trained and exported by `run_fn`, from arguments as Trainer passes them."""
    root = tmp_path_factory.mktemp("trained")
    fn_args = types.SimpleNamespace(
        train_files=[corpus.raw["train"][0].replace("*", "utterances-00000-of-00002")],
        eval_files=corpus.raw["dev"],
        transform_graph_path=corpus.transform_dir,
        transform_output=corpus.transform_dir,
        model_run_dir=str(root / "run"),
        serving_model_dir=str(root / "serving"),
        custom_config=custom_config(root, SETTINGS),
        hyperparameters=None,
    )
    trainer.run_fn(fn_args)
    return root


@pytest.fixture(scope="module")
def served(trained, corpus):
    """What a process that knows TensorFlow alone gets from the SavedModel."""
    clips = corpus.clips["dev"][:4]
    # An Example to be scored has nothing but its samples.
    examples = []
    for utterance, label, samples in clips:
        example = tf.train.Example.FromString(corpus.serialize(utterance, label, samples))
        del example.features.feature["label"], example.features.feature["utterance_id"]
        examples.append(example.SerializeToString())
    recordings = [samples.astype("<i2").tobytes() for _, _, samples in clips]
    assert len({len(recording) for recording in recordings}) > 1
    content = {"examples": examples, "recordings": recordings}
    np.savez(trained / "in.npz", **{k: np.array(v, object) for k, v in content.items()})
    paths = [str(trained / name) for name in ("serving", "in.npz", "out.npz")]
    code = SERVE.replace("np.load(sys.argv[2])", "np.load(sys.argv[2], allow_pickle=True)")
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return clips, np.load(trained / "out.npz")


def test_the_server_of_the_manifests_knows_every_operation(trained):
    """TensorFlow Serving may be older than the TensorFlow that exports; it is in the manifests.

    The file lists the operations and attributes of that TensorFlow, by its TF_GetAllOpList.
    """
    image = yaml.safe_load((ROOT / "serving/compose.yaml").read_text())["services"]
    [version] = {service["image"].rpartition(":")[2] for service in image.values()}
    known = {}
    for line in (ROOT / f"tests/serving/operations-{version}.tsv").read_text().splitlines():
        name, attributes = line.split("\t")
        known[name] = set(attributes.split(","))
    saved = saved_model_pb2.SavedModel.FromString((trained / "serving/saved_model.pb").read_bytes())
    used = {}
    for meta in saved.meta_graphs:
        library = meta.graph_def.library.function
        functions = {function.signature.name for function in library}
        nodes = [*meta.graph_def.node, *(n for function in library for n in function.node_def)]
        for node in nodes:
            if node.op not in functions:
                # TensorFlow itself skips attributes that begin with an underscore.
                names = {name for name in node.attr if not name.startswith("_")}
                used.setdefault(node.op, set()).update(names)
    assert len(used) > 50
    assert used.keys() - known.keys() == set()
    assert {op: new for op, names in used.items() if (new := names - known[op])} == {}


def test_both_signatures_equal_the_model_in_process(trained, served, corpus):
    clips, out = served
    facts = json.loads((trained / "serving/assets.extra/bonafide.json").read_text())
    model = Conformer(TINY)
    model.build((None, None, 16))
    model.load_weights(trained / "serving/assets.extra/conformer.weights.h5")
    pcm16 = tf.constant([[s.astype("<i2").tobytes()] for _, _, s in clips])
    features = corpus.transform_output.transform_features_layer()({PCM16: pcm16})[FEATURES]
    logits = model(features, training=False).numpy()
    # The first of two files, with an odd number of clips: the classes cannot be of equal size.
    labels = [label for _, label, _ in corpus.clips["train"][::2]]
    log_prior_odds = np.log(sum(labels) / (len(labels) - sum(labels)))
    assert abs(log_prior_odds) > 0.1
    found = facts["calibration"]
    calibrated = found["slope"] * (logits - log_prior_odds) + found["offset"]
    assert np.allclose(out["score"], calibrated, atol=1e-5 * max(1.0, found["slope"]))
    assert found["cllr_after"] <= found["cllr_before"] or found["note"]
    assert np.allclose(out["rows"], out["score"], atol=1e-5)
    assert np.allclose(out["probability"], 1 / (1 + np.exp(-out["score"])), atol=1e-6)
    assert np.allclose(out["row_probability"], out["probability"], atol=1e-6)
    assert np.std(out["score"]) > 1e-3
    assert out["score"].dtype == np.float32
    assert out["score"].shape == (4,)
    assert facts["dev_eer"] == facts["history"][0]["dev_eer"]


def test_a_score_does_not_depend_on_its_neighbours(served):
    _, out = served
    assert np.allclose(out["alone"], out["score"], atol=1e-5)


def test_short_recordings_are_repeated_in_both_signatures(trained, served):
    clips, out = served
    repeated = np.tile(clips[0][2][:9000], 2)[:16000]
    loaded = tf.saved_model.load(str(trained / "serving"))
    score = loaded.signatures["score_pcm16"](pcm16=tf.constant([repeated.tobytes()]))["score"]
    assert np.allclose(out["short"], score, atol=1e-5)


def test_every_signature_gives_a_recording_the_same_score_in_any_company(
    trained, corpus, tmp_path, wav
):
    recordings = [samples for _, _, samples in corpus.clips["dev"][:4]]
    recordings += [recordings[0][:7001], recordings[1][:1]]  # to be repeated
    assert len({len(samples) for samples in recordings}) == 6
    longest = max(map(len, recordings))
    bytes_of = [samples.astype("<i2").tobytes() for samples in recordings]
    examples = []
    for pcm16 in bytes_of:
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[pcm16]))
        features = tf.train.Features(feature={"pcm16": feature})
        examples.append(tf.train.Example(features=features).SerializeToString())
    # What stands behind a recording's end is not silence here.
    padded = [np.pad(s / np.float32(32768), (0, longest - len(s)), "wrap") for s in recordings]
    inputs = {
        "serving_default": {"examples": examples},
        "score_pcm16": {"pcm16": bytes_of},
        "score_wav": {"wav": [wav(samples) for samples in recordings]},
        "score_waveform": {
            "waveform": [row.astype(np.float32) for row in padded],
            "lengths": [np.int32(len(samples)) for samples in recordings],
        },
    }
    (tmp_path / "in.pickle").write_bytes(pickle.dumps(inputs))
    (tmp_path / "serve.py").write_text(SIGNATURES)
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tests/harness/without_frameworks.py")),
            *map(str, (tmp_path / "serve.py", trained / "serving", tmp_path / "in.pickle")),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = ast.literal_eval(done.stdout)
    assert found.pop("names") == sorted(["describe", *inputs])
    expected = found["serving_default"]["together"]
    assert np.std(expected) > 1e-3
    for name, scores in found.items():
        for company, got in scores.items():
            assert got == pytest.approx(expected, abs=1e-5), (name, company)


def test_what_holds_no_sample_has_no_score_and_leaves_its_neighbours_theirs(trained, corpus, wav):
    signatures = tf.saved_model.load(str(trained / "serving")).signatures
    samples = corpus.clips["dev"][0][2][:9000]
    pcm16 = samples.astype("<i2").tobytes()
    expected = signatures["score_pcm16"](pcm16=tf.constant([pcm16]))["score"].numpy()[0]
    nan = np.full(9000, np.nan, np.float32)
    given = {
        "score_pcm16": {"pcm16": [b"", pcm16, b"x"]},
        "score_wav": {"wav": [wav(samples[:0]), wav(samples), wav(samples[:0])]},
        "score_waveform": {
            "waveform": np.stack([nan, samples / np.float32(32768), nan]),
            "lengths": [9000, 9000, 0],
        },
    }
    for name, inputs in given.items():
        out = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        for values in (out["score"].numpy(), out["probability"].numpy()):
            assert np.isnan(values).tolist() == [True, False, True], name
        assert out["score"].numpy()[1] == pytest.approx(expected, abs=1e-5)


def test_every_signature_is_asked_over_rest_as_the_docs_say(trained, corpus, wav):
    loaded = tf.saved_model.load(str(trained / "serving"))
    samples = corpus.clips["dev"][0][2][:3000]

    def b64(content):
        return {"b64": base64.b64encode(content).decode()}

    pcm16 = samples.astype("<i2").tobytes()
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[pcm16]))
    example = tf.train.Example(features=tf.train.Features(feature={"pcm16": feature}))
    numbers = {"waveform": (samples / 32768).tolist(), "lengths": len(samples)}
    asked = {
        "serving_default": {"examples": b64(example.SerializeToString())},
        "score_pcm16": {"pcm16": b64(pcm16)},
        "score_wav": {"wav": b64(wav(samples))},
        "score_waveform": numbers,
    }
    replies = [
        model_server.predict(loaded, {"signature_name": name, "instances": [row, row]})
        for name, row in asked.items()
    ]
    scores = [row["score"] for reply in replies for row in reply["predictions"]]
    assert scores == pytest.approx([scores[0]] * 8, abs=1e-5)
    columns = {"inputs": {name: [value] for name, value in numbers.items()}}
    reply = model_server.predict(loaded, columns | {"signature_name": "score_waveform"})
    assert reply["outputs"]["score"] == pytest.approx(scores[:1], abs=1e-5)
    wrong = {"signature_name": "score_wav", "instances": [b64(wav(samples, 8_000))]}
    with pytest.raises(model_server.BadRequestError, match=r"at 16000 Hz.*resample it before"):
        model_server.predict(loaded, wrong)


def test_an_empty_batch(trained):
    signatures = tf.saved_model.load(str(trained / "serving")).signatures
    for name, inputs in {
        "score_pcm16": {"pcm16": tf.zeros([0], tf.string)},
        "score_wav": {"wav": tf.zeros([0], tf.string)},
        "score_waveform": {"waveform": tf.zeros([0, 5]), "lengths": tf.zeros([0], tf.int32)},
    }.items():
        assert signatures[name](**inputs)["score"].shape == (0,), name


def test_the_requests_that_warm_a_server_up_can_be_read_and_scored(trained):
    loaded = tf.saved_model.load(str(trained / "serving"))
    file = trained / "serving/assets.extra/tf_serving_warmup_requests"
    seen = []
    for record in tf.data.TFRecordDataset(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        out = loaded.signatures[name](**{k: tf.constant(v) for k, v in inputs.items()})
        seen.append((name, len(next(iter(inputs.values())))))
        if name == "describe":
            continue
        assert out["score"].shape == (seen[-1][1],)
        assert np.isfinite(out["score"]).all()
    assert sorted(seen) == sorted((name, b) for name in loaded.signatures for b in (1, 32))


def test_the_model_describes_itself(trained):
    """What a client must know, from the server alone: over REST, for each row of a batch."""
    loaded = tf.saved_model.load(str(trained / "serving"))
    facts = json.loads((trained / "serving/assets.extra/bonafide.json").read_text())
    body = {"signature_name": "describe", "instances": [{"request": ""}] * 3}
    rows = model_server.predict(loaded, body)["predictions"]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0]["sample_rate"] == FEATURE_CONFIG.sample_rate
    assert rows[0]["clip_samples"] == FEATURE_CONFIG.clip_samples
    assert json.loads(rows[0]["thresholds"]) == facts["thresholds"]
    assert rows[0]["training_fingerprint"] == facts["training_fingerprint"]
    assert rows[0]["version"] == project_version()


def test_facts_beside_the_model_and_no_checkpoints_left(trained):
    extra = trained / "serving/assets.extra"
    assert sorted(p.name for p in extra.iterdir()) == [
        *("bonafide.json", "conformer.weights.h5", "tf_serving_warmup_requests")
    ]
    facts = json.loads((extra / "bonafide.json").read_text())
    assert facts["training_fingerprint"] == "abc"
    assert facts["settings"]["conformer"]["width"] == 8
    assert facts["settings"]["trainer"]["class_weighting"] == "none"
    assert (facts["seed"], facts["epochs_run"], facts["best_epoch"]) == (0, 1, 1)
    assert facts["device"] == "CPU, float32"
    assert facts["parameters"] > 100
    assert not (trained / "checkpoints").exists()
    assert list((trained / "run").glob("events*"))


def test_thresholds_stand_on_the_scores_that_the_exported_detector_gives_dev(trained, corpus):
    facts = json.loads((trained / "serving/assets.extra/bonafide.json").read_text())
    loaded = tf.saved_model.load(str(trained / "serving"))
    pcm16 = tf.constant([samples.tobytes() for _, _, samples in corpus.clips["dev"]])
    scores = loaded.signatures["score_pcm16"](pcm16=pcm16)["score"].numpy()
    labels = [label for _, label, _ in corpus.clips["dev"]]
    assert facts["thresholds"] == pytest.approx(trainer.thresholds(scores, labels), abs=1e-5)


def test_score_py_scores_files_as_the_signature_with_tensorflow_alone(trained, corpus, tmp_path):
    signature = tf.saved_model.load(str(trained / "serving")).signatures["score_pcm16"]

    def scores(parts):
        return signature(pcm16=tf.constant([p.tobytes() for p in parts]))["score"].numpy()

    expected, clips = {}, {}
    for number, (_, _, samples) in enumerate(corpus.clips["dev"]):
        cutter = SpeechCutter(16000, 16000)
        windows = list(cutter.cut([samples]))
        name = str(tmp_path / f"{number}.flac")
        soundfile.write(name, samples, 16000)
        clips[name] = cutter.speech_seconds
        if cutter.speech_seconds >= 1:
            weights = [window.speech_seconds for window in windows]
            parts = scores([window.samples for window in windows])
            expected[name] = np.average(parts.astype(np.float64), weights=weights)
    assert len(expected) >= 5
    short = min(expected, key=clips.get)

    def found(*names):
        done = subprocess.run(
            [
                *(sys.executable, str(ROOT / "tests/harness/without_frameworks.py")),
                *(str(ROOT / "score.py"), "--model", str(trained / "serving"), "--jsonl", *names),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        # It was exported and not evaluated.
        assert "What this detector misses at this threshold" in done.stderr
        return {row["path"]: row["score"] for row in map(json.loads, done.stdout.splitlines())}

    together = found(*expected)
    assert together == pytest.approx(expected, abs=1e-5)
    # A batch of one is what the signature was called with above.
    assert found(short)[short] == pytest.approx(expected[short], abs=1e-6)
    assert found(short)[short] == pytest.approx(together[short], abs=1e-5)


def test_thresholds():
    bonafide, spoof = np.arange(200) / 100 + 0.505, np.arange(200) / 100  # 0 to 1.99
    found = trainer.thresholds(
        np.concatenate([bonafide, spoof]), np.repeat([1, 0], [len(bonafide), len(spoof)])
    )
    assert found == pytest.approx({"eer": 1.245, "far1": 1.97, "far5": 1.89, "frr5": 0.6})
    assert np.mean(spoof > found["far1"]) == 0.01
    assert np.mean(spoof > found["far5"]) == np.mean(bonafide <= found["frr5"]) == 0.05
    assert np.mean(spoof > found["eer"]) == np.mean(bonafide <= found["eer"]) == 0.375


def test_another_training_can_start_from_what_is_exported(trained, served, corpus):
    clips, out = served
    model = Conformer(TINY, name="conformer")
    model.build((None, None, 16))
    loaded = load_pretrained(model, str(trained / "serving"))
    assert (len(loaded.loaded), loaded.mismatched, loaded.missing) == (len(model.weights), {}, ())
    facts = json.loads((trained / "serving/assets.extra/bonafide.json").read_text())
    assert facts["warm_start"] is None
    pcm16 = tf.constant([[samples.tobytes()] for _, _, samples in clips])
    features = corpus.transform_output.transform_features_layer()({PCM16: pcm16})[FEATURES]
    logits = model(features, training=False).numpy()
    # Scores are the logits on a line; what they are between clips does not depend on its offset.
    slope = facts["calibration"]["slope"]
    assert np.allclose(np.diff(out["score"]), slope * np.diff(logits), atol=1e-5 * max(1.0, slope))


def test_the_prior_odds_are_taken_from_the_logit(corpus):
    model = Conformer(TINY)
    model.build((None, None, 16))
    pcm16 = tf.constant([corpus.clips["dev"][0][2].tobytes()])
    scores = []
    for odds in (0.0, 0.7):
        member = Member(model.get_weights(), log_prior_odds=odds)
        detector = build_detector(corpus.transform_output, TINY, [member], features=FEATURE_CONFIG)
        scores.append(detector.score_pcm16(pcm16)["score"].numpy())
    assert scores[0] - scores[1] == pytest.approx(0.7, abs=1e-5)


def test_members_are_averaged_after_their_calibration_and_calibrated_again(corpus):
    models = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        models.append(Conformer(TINY))
        models[-1].build((None, None, 16))
    maps = [AffineCalibration(slope=2.0, offset=0.5), AffineCalibration(slope=0.5, offset=-1.0)]
    members = [
        Member(model.get_weights(), 0.3, found, mean_removed=removed)
        for model, found, removed in zip(models, maps, (False, True), strict=True)
    ]
    joint = AffineCalibration(slope=1.5, offset=0.25)
    detector = build_detector(
        corpus.transform_output, TINY, members, features=FEATURE_CONFIG, calibration=joint
    )
    pcm16 = tf.constant([s.tobytes() for _, _, s in corpus.clips["dev"][:3]])
    layer = corpus.transform_output.transform_features_layer()
    features = layer({PCM16: pcm16[:, None]})[FEATURES]
    views = [features, features - tf.reduce_mean(features, axis=1, keepdims=True)]
    scores = [
        found.apply(model(view, training=False).numpy() - 0.3)
        for model, found, view in zip(models, maps, views, strict=True)
    ]
    assert np.abs(scores[0] - scores[1]).max() > 0.1
    expected = joint.apply(np.mean(scores, axis=0))
    assert np.allclose(detector.score_pcm16(pcm16)["score"], expected, atol=1e-5)


def test_weights_too_large_for_a_graph_stay_variables(corpus, tmp_path, monkeypatch):
    keras.utils.set_random_seed(4)
    model = Conformer(TINY)
    model.build((None, 97, 16))
    pcm16 = tf.constant([s.tobytes() for _, _, s in corpus.clips["dev"][:3]])
    scores, variables = [], []
    for name, most in (("constants", 1 << 30), ("variables", 0)):
        monkeypatch.setattr(servable, "_MOST_BYTES_OF_CONSTANTS", most)
        detector = build_detector(
            corpus.transform_output, TINY, [Member(model.get_weights())], features=FEATURE_CONFIG
        )
        servable.export_detector(detector, str(tmp_path / name), facts={})
        found = tf.train.list_variables(str(tmp_path / name / "variables/variables"))
        variables.append(sum(int(np.prod(shape)) for name, shape in found))
        signatures = tf.saved_model.load(str(tmp_path / name)).signatures
        scores.append(signatures["score_pcm16"](pcm16=pcm16)["score"].numpy())
    assert np.std(scores[0]) > 1e-4
    assert np.allclose(*scores, atol=1e-5)
    weights = sum(weight.size for weight in model.get_weights())
    assert variables[0] < weights <= variables[1]


def test_several_models_are_exported_as_one(corpus, tmp_path):
    results = trainer.train_and_export(
        custom_config(tmp_path, dataclasses.replace(SETTINGS, members=2, mean_removed_members=1)),
        train_files=corpus.raw["train"][:1],
        dev_files=corpus.raw["dev"],
        transform_dir=corpus.transform_dir,
        log_dir=str(tmp_path / "run"),
        serving_dir=str(tmp_path / "serving"),
    )
    extra = tmp_path / "serving/assets.extra"
    assert sorted(p.name for p in extra.iterdir()) == [
        *("bonafide.json", "conformer-1.weights.h5", "conformer.weights.h5"),
        "tf_serving_warmup_requests",
    ]
    facts = json.loads((extra / "bonafide.json").read_text())
    assert [m["seed"] for m in facts["members"]] == [0, 1]
    assert [m["mean_removed"] for m in facts["members"]] == [False, True]
    assert facts["parameters"] == 2 * results[0].parameters
    assert not (tmp_path / "checkpoints").exists()
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"member-0", "member-1"}
    loaded = tf.saved_model.load(str(tmp_path / "serving"))
    pcm16 = tf.constant([s.tobytes() for _, _, s in corpus.clips["dev"]])
    scores = loaded.signatures["score_pcm16"](pcm16=pcm16)["score"].numpy()
    found = facts["calibration"]
    expected = found["slope"] * trainer.mean_scores(results) + found["offset"]
    # Sorted: the files hold the clips in another order.
    assert np.allclose(np.sort(scores), np.sort(expected), atol=1e-4)
    # Those of the scores that the exported detector gives, not of any of its members'.
    labels = [label for _, label, _ in corpus.clips["dev"]]
    assert facts["thresholds"] == pytest.approx(trainer.thresholds(scores, labels), abs=1e-4)


def test_checkpoints_are_kept_when_the_export_fails(trained, corpus, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(trainer, "export_detector", fail)
    monkeypatch.setattr(trainer, "build_detector", lambda *_, **__: None)
    monkeypatch.setattr(
        trainer,
        "train",
        lambda *_, checkpoint_dir, **__: (
            checkpoints.save(
                checkpoint_dir, checkpoints.TrainingState(epoch=1), fingerprint="abc", keep=1
            )
            or train.TrainingResult(
                *(checkpoints.TrainingState(), 0.0, 1),
                *(DevCalibration(AffineCalibration(), 0.5, 1, 1), np.zeros(14)),
            )
        ),
    )
    config = {
        "features": {},
        "conformer": {},
        "waveform": {},
        "augment": {},
        "trainer": {"device": "cpu"},
        "materialized": True,
        "checkpoint_dir": str(tmp_path),
        "training_fingerprint": "abc",
    }
    with pytest.raises(OSError, match="disk full"):
        trainer.train_and_export(
            config,
            train_files=corpus.transformed["train"],
            dev_files=corpus.transformed["dev"],
            transform_dir=corpus.transform_dir,
            log_dir=str(tmp_path / "logs"),
            serving_dir=str(tmp_path / "serving"),
        )
    assert [p.name for p in tmp_path.glob("*.npz")] == ["checkpoint-00001.npz"]


def test_members_have_seeds_and_folders_of_their_own():
    settings = dataclasses.replace(SETTINGS, seed=4, members=3, mean_removed_members=2)
    found = [
        (s.seed, s.members, s.mean_removed_members, folder)
        for s, folder in trainer.members(settings)
    ]
    assert found == [
        (4, 1, 0, ["member-0"]),
        (5, 1, 1, ["member-1"]),
        (6, 1, 1, ["member-2"]),
    ]
    alone = dataclasses.replace(SETTINGS, mean_removed_members=1)
    assert trainer.members(alone) == [(alone, [])]
    assert trainer.members(SETTINGS) == [(SETTINGS, [])]
