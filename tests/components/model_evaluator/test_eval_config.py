import math

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from bonafide.metrics import calibration, costs
from bonafide.metrics.costs import AsvErrorRates
from bonafide.metrics.detection import equal_error_rate, error_curve
from components.model_evaluator import scoring
from components.model_evaluator.eval_config import make_eval_config

# EER of `good`: overall 0; of `fair`: A07 1/2 (its two spoofs straddle), A08 0.
GOOD = {"-": [1.0, 2.0, 3.0, 4.0], "A07": [-1.0, 0.0], "A08": [-2.0, -3.0]}
FAIR = {"-": [1.0, 2.0, 3.0, 4.0], "A07": [2.5, 0.0], "A08": [-2.0, -3.0]}
FAIR_EER = 0.25
ASV = AsvErrorRates(false_accept=0.02, miss=0.03, spoof_miss=0.2)
SCORES = np.concatenate(list(FAIR.values()))
LABELS = np.array([1] * 4 + [0] * 4)


def evaluate(folder, examples, models, asv=None):
    """Runs the Beam side; returns slice -> model -> metric -> value, and the rows."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        scoring.evaluate_split(
            pipeline,
            split="eval",
            examples_pattern=f"{examples}/*",
            eval_config=make_eval_config(asv),
            models={name: str(path) for name, path in models.items()},
            output_path=str(folder / "evaluation"),
            rows_prefix=str(folder / "rows" / "eval"),
        )
    slices = {}
    for sliced in tfma.load_metrics(str(folder / "evaluation")):
        name = "".join(key.bytes_value.decode() for key in sliced.slice_key.single_slice_keys)
        by_model = slices.setdefault(name, {})
        for item in sliced.metric_keys_and_values:
            if item.key.output_name == "score" and not item.key.is_diff:
                values = by_model.setdefault(item.key.model_name, {})
                values[item.key.name] = item.value.double_value.value
    return slices, scoring.read_rows(str(folder / "rows" / "eval"))


@pytest.fixture
def examples(tmp_path, make_trials, write_trials):
    return write_trials(tmp_path / "records", make_trials(good=GOOD, fair=FAIR))


def test_metrics_plots_and_rows_of_one_model(tmp_path, examples, save_detector):
    fair = save_detector(tmp_path / "fair", "fair")
    slices, (trials, champion) = evaluate(tmp_path, examples, {"candidate": fair}, ASV)
    assert set(slices) == {"", "A07", "A08"}
    [overall] = slices[""].values()
    curve = error_curve(SCORES, LABELS)
    assert overall == {
        "eer": FAIR_EER,
        "min_dcf": costs.min_dcf(curve),
        "act_dcf": costs.act_dcf(SCORES, LABELS),
        "cllr": pytest.approx(calibration.cllr(SCORES, LABELS), rel=1e-6),
        "calibration_loss": pytest.approx(
            calibration.cllr(SCORES, LABELS) - calibration.min_cllr(SCORES, LABELS)
        ),
        "min_tdcf_legacy": costs.legacy_tdcf(ASV).lowest(curve),
        "min_tdcf_revised": costs.revised_tdcf(ASV).lowest(curve),
        "bonafide_count": 4,
        "spoof_count": 4,
    }
    [a07] = slices["A07"].values()
    assert a07["eer"] == equal_error_rate([1, 2, 3, 4, 2.5, 0], [1] * 4 + [0] * 2).eer > FAIR_EER
    assert (a07["bonafide_count"], a07["spoof_count"]) == (4, 2)
    assert champion is None
    assert trials.utterances.tolist() == [f"U{number:04d}" for number in range(8)]
    assert trials.scores.tolist() == SCORES.tolist()
    assert trials.speakers.tolist() == ["S0", "S1", "S2", "S3"] * 2
    assert trials.attacks.tolist() == ["-"] * 4 + ["A07"] * 2 + ["A08"] * 2

    result = tfma.load_eval_result(str(tmp_path / "evaluation"))
    # The plots are of the probability, so their thresholds from 0 to 1 mean something.
    [plots] = [plots for key, plots in result.plots if key == ()]
    matrices = plots["probability"][""]["confusionMatrixAtThresholds"]["matrices"]
    assert any(matrix["truePositives"] == 4 for matrix in matrices)
    # Without limits, as on dev, TFMA has nothing to validate.
    assert tfma.load_validation_result(str(tmp_path / "evaluation")).missing_thresholds
    assert not tfma.load_validation_result(str(tmp_path / "evaluation")).validation_ok


def test_champion_and_new_model_are_scored_on_the_same_utterances(
    tmp_path, examples, make_trials, write_trials, save_detector
):
    # A spoof of an attack that no bona fide utterance lists: its slice has no EER.
    stray = write_trials(
        tmp_path / "stray", make_trials(good={"A99": [-5.0]}, fair={"A99": [-5.0]})
    )
    (stray / "utterances-00000-of-00001").rename(examples / "stray")
    models = {
        "candidate": save_detector(tmp_path / "fair", "fair"),
        "baseline": save_detector(tmp_path / "good", "good"),
    }
    slices, (trials, champion) = evaluate(tmp_path, examples, models)
    assert slices[""]["candidate"]["eer"] > slices[""]["baseline"]["eer"] == 0.0
    assert "min_tdcf_legacy" not in slices[""]["candidate"]
    assert math.isnan(slices["A99"]["candidate"]["eer"])
    assert sorted(champion) == sorted([*np.concatenate(list(GOOD.values())), -5.0])
    assert sorted(trials.scores) == sorted([*SCORES, -5.0])
    assert champion[trials.scores.tolist().index(2.5)] == -1.0
