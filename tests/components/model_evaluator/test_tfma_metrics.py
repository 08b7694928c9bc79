import array
import copy
import math
import pickle

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing import util

from bonafide.metrics.detection import equal_error_rate
from components.model_evaluator import tfma_metrics


def computation(metric):
    """Returns the gathering and the derivation of a metric without model names."""
    return metric.computations(model_names=[""], output_names=[""])


def inputs(scores, labels):
    """Standard inputs as TFMA makes them: labels [1] int64, predictions [1] float32."""
    return [
        tfma.metrics.StandardMetricInputs(
            labels=np.array([label]),
            predictions=np.array([score], dtype=np.float32),
            example_weights=np.array([1.0]),
        )
        for score, label in zip(scores, labels, strict=True)
    ]


def gathered(bonafide, spoof):
    return tfma_metrics.GatheredScores(array.array("d", bonafide), array.array("d", spoof))


def test_many_merged_accumulators_give_the_exact_eer():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 500)
    scores = (rng.normal(size=500) + labels).astype(np.float32)
    gathering, _ = computation(tfma_metrics.EqualErrorRate())
    combiner = gathering.combiner
    accumulators = []
    for part in np.array_split(np.arange(500), 7):
        accumulator = combiner.create_accumulator()
        for element in inputs(scores[part], labels[part]):
            accumulator = combiner.add_input(accumulator, element)
        accumulators.append(pickle.loads(pickle.dumps(accumulator)))
    [value] = combiner.extract_output(combiner.merge_accumulators(iter(accumulators))).values()
    assert tfma_metrics.EqualErrorRate().value_of(value) == equal_error_rate(scores, labels).eer
    assert tfma_metrics.BonafideCount().value_of(value) == labels.sum()
    assert tfma_metrics.SpoofCount().value_of(value) == 500 - labels.sum()


def test_merging_leaves_its_inputs_alone():
    combiner = computation(tfma_metrics.EqualErrorRate())[0].combiner
    first, second = gathered([1.0], []), gathered([], [0.0])
    combiner.merge_accumulators([first, second])
    assert first == gathered([1.0], [])
    assert copy.deepcopy(first) == first


def test_runs_in_beam():
    gathering, derived = computation(tfma_metrics.EqualErrorRate())
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = (
            pipeline
            | beam.Create(inputs([3.0, 2.0, -1.0, 2.5], [1, 1, 0, 0]))
            | beam.CombineGlobally(gathering.combiner)
            | beam.Map(lambda values: list(derived.result(values).values()))
        )
        util.assert_that(result, util.equal_to([[0.5]]))


@pytest.mark.parametrize(("bonafide", "spoof"), [([], []), ([1.0], []), ([], [1.0])])
def test_a_slice_without_a_class_has_no_number(bonafide, spoof):
    assert math.isnan(tfma_metrics.EqualErrorRate().value_of(gathered(bonafide, spoof)))


def test_a_model_that_scores_nan_is_an_error():
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        tfma_metrics.EqualErrorRate().value_of(gathered([math.nan], [0.0]))


def test_a_label_that_is_neither_class_is_an_error():
    combiner = computation(tfma_metrics.EqualErrorRate())[0].combiner
    [element] = inputs([1.0], [2])
    with pytest.raises(ValueError, match="expected the label 1"):
        combiner.add_input(combiner.create_accumulator(), element)


def test_the_metrics_share_one_gathering():
    computations = [
        computation(metric())
        for metric in (
            tfma_metrics.EqualErrorRate,
            tfma_metrics.MinDcf,
            tfma_metrics.ActDcf,
            tfma_metrics.Cllr,
            tfma_metrics.BonafideCount,
            tfma_metrics.SpoofCount,
        )
    ]
    assert len({gathering for gathering, _ in computations}) == 1
    names = [derived.keys[0].name for _, derived in computations]
    assert names == ["eer", "min_dcf", "act_dcf", "cllr", "bonafide_count", "spoof_count"]
    assert len({derived for _, derived in computations}) == 6
