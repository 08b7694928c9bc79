import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.metrics.distribution import (
    LEAST,
    distribution_of,
    divergence,
    divergence_of_names,
    from_json,
    to_json,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60)


def test_the_same_values_do_not_diverge():
    values = np.random.default_rng(0).normal(size=1000)
    found = distribution_of(values)
    assert divergence(found, values) == 0
    assert found.total == 1000
    assert found.median == np.median(values)


def test_nothing_in_common_is_one_bit():
    assert divergence(distribution_of(np.arange(100.0)), np.arange(100.0) + 1e4) == pytest.approx(1)


def test_a_rate_that_all_files_have_is_told_from_the_next_one():
    found = distribution_of([16_000.0] * 50)
    assert divergence(found, [16_000.0] * 7) == 0
    assert divergence(found, [16_001.0] * 7) == pytest.approx(1)
    assert divergence(found, [8_000.0, 16_000.0]) == pytest.approx(0.3113, abs=1e-4)


def test_a_shift_by_three_quarters_of_the_width_is_a_tenth_of_a_bit():
    random = np.random.default_rng(1)
    found = distribution_of(random.normal(size=20_000))
    assert divergence(found, random.normal(0.75, 1, 20_000)) == pytest.approx(0.1, abs=0.02)


def test_chance_stays_below_the_limit_of_the_rules():
    random = np.random.default_rng(2)
    found = [
        divergence(distribution_of(random.normal(size=LEAST)), random.normal(size=LEAST))
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(0.02, abs=0.01)
    assert max(found) < 0.08


@given(first=NUMBERS, second=NUMBERS)
def test_it_lies_between_nothing_and_one_bit(first, second):
    found = distribution_of(first)
    assert 0 <= divergence(found, second) <= 1 + 1e-9
    assert divergence(found, first) == pytest.approx(0, abs=1e-12)
    assert divergence(found, second) == divergence(found, second[::-1])
    assert from_json(json.loads(json.dumps(to_json(found)))) == found


def test_names():
    assert divergence_of_names({"a": 3, "b": 1}, {"a": 6, "b": 2}) == pytest.approx(0)
    assert divergence_of_names({"a": 3}, {"b": 1}) == pytest.approx(1)


@pytest.mark.parametrize(
    "changes", [{"counts": [1]}, {"edges": [3.0, 1.0, 2.0]}, {"edges": [], "counts": [0]}]
)
def test_a_damaged_distribution_is_refused(changes):
    data = {"edges": [1.0, 2.0, 3.0], "counts": [0, 1, 2, 0], "median": 2.0}
    with pytest.raises(ValueError, match="expected one count more than edges"):
        from_json(data | changes)
