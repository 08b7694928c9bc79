import math

import pytest

from models.settings.corpus_weights import parse_weights


def test_entries_are_names_with_numbers():
    assert parse_weights(()) == {}
    assert parse_weights(("itw=3", " la = 0.5", "a=b=1e-6")) == {"itw": 3, "la": 0.5, "a=b": 1e-6}


@pytest.mark.parametrize(
    ("entries", "law"),
    [
        (("itw",), "NAME=NUMBER"),
        (("=3",), "NAME=NUMBER"),
        (("",), "NAME=NUMBER"),
        (("itw=",), "NAME=NUMBER with a number"),
        (("itw=three",), "NAME=NUMBER with a number"),
        (("itw=0",), "numbers above 0"),
        (("itw=-1",), "numbers above 0"),
        ((f"itw={math.nan}",), "numbers above 0"),
        ((f"itw={math.inf}",), "numbers above 0"),
        (("itw=1000001",), "to 1,000,000"),
        (("la=1", "itw=3", "la=1"), "not two for la"),
    ],
)
def test_what_is_no_weight_is_named(entries, law):
    with pytest.raises(ValueError, match=r"^expected .*\(trainer\.corpus_weights\)") as caught:
        parse_weights(entries)
    assert law in str(caught.value)
    assert str(caught.value).endswith(f"got {entries[-1]!r} (trainer.corpus_weights).")
