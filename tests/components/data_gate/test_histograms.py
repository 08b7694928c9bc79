import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data_gate.histograms import histogram_of


def test_a_histogram_by_hand():
    found = histogram_of(np.arange(0.0, 40.0), np.arange(60.0, 100.0))
    assert found.low == pytest.approx(0.395)
    assert found.high == pytest.approx(98.605)
    assert len(found.bonafide) == len(found.spoof) == 40
    assert sum(found.bonafide) == pytest.approx(1)
    assert found.bonafide[-1] == found.spoof[0] == 0
    assert 39 <= found.threshold <= 60
    # The direction does not matter.
    other = histogram_of(np.arange(60.0, 100.0), np.arange(0.0, 40.0))
    assert other.bonafide == found.spoof
    assert 39 <= other.threshold <= 60


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_shares_of_a_class_are_all_of_it(bonafide, spoof):
    both = np.array([*bonafide, *spoof])
    if np.ptp(both) == 0:
        return
    found = histogram_of(np.array(bonafide), np.array(spoof))
    assert found.low < found.high
    assert sum(found.bonafide) == pytest.approx(1, abs=1e-4)
    assert sum(found.spoof) == pytest.approx(1, abs=1e-4)


def test_outliers_are_counted_in_the_outer_bins():
    bonafide = np.append(np.linspace(0, 1, 999), 1e9)
    found = histogram_of(bonafide, np.linspace(0, 1, 1000))
    assert found.high <= 1.0
    assert sum(found.bonafide) == pytest.approx(1)
