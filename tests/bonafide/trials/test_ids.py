import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.trials.ids import as_id, duplicates, file_name_problem, id_problem, token


def test_ids_that_can_be_ids():
    assert id_problem(["Ä é", "x" * 255, "", "-"]) is None
    assert id_problem(["a", "b\n"]) == r"'b\n' contains control characters"
    problem = id_problem(["a", "x" * 256])
    assert problem == f"'{'x' * 200}' ... is longer than 255 characters"


def test_ids_that_can_be_file_names():
    assert file_name_problem("A b.c-1") is None
    assert file_name_problem("a\n") == r"'a\n' contains control characters"
    assert file_name_problem("a/b") == "'a/b' contains a path separator"
    assert file_name_problem("a\\b") == r"'a\\b' contains a path separator"
    assert file_name_problem("..a") == "'..a' contains '..'"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_name_becomes_an_id(text):
    made = as_id(text)
    assert file_name_problem(made) is None
    assert made == "".join(made.split())
    assert len(made) <= 200
    made.encode()
    assert as_id(made) == made


def test_duplicates_are_paired_with_the_first_of_their_name():
    assert duplicates(["a", "b", "A"]) == []
    assert duplicates(["a", "b", "b", "c", "a", "b"]) == [(1, 2), (0, 4), (1, 5)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("U1", "U1"), ("a  b\tc", "a_b_c"), (" a ", "a"), ("", "-"), (" ", "-"), ("a\u00a0b", "a_b")],
)
def test_a_token_has_no_blank_and_is_never_empty(name, expected):
    assert token(name) == expected
