import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.class_counts import ClassCounts, class_weights, log_prior_odds

counts = st.builds(ClassCounts, st.integers(1, 10_000), st.integers(1, 10_000))


def test_counts_need_not_be_whole():
    """Those of corpora with weights: a class may be drawn less than once an epoch."""
    rare = ClassCounts(0.25, 99.75)
    assert class_weights(rare, "balanced") == (200.0, pytest.approx(50 / 99.75))
    assert log_prior_odds(rare, class_weights(rare, "balanced")) == pytest.approx(0, abs=1e-12)
    assert log_prior_odds(rare, class_weights(rare, "none")) == pytest.approx(
        math.log(0.25 / 99.75)
    )
    with pytest.raises(ValueError, match="got 0 bona fide and 3 spoof"):
        class_weights(ClassCounts(0.0, 3.0), "balanced")


@given(counts)
def test_balanced_weights_have_mean_one_and_no_prior(n):
    weights = class_weights(n, "balanced")
    total = n.bonafide * weights.bonafide + n.spoof * weights.spoof
    assert total == pytest.approx(sum(n))
    assert log_prior_odds(n, weights) == pytest.approx(0, abs=1e-9)


def test_without_weighting_the_prior_is_that_of_the_data():
    n = ClassCounts(2580, 22800)
    assert log_prior_odds(n, class_weights(n, "none")) == pytest.approx(math.log(2580 / 22800))


def test_a_missing_class_and_an_unknown_weighting_are_refused():
    with pytest.raises(ValueError, match="0 bona fide and 3 spoof"):
        class_weights(ClassCounts(0, 3), "balanced")
    with pytest.raises(ValueError, match="got 'half'"):
        class_weights(ClassCounts(1, 3), "half")
