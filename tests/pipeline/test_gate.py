import math

import apache_beam as beam
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.utils import config_util
from tfx_bsl.tfxio import tf_example_record

from metrics.detection import equal_error_rate
from pipeline.config import GateConfig
from pipeline.gate import make_eval_config

# EER of `good`: overall 0; of `fair`: A07 1/2 (its two spoofs straddle), A08 0.
GOOD = {"-": [1.0, 2.0, 3.0, 4.0], "A07": [-1.0, 0.0], "A08": [-2.0, -3.0]}
FAIR = {"-": [1.0, 2.0, 3.0, 4.0], "A07": [2.5, 0.0], "A08": [-2.0, -3.0]}
FAIR_EER = 0.25


def evaluate(tmp_path, records, gate, *, candidate, baseline=None):
    """Runs TFMA as Evaluator does and returns (overall values by model, by slice, validation)."""
    config = config_util.update_eval_config_with_defaults(
        make_eval_config(gate),
        has_baseline=baseline is not None,
        rubber_stamp=True,
    )
    paths = {tfma.CANDIDATE_KEY: candidate, tfma.BASELINE_KEY: baseline}
    models = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=str(paths[spec.name or tfma.CANDIDATE_KEY]),
            model_name=spec.name,
            eval_config=config,
        )
        for spec in config.model_specs
    ]
    output = str(tmp_path / "evaluation")
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | tf_example_record.TFExampleRecord(
                f"{records}/*", raw_record_column_name=tfma.ARROW_INPUT_COLUMN
            ).BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=models if len(models) > 1 else models[0],
                eval_config=config,
                output_path=output,
            )
        )
    slices = {}
    for sliced in tfma.load_metrics(output):
        name = "".join(key.bytes_value.decode() for key in sliced.slice_key.single_slice_keys)
        slices[name] = {
            item.key.name: item.value.double_value.value
            for item in sliced.metric_keys_and_values
            if item.key.model_name in ("", tfma.CANDIDATE_KEY) and not item.key.is_diff
        }
    return slices, tfma.load_validation_result(output)


@pytest.fixture
def world(tmp_path, make_trials, write_trials, save_detector):
    """Records with two planted models' scores, and the models."""
    records = write_trials(tmp_path / "records", make_trials(good=GOOD, fair=FAIR))
    return {
        "records": records,
        "good": save_detector(tmp_path / "good", "good"),
        "fair": save_detector(tmp_path / "fair", "fair"),
    }


def test_passes_without_a_baseline_and_slices_by_attack(tmp_path, world):
    slices, validation = evaluate(
        tmp_path,
        world["records"],
        GateConfig(max_eer=FAIR_EER, max_regression=0.0),
        candidate=world["fair"],
    )
    assert validation.validation_ok
    assert set(slices) == {"", "A07", "A08"}
    assert slices[""]["eer"] == FAIR_EER
    assert slices["A07"]["eer"] == equal_error_rate([1, 2, 3, 4, 2.5, 0], [1] * 4 + [0] * 2).eer
    assert slices["A07"]["eer"] > FAIR_EER > slices["A08"]["eer"] == 0.0
    assert slices["A07"]["bonafide_count"] == 4
    assert slices["A07"]["spoof_count"] == 2
    assert slices[""]["bonafide_count"] == slices[""]["spoof_count"] == 4


def test_refuses_above_the_bound(tmp_path, world):
    _, validation = evaluate(
        tmp_path,
        world["records"],
        GateConfig(max_eer=FAIR_EER - 0.01, max_regression=0.0),
        candidate=world["fair"],
    )
    assert not validation.validation_ok
    [sliced] = validation.metric_validations_per_slice
    assert not sliced.slice_key.single_slice_keys
    [failure] = sliced.failures
    assert failure.metric_threshold.value_threshold.upper_bound.value == FAIR_EER - 0.01


@pytest.mark.parametrize(
    ("candidate", "baseline", "max_regression", "passes"),
    [
        ("fair", "good", FAIR_EER - 0.01, False),  # a regression beyond the tolerance
        ("fair", "good", FAIR_EER, True),  # exactly the tolerance
        ("good", "fair", 0.0, True),  # better
    ],
)
def test_compares_with_the_champion(tmp_path, world, candidate, baseline, max_regression, passes):
    _, validation = evaluate(
        tmp_path,
        world["records"],
        GateConfig(max_eer=0.5, max_regression=max_regression),
        candidate=world[candidate],
        baseline=world[baseline],
    )
    assert validation.validation_ok is passes


def test_a_slice_without_one_class_does_not_refuse(
    tmp_path, make_trials, write_trials, save_detector
):
    # A spoof of an attack that no bona fide utterance lists: its slice has no EER.
    trials = make_trials(good=GOOD)
    records = write_trials(tmp_path / "records", trials)
    stray = make_trials(good={"A99": [-5.0]})
    write_trials(tmp_path / "stray", stray)
    (tmp_path / "stray" / "utterances-00000-of-00001").rename(records / "stray")
    slices, validation = evaluate(
        tmp_path,
        records,
        GateConfig(max_eer=0.01, max_regression=0.0),
        candidate=save_detector(tmp_path / "good", "good"),
    )
    assert math.isnan(slices["A99"]["eer"])
    assert validation.validation_ok


@pytest.mark.parametrize("field", ["max_eer", "max_regression"])
@pytest.mark.parametrize("value", [-0.01, 5.0, math.nan])
def test_settings_outside_their_range_are_refused(field, value):
    values = {"max_eer": 0.1, "max_regression": 0.1, field: value}
    with pytest.raises(ValueError, match=rf"gate\.{field} is .*5 % is 0\.05"):
        GateConfig(**values)
