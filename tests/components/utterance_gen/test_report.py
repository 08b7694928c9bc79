import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide import corpora
from components.utterance_gen import plan, report


def rejection(number, split="train"):
    return plan.Rejection(f"U{number}", split, f"a/U{number}.flac", "empty\tfile\n(0 bytes)")


def utterances(train, dev=1, evaluation=1):
    return [
        corpora.Utterance(f"U{i}", "S", "-", "bonafide", split, "p", "c", "f:1")
        for split, count in (("train", train), ("dev", dev), ("eval", evaluation))
        for i in range(count)
    ]


def test_limit_is_inclusive():
    held = utterances(98)
    report.check_rejections(held, [rejection(1)], 0.01)
    with pytest.raises(corpora.CorpusError) as caught:
        report.check_rejections(held, [rejection(1), rejection(2)], 0.01)
    for part in ("2 of 100", "2.00 %", "1.00 %", "max_rejected_fraction", "train U1 (a/U1.flac)"):
        assert part in str(caught.value)


@pytest.mark.parametrize("percent", [1, 7, 28, 29, 57, 58])
def test_limit_is_inclusive_whatever_the_rounding(percent):
    lost = [rejection(i) for i in range(percent)]
    report.check_rejections(utterances(98), lost, percent / 100)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_most_rejections_is_the_last_number_within_the_limit(utterances, fraction):
    most = report.most_rejections(utterances, fraction)
    assert most / utterances <= fraction < (most + 1) / utterances


def test_many_offenders_are_counted_not_listed():
    with pytest.raises(corpora.CorpusError, match=r"U9 .*\n.*and 1,990 more") as caught:
        report.check_rejections(utterances(3000), [rejection(i) for i in range(2000)], 0.5)
    assert "U10 " not in str(caught.value)


def test_a_split_that_is_lost_whole():
    with pytest.raises(corpora.CorpusError, match="no utterance of split dev"):
        report.check_rejections(utterances(500), [rejection(0, "dev")], 0.01)


def test_tsv_has_one_line_per_rejection():
    assert report.rejected_tsv([rejection(1)]) == (
        "utterance\tpath\treason\nU1\ta/U1.flac\tempty file (0 bytes)\n"
    )
