"""Fixtures: planted scores in examples, models that read them back, recordings as bytes."""

import dataclasses
import io
import json
import pathlib
import signal

import hypothesis
import numpy as np
import pytest
import soundfile
from preloaded import Preloaded

from bonafide.metrics.training_range import QUALITIES, Range, TrainingRange

pytest_plugins = ["recordings", "s3_server"]

# The same examples in every run, and no time limit: a busy machine must not fail a test.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")

# A shell starts what it puts into the background with Ctrl-C ignored, and children inherit that:
# the programs that tests interrupt would not see it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes longest begins first: a worker that comes to it last would leave the other one idle.
LONGEST_FIRST = (
    # Files of one test are given out ahead: behind the last test of a long file, they would wait.
    *("e2e/test_engines.py", "e2e/test_local_run.py", "e2e/test_tutorial.py", "e2e/test_tuner.py"),
    *("e2e/test_kubeflow.py", "e2e/test_faults.py"),
    *("models/training/test_train.py", "models/network/test_conformer.py"),
    *("bonafide/scoring/test_edge.py", "bonafide/scoring/test_command.py"),
    *("models/export/test_servable.py", "models/training/test_pretrained.py"),
    "models/tuning/test_tuner.py",
    *("components/model_evaluator/test_executor.py", "bonafide/metrics/test_resampling.py"),
)


def pytest_collection_modifyitems(items):
    """Puts the longest files first; the tests of a file stay in their order."""
    tests = pathlib.Path(__file__).parent
    places = {str(tests / name): place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


SPEAKERS = 4  # that planted trials are spread over


@dataclasses.dataclass(frozen=True)
class Trial:
    """One evaluation utterance; `scores` is what each planted model will say, by feature name."""

    system_id: str
    scores: dict[str, float]


@pytest.fixture(scope="session")
def preloaded():
    """Runs programs with the frameworks imported already; see tests/harness/preloaded.py."""
    with Preloaded() as found:
        yield found


@pytest.fixture
def make_trials():
    """Returns a function that makes trials from scores by system: `-` is bona fide."""

    def make(**scores_by_model):
        [systems] = {tuple(scores) for scores in scores_by_model.values()}
        return [
            Trial(
                system, {name: by_system[system][i] for name, by_system in scores_by_model.items()}
            )
            for system in systems
            for i in range(len(next(iter(scores_by_model.values()))[system]))
        ]

    return make


@pytest.fixture
def write_trials():
    """Returns a function that writes trials as UtteranceGen does: a folder's plain TFRecords."""
    import tensorflow as tf

    def feature(value):
        if isinstance(value, float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        values = [item if isinstance(item, bytes) else item.encode() for item in value]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    def write(folder, trials):
        attacks = sorted({trial.system_id for trial in trials} - {"-"})
        folder.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(folder / "utterances-00000-of-00001")) as writer:
            for number, trial in enumerate(trials):
                bonafide = trial.system_id == "-"
                values = {
                    "utterance_id": [f"U{number:04d}"],
                    "speaker_id": [f"S{number % SPEAKERS}"],
                    "system_id": [trial.system_id],
                    "attack_pool": attacks if bonafide else [trial.system_id],
                    "key": ["bonafide" if bonafide else "spoof"],
                    "label": int(bonafide),
                    # As many frames of silence as its number, then a tenth of a second of sound.
                    "pcm16": [bytes(320 * number) + (b"\x00\x10\x00\xf0" * 800)],
                    "sample_rate": 16_000,
                    **trial.scores,
                }
                features = {name: feature(value) for name, value in values.items()}
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
        return folder

    return write


@pytest.fixture
def save_detector():
    """Returns a function that saves a SavedModel whose score is a feature of the example."""
    import tensorflow as tf

    class Detector(tf.Module):
        def __init__(self, feature, outputs):
            super().__init__()
            self._feature = feature
            self._outputs = outputs
            self.offset = tf.Variable(0.0)  # so that there are variables to load (or to lose)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            spec = {self._feature: tf.io.FixedLenFeature([], tf.float32)}
            score = tf.io.parse_example(examples, spec)[self._feature] + self.offset
            both = {"score": score, "probability": tf.sigmoid(score)}
            return {name: both[name] for name in self._outputs}

    def save(folder, feature, *, outputs=("score", "probability"), signature="serving_default"):
        module = Detector(feature, outputs)
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(module, str(folder), signatures={signature: module.serve})
        return pathlib.Path(folder)

    return save


@pytest.fixture(scope="session")
def pushed(tmp_path_factory):
    """A version as pushed, whose score is the mean of a second of samples, in thousands.

    With the signature, the settings and the records that `score.py` goes by; recordings are
    repeated or cut to a second inside, as in a real one.
    """
    import tensorflow as tf

    from models.export.description import describe_signature

    clip = 16_000

    class Detector(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pcm16")])
        def score_pcm16(self, pcm16):
            def mean(recording):
                samples = tf.cast(tf.io.decode_raw(recording, tf.int16), tf.float32)
                repeats = -(-clip // tf.maximum(1, tf.size(samples)))
                return tf.reduce_mean(tf.tile(samples, [repeats])[:clip]) / 1000

            score = tf.map_fn(mean, pcm16, fn_output_signature=tf.float32)
            return {"score": score, "probability": tf.sigmoid(score)}

    version = tmp_path_factory.mktemp("pushed") / "1700000000"
    module = Detector()
    facts = {
        "settings": {"features": {"sample_rate": 16_000, "clip_samples": clip}},
        "calibration": {"cllr_after": 0.25, "note": ""},
        "dev_eer": 0.0625,
        "thresholds": {"eer": 0.5, "far1": 2.0, "far5": 0.75, "frr5": -0.2},
    }
    describe = describe_signature(facts, sample_rate=16_000, clip_samples=clip)
    signatures = {"score_pcm16": module.score_pcm16, "describe": describe}
    tf.saved_model.save(module, str(version), signatures=signatures)
    extra = version / "assets.extra"
    extra.mkdir(exist_ok=True)
    (extra / "bonafide.json").write_text(json.dumps(facts))
    # Scores of its test: of bona fide clips from -1 to 3, of spoofs from -3 to 2.
    evaluation = {
        "n_bonafide": 164,
        "n_spoof": 278,
        "score_quantiles": {
            "bonafide": np.linspace(-1, 3, 201).tolist(),
            "spoof": np.linspace(-3, 2, 201).tolist(),
        },
    }
    (extra / "evaluation.json").write_text(json.dumps(evaluation))
    # Anything is like its training.
    ranges = {quality.name: Range(-1000.0, 100_000.0) for quality in QUALITIES}
    (extra / "training_range.json").write_text(json.dumps(TrainingRange(ranges, 100).to_json()))
    (extra / "model_card.md").write_text(
        "- On: 442 trials: 164 bona fide, 278 spoofed\n\n"
        "| Measure | Value | 95 % interval |\n|---|--:|--:|\n"
        "| EER | 27.57\u00a0% | 20.43 to 35.95\u00a0% |\n"
        "| EER of the worst attack | 48.10\u00a0% | 40.00 to 55.00\u00a0% |\n"
    )
    return version


@pytest.fixture
def wav():
    """Returns a function that encodes samples [M] or [M, channels], by default as 16-bit WAV."""

    def encode(samples, rate_hz=16_000, subtype="PCM_16", kind="WAV"):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.asarray(samples), rate_hz, subtype=subtype, format=kind)
        return buffer.getvalue()

    return encode


@pytest.fixture
def memory_store():
    """What is in the object store; Beam's filesystems have no options yet, as in a new process."""
    # Here, since most tests do without Beam.
    from apache_beam.io.filesystems import FileSystems
    from memory_files import MemoryFileSystem

    MemoryFileSystem.store.clear()
    FileSystems.set_options(None)
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


@pytest.fixture
def store_failures(monkeypatch):
    """Errors that the object store raises, one a call, before it works again."""
    from memory_files import MemoryFileSystem

    monkeypatch.setattr(MemoryFileSystem, "failures", [])
    return MemoryFileSystem.failures
