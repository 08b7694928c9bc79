import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bonafide.metrics.intervals import Sample, interval, power
from bonafide.metrics.power import Power

SAMPLE = Sample(trials=200, speakers=10, effective_speakers=10.0, correlation=0.2)


def test_a_power_by_hand():
    found = Power(standard_error=0.01, freedom=9.0)
    assert found.detectable == pytest.approx((2.262157 + 0.883404) * 0.01, abs=1e-8)
    # An equal model passes where d / e <= 4 - 2.262.
    assert found.refused_equals(0.04) == pytest.approx(stats.t.sf(4 - 2.262157, 9), abs=1e-6)
    assert found.refused_equals(0.0) == pytest.approx(0.975, abs=1e-6)
    assert Power(0.0, 9.0).refused_equals(0.0) == 0.0
    assert Power(0.0, 9.0).detectable == 0.0


def test_the_standard_error_is_that_of_the_interval():
    draws = np.random.default_rng(1).normal(0.01, 0.02, 500)
    found = power(draws, [SAMPLE])
    assert found.freedom == 9.0
    assert found.standard_error == pytest.approx(draws.std() * math.sqrt(10 / 9))
    low, high = interval(0.01, draws, "difference", [SAMPLE])
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 9) * found.standard_error)
    assert power(np.array([]), [SAMPLE]) is None
    assert power(np.full(10, np.nan), [SAMPLE]) is None


def test_a_difference_is_seen_in_80_of_100_runs():
    random = np.random.default_rng(2)
    known = Power(1.0, 9.0)
    runs = known.detectable + random.standard_normal(20_000)
    spread = np.sqrt(random.chisquare(9, 20_000) / 9)
    seen = np.mean(runs / spread > stats.t.ppf(0.975, 9))
    assert 0.76 < seen < 0.84


@given(st.floats(1e-6, 0.2), st.floats(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_limit_refuses_fewer(error, freedom, one, two):
    found = Power(error, freedom)
    low, high = sorted([one, two])
    assert 0 <= found.refused_equals(high) <= found.refused_equals(low) <= 1
