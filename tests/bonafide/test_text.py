import pytest

from bonafide import text

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.011585964783684807, "rate", f"1.16{NBSP}%"),
        (0.0, "rate", f"0{NBSP}%"),
        (1.0, "rate", f"100{NBSP}%"),
        (0.99999, "rate", f"100.00{NBSP}%"),  # rounded, not exact
        (0.000986, "rate", f"0.099{NBSP}%"),  # two digits that say something
        (0.0000157, "rate", f"0.0016{NBSP}%"),
        (0.0373715, "cost", "0.0374"),
        (0.078080, "bits", "0.078"),
        (10445.2, "bits", "10,445"),
        (4.9e-9, "bits", "4.9e\u221209"),
        (2e100, "bits", "2.0e+100"),
        (0.9976, "share", "0.9976"),
        (0.0053, "points", "0.53"),
        (-0.0053, "points", "\u22120.53"),
        (None, "rate", "not known"),
    ],
)
def test_a_figure_has_the_digits_that_say_something(value, unit, shown):
    assert text.figure(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0016767, "rate", "+0.17"),  # points
        (-0.0447, "cost", "\u22120.0447"),
        (0.0, "rate", "0"),
        (None, "rate", "not known"),
    ],
)
def test_a_difference_has_its_sign(value, unit, shown):
    assert text.difference(value, unit) == shown


def test_intervals():
    assert text.interval((0.0079124, 0.015791), "rate") == f"0.79 to 1.58{NBSP}%"
    assert text.interval(None, "rate") == "none"
    assert text.difference_interval((-0.00106, 0.00527), "rate") == "\u22120.11 to +0.53"
    assert text.difference_interval(None, "rate") == "none"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.745120882987976, "1.745"),
        (-0.6418538861723947, "\u22120.642"),
        (0.0, "0.000"),
        (-1e6, "\u22121,000,000"),
        (1e99, "1e+99"),
        (0.00012345, "0.000123"),
        (-1e-7, "\u22121e\u221207"),
    ],
)
def test_a_score_of_any_size(value, shown):
    assert text.score(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.2517, "p = 0.25"), (0.002, "p = 0.002"), (1.0, "p = 1.00")],
)
def test_a_p_value(value, shown):
    assert text.p_value(value) == shown


def test_counts():
    assert text.count(71237) == "71,237"
    assert text.count(None) == "not known"
    assert text.plural(1, "speaker") == "1 speaker"
    assert text.plural(67, "speaker") == "67 speakers"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.0986, "0.1"), (1.16, "1.2"), (9.96, "10"), (114.4, "114"), (9900.0, "9,900")],
)
def test_few_calls_have_a_decimal(value, shown):
    assert text.few(value) == shown


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2025-11-24T20:31:07+00:00", "24 November 2025, 20:31 UTC"),
        ("2025-11-24T20:31:07+02:00", "24 November 2025, 20:31 UTC+02:00"),
        ("2025-11-24T20:31", "24 November 2025, 20:31"),
        ("2025-03-01", "1 March 2025"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_date_for_people(iso, shown):
    assert text.date(iso) == shown


def test_what_cannot_be_seen_is_spelled_out():
    assert text.visible("A\u202e10\x00\n\u2028|<é") == "A\\u202e10\\u0000\\u000a\\u2028|<é"


def test_an_attack_without_a_name():
    assert text.attack("-") == "unknown attack"
    assert text.attack("A07") == "A07"


def test_words_of_messages():
    assert text.listed(["a", "b"]) == "a, b"
    assert text.listed(list("abcde")) == "a, b, c, d, e"
    assert text.listed(["x"] * 1_006) == "x, x, x, x, x and 1,001 more"
    assert text.listed(["x"] * 11, most=10).endswith("x and 1 more")
    assert [text.plural(number, "line") for number in (0, 1, 2, 1_000)] == [
        "0 lines", "1 line", "2 lines", "1,000 lines",
    ]  # fmt: skip
    assert text.shown("a\tb") == r"'a\tb'"
    assert text.shown("y" * 200) == repr("y" * 200)
    assert text.shown("y" * 201) == repr("y" * 200) + " ..."


def test_misspelt_names_get_the_nearest_or_all():
    known = ("trainer.epochs", "tuner.epochs", "gate.max_eer")
    assert text.did_you_mean("gate.max_er", known) == "Did you mean 'gate.max_eer'?"
    assert text.did_you_mean("epochs", known) == "Did you mean 'tuner.epochs' or 'trainer.epochs'?"
    assert text.did_you_mean("ab", ("abc", "abd", "abe", "abf")) == (
        "Did you mean 'abf', 'abe' or 'abd'?"
    )
    assert text.did_you_mean("zzz", known) == ("Known: trainer.epochs, tuner.epochs, gate.max_eer.")
    assert text.did_you_mean("zzz", known, list_all=False) == ""
    assert text.did_you_mean("zzz", map(str, range(31))) == ""
    assert text.did_you_mean("zzz", ()) == ""
