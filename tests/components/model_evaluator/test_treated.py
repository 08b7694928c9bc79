import json

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from bonafide.audio.treatments import TREATMENTS
from bonafide.trials.trials import make_trials
from components.model_evaluator import scoring, treated


def trials_of(count):
    return make_trials(
        utterances=[f"U{number:04d}" for number in range(count)][::-1],
        scores=np.arange(count) / 10,
        is_bonafide=np.arange(count) % 4 == 0,
        attacks=["A01"] * count,
        speakers=None,
    )


def test_few_trials_are_all_chosen():
    trials = trials_of(12)
    assert treated.choose(trials, 12) is trials


def test_the_choice_is_of_the_utterances_and_not_of_their_order():
    trials = trials_of(400)
    turned = trials.part(np.arange(400)[::-1])
    first, second = treated.choose(trials, 100), treated.choose(turned, 100)
    assert len(first) == 100
    assert sorted(first.utterances) == sorted(second.utterances)
    assert 15 <= first.n_bonafide <= 35  # a quarter of them are
    by_id = dict(zip(trials.utterances, trials.scores, strict=True))
    assert [by_id[name] for name in first.utterances] == first.scores.tolist()


@pytest.fixture(scope="module")
def measuring_model(tmp_path_factory):
    """A SavedModel whose score is the length of the recording plus a millionth of its peak."""

    class Detector(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            spec = {"pcm16": tf.io.FixedLenFeature([], tf.string)}
            pcm16 = tf.io.parse_example(examples, spec)["pcm16"]

            def measure(recording):
                samples = tf.cast(tf.io.decode_raw(recording, tf.int16), tf.float32)
                return tf.cast(tf.size(samples), tf.float32) + 1e-6 * tf.reduce_max(samples)

            return {"score": tf.map_fn(measure, pcm16, fn_output_signature=tf.float32)}

    path = tmp_path_factory.mktemp("measuring") / "model"
    module = Detector()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return str(path)


def test_every_chosen_recording_is_scored_by_every_treatment(
    tmp_path, make_trials, write_trials, measuring_model
):
    # Recordings begin with 160 samples of silence for each that comes before them.
    trials = make_trials(good={"-": [0.1] * 20, "A07": [0.2] * 20})
    folder = write_trials(tmp_path / "examples", trials)
    wanted = [f"U{number:04d}" for number in range(0, 40, 2)]
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        treated.score_treated(
            pipeline,
            examples_pattern=f"{folder}/*",
            utterances=wanted,
            model_path=measuring_model,
            rows_prefix=str(tmp_path / "rows" / "eval"),
            conditions=["lowpass:3400", "noise:10"],
        )
    rows = scoring.read_lines(str(tmp_path / "rows" / "eval"))
    assert sorted(row["utterance_id"] for row in rows) == wanted
    scores = treated.scores_of_rows(rows, wanted)
    assert list(scores) == [*TREATMENTS, "lowpass:3400", "noise:10"]
    lengths = {name: np.floor(values) for name, values in scores.items()}
    as_recorded = 1600 + 160 * np.arange(0, 40, 2)
    np.testing.assert_array_equal(lengths["trimmed"], np.full(20, 1600))
    np.testing.assert_array_equal(lengths["levelled"], as_recorded)
    np.testing.assert_array_equal(lengths["trimmed_levelled"], np.full(20, 1600))
    # Degraded recordings keep their length; the peak that this model adds is another one.
    np.testing.assert_array_equal(lengths["lowpass:3400"], as_recorded)
    assert len({*scores["noise:10"] - as_recorded}) > 4  # noise of its own in each


def test_a_recording_without_a_row_is_not_passed_over():
    row = {"utterance_id": "U1", "scores": dict.fromkeys(TREATMENTS, 1.0)}
    with pytest.raises(KeyError, match="U2"):
        treated.scores_of_rows([json.loads(json.dumps(row))], ["U1", "U2"])
