import collections
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.utterance_gen import balance

EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=150)


def assert_even(groups, colours, num_colours):
    """Every group has floor(n/K) or ceil(n/K) members in every colour."""
    sizes = collections.Counter(groups)
    counts = collections.Counter(zip(groups, colours, strict=True))
    for group, size in sizes.items():
        for colour in range(num_colours):
            low, high = size // num_colours, math.ceil(size / num_colours)
            assert low <= counts[group, colour] <= high


@given(EDGES, st.integers(1, 12))
def test_even_at_every_vertex_and_overall(edges, num_colours):
    colours = balance.balanced_colours(edges, num_colours)
    assert_even([left for left, _ in edges], colours, num_colours)
    assert_even([right for _, right in edges], colours, num_colours)
    assert_even([None for _ in edges], colours, num_colours)
    assert balance.balanced_colours(edges, num_colours) == colours


def test_equal_names_on_both_sides_are_different_vertices():
    assert sorted(balance.balanced_colours([("a", "a"), ("a", "a")], 2)) == [0, 1]


def test_no_colours():
    with pytest.raises(ValueError, match="at least 1"):
        balance.balanced_colours([], 0)
