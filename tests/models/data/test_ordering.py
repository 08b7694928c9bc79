import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.ordering import epoch_order

seeds = st.tuples(st.integers(0, 2**31 - 1), st.integers(1, 10**6))
# Whole quarters: their shares are exact, so that the law can be asked for to the last draw.
quarters = st.lists(st.integers(1, 400), min_size=1, max_size=60).map(
    lambda numbers: np.array(numbers) / 4
)


@given(quarters, seeds)
@settings(max_examples=100)
def test_a_row_occurs_floor_or_ceil_of_its_share(weights, seed):
    count = len(weights)
    order = epoch_order(count, seed, weights)
    assert len(order) == count
    occurs = np.bincount(order, minlength=count)
    assert len(occurs) == count
    quarter = (4 * weights).astype(int)
    total = int(quarter.sum())
    assert (occurs >= count * quarter // total).all()
    assert (occurs <= -(-count * quarter // total)).all()


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60).map(np.array),
    seeds,
)
@settings(max_examples=100)
def test_any_weights_within_rounding(weights, seed):
    count = len(weights)
    shares = count * (weights / weights.sum())
    occurs = np.bincount(epoch_order(count, seed, weights), minlength=count)
    assert (occurs >= np.floor(shares * (1 - 1e-9))).all()
    assert (occurs <= np.ceil(shares * (1 + 1e-9))).all()


@given(st.integers(1, 200), st.floats(1e-6, 1e6), seeds)
@settings(max_examples=100)
def test_equal_weights_take_every_row_once(count, weight, seed):
    order = epoch_order(count, seed, np.full(count, weight))
    assert sorted(order.tolist()) == list(range(count))


@given(st.integers(1, 200), seeds)
@settings(max_examples=30)
def test_without_weights_it_is_the_permutation_it_always_was(count, seed):
    expected = np.random.default_rng(seed).permutation(np.arange(count))
    assert epoch_order(count, seed).tolist() == expected.tolist()


def test_it_replays_and_epochs_and_seeds_differ():
    weights = np.tile([1.0, 3.0], 50)
    first, again, epoch, seed = (
        epoch_order(100, pair, weights).tolist() for pair in ((5, 1), (5, 1), (5, 2), (6, 1))
    )
    assert first == again
    assert first != epoch
    assert first != seed


def test_a_generator_goes_on_behind_the_order():
    given_, made = np.random.default_rng((5, 1)), np.random.default_rng((5, 1))
    assert epoch_order(9, given_).tolist() == made.permutation(np.arange(9)).tolist()
    assert given_.random() == made.random()


def test_shares_are_as_expected_and_every_place_of_an_epoch_has_them():
    """1 : 9 rows with weights 9 : 1 share the draws, in each quarter of an epoch too."""
    weights = np.where(np.arange(200) < 20, 9.0, 1.0)
    orders = np.array([epoch_order(200, (1, epoch), weights) for epoch in range(200)])
    first = orders < 20  # [epochs, places]
    assert set(first.sum(axis=1)) <= set(range(80, 121))  # 20 rows, 4 or 5 times each
    assert first.mean() == pytest.approx(0.5, abs=0.005)
    assert first.reshape(200, 4, 50).mean(axis=(0, 2)) == pytest.approx(0.5, abs=0.02)


def test_every_row_is_drawn_in_time():
    """Rows with a share below one take turns: none is left out for good."""
    weights = np.where(np.arange(100) < 50, 3.0, 1.0)
    drawn = np.concatenate([epoch_order(100, (1, epoch), weights) for epoch in range(40)])
    occurs = np.bincount(drawn, minlength=100)
    assert occurs[:50].mean() == pytest.approx(60, abs=0.5)
    assert occurs[50:].mean() == pytest.approx(20, abs=0.5)
    assert occurs.min() >= 8


def test_half_a_million_rows_with_a_weight_that_no_float_is_are_each_drawn_once():
    count = 500_000
    order = epoch_order(count, (0, 1), np.full(count, 0.1))
    assert (np.bincount(order, minlength=count) == 1).all()
