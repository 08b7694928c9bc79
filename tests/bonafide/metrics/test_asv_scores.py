import pathlib

import pytest

from bonafide.metrics.asv_scores import parse_asv_scores, read_asv_scores
from bonafide.metrics.costs import AsvErrorRates, legacy_tdcf
from bonafide.storage.text_files import FileError

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)

# -2n -1n 0n 1t 2n 3t 4t 5t: FRR and FAR are both 1/4 after 1t, so the threshold is 1. At or above
# it a trial is accepted: no target is lost, one non-target of four passes, and of the spoofs .5,
# 1, 3.5 and 6 only .5 is rejected.
LINES = [
    *(f"bonafide target {score}" for score in (3, 1, 5, 4)),
    *(f"bonafide nontarget {score}" for score in (0, -2, 2.0, "-1e0")),
    *(f"{attack} spoof {score}" for attack, score in (("A07", 3.5), ("A08", 0.5), ("A07", 1))),
    "A19 spoof 6",
]
TEXT = "\n".join(LINES) + "\n"
RATES = AsvErrorRates(false_accept=1 / 4, miss=0.0, spoof_miss=1 / 4)


def parse(text):
    return parse_asv_scores(text, where="asv.txt")


def refusal(text):
    with pytest.raises(FileError) as caught:
        parse(text)
    return str(caught.value)


def test_the_error_rates_are_those_at_the_threshold_of_the_verifier():
    assert parse(TEXT) == RATES


def test_the_threshold_is_of_targets_and_nontargets_alone():
    rates = parse(TEXT + "A20 spoof -50\nA20 spoof 50\nA20 spoof 0.99\nA20 spoof 1.01\n")
    assert (rates.false_accept, rates.miss) == (1 / 4, 0.0)
    assert rates.spoof_miss == 3 / 8  # .5, -50 and .99 of eight
    assert rates.spoof_false_accept == 5 / 8


def test_targets_below_the_threshold_are_missed():
    # -3t -2n -1n 0t 1t 2n 3t 4n: FRR 3/4 and FAR 1/2 after 1t, FRR 2/4 and FAR 2/4 after 0t.
    targets, nontargets = (-3, 0, 1, 3), (-2, -1, 2, 4)
    lines = [
        *(f"bonafide target {score}" for score in targets),
        *(f"bonafide nontarget {score}" for score in nontargets),
        "A07 spoof -1",
        "A07 spoof 0",
    ]
    assert parse("\n".join(lines)) == AsvErrorRates(false_accept=1 / 2, miss=1 / 4, spoof_miss=0.5)


def test_a_score_on_the_threshold_is_accepted():
    # -1n 0n 1t 1n 2t 3t: FRR and FAR are both 1/3 after 1t.
    text = "".join(f"a target {score}\n" for score in (1, 2, 3))
    text += "".join(f"a nontarget {score}\n" for score in (-1, 0, 1))
    text += "".join(f"a spoof {score}\n" for score in (0.999, 1))
    assert parse(text) == AsvErrorRates(false_accept=1 / 3, miss=0.0, spoof_miss=1 / 2)


def test_the_order_of_lines_does_not_matter():
    assert parse("\n".join(reversed(LINES))) == RATES


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff\r\n" + text,
        lambda text: "\n" + text.replace("\n", "\n\n") + " \n\t\n",
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace(" ", "   "),
    ],
    ids=["CRLF", "BOM", "blank lines", "no last line end", "tabs", "several blanks"],
)
def test_line_ends_byte_order_marks_and_blanks_do_not_matter(changed):
    assert parse(changed(TEXT)) == RATES


def test_a_file_is_read_from_disk(tmp_path):
    path = tmp_path / "asv.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read_asv_scores(path) == RATES
    with pytest.raises(FileError, match=r"^cannot read .*none\.txt: No such file"):
        read_asv_scores(tmp_path / "none.txt")
    path.write_text("bonafide target\n")
    with pytest.raises(FileError) as caught:
        read_asv_scores(path)
    assert str(caught.value).startswith(
        f"{path}:1: expected 3 columns separated by spaces, got 2\n"
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bonafide target", "expected 3 columns, got 2"),
        ("U1 bonafide target 1", "expected 3 columns, got 4"),
        ("bonafide Target 1", "expected target, nontarget, spoof as the kind, got 'Target'"),
        ("A07 1 spoof", "expected target, nontarget, spoof as the kind, got '1'"),
        ("A07 spoof high", "expected a finite number as the score, got 'high'"),
        ("A07 spoof 1_0", "expected a finite number as the score, got '1_0'"),
        ("A07 spoof nan", "expected a finite number as the score, got 'nan'"),
        ("bonafide target inf", "expected a finite number as the score, got 'inf'"),
        ("bonafide nontarget -1e999", "expected a finite number as the score, got '-1e999'"),
    ],
)
def test_a_malformed_line_is_named_and_shown(line, problem):
    found = refusal(f"bonafide target 1\n\n{line}\n{TEXT}")
    assert found.startswith(
        f"asv.txt:3: {problem}\n  line: '{line}'\n  expected: SYSTEM KIND SCORE, such as "
    )


@pytest.mark.parametrize(
    ("kinds", "missing"),
    [
        (("target",), "no nontarget and no spoof"),
        (("target", "spoof"), "no nontarget"),
        (("target", "nontarget"), "no spoof"),
        (("nontarget", "spoof"), "no target"),
    ],
)
def test_every_kind_of_trial_is_needed(kinds, missing):
    text = "".join(f"{line}\n" for line in LINES if line.split()[1] in kinds)
    assert refusal(text).startswith("asv.txt: expected lines SYSTEM")


def test_an_empty_file_is_refused():
    assert refusal(" \n").startswith("asv.txt: the file is empty; expected SYSTEM KIND SCORE, such")


def test_a_verifier_that_is_too_weak_for_the_tandem_cost_is_refused_by_name():
    # All spoofs are rejected by the verifier: the detector has nothing to do.
    text = "".join(f"{line}\n" for line in LINES if " spoof " not in line) + "A07 spoof -9\n"
    assert refusal(text).startswith("asv.txt: t-DCF: expected positive weights ")
    # 1t 2t 3t 4n: FRR and FAR are 1 after 3t. Two targets of three are missed, and the non-target
    # passes: C1 = .9405 / 3 - .095 is still above 0, the revised one .9405 - (.627 + .095) too.
    text = "".join(f"a target {score}\n" for score in (1, 2, 3)) + "a nontarget 4\nA spoof 3\n"
    assert parse(text) == AsvErrorRates(false_accept=1.0, miss=2 / 3, spoof_miss=0.0)
    assert legacy_tdcf(parse(text)).miss == 1.0
    # Of thirty targets 29 are missed: .9405 / 30 < .095.
    text = "".join(f"a target {score}\n" for score in range(30)) + "a nontarget 40\nA spoof 29\n"
    assert refusal(text).startswith("asv.txt: t-DCF: expected positive weights ")


@needs_golden
@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("eval", (0.024604674888, 0.024581005587, 0.239347547040)),
        ("dev", (0.02444521, 0.02425876, 0.23972910)),
    ],
)
def test_the_real_verifier(split, expected):
    rates = read_asv_scores(GOLDEN / f"ASVspoof2019.LA.asv.{split}.gi.trl.scores.txt")
    found = (rates.false_accept, rates.miss, rates.spoof_miss)
    assert found == pytest.approx(expected, abs=5e-13 if split == "eval" else 5e-9)
