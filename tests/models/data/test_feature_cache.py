import pytest

from models.data.feature_cache import choose_cache


@pytest.mark.parametrize(
    ("requested", "needed", "chosen"),
    [("auto", 10, "memory"), ("auto", 11, "disk"), ("none", 1, "none"), ("memory", 99, "memory")],
)
def test_choose_cache(requested, needed, chosen):
    assert choose_cache(requested, needed, budget_bytes=10) == chosen
