import numpy as np
import pytest

from models.data.corpus_weights import row_weights, shares_text

CORPORA = np.array(["la", "itw", "la", "la"])


def test_rows_weigh_what_their_corpus_does_and_others_one():
    assert row_weights(CORPORA, {"itw": 3.0}).tolist() == [1, 3, 1, 1]
    assert row_weights(CORPORA, {"itw": 3.0, "la": 0.5}).tolist() == [0.5, 3, 0.5, 0.5]
    assert row_weights(CORPORA, {}).tolist() == [1, 1, 1, 1]


def test_a_corpus_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"train split \(itw, la\), got asv, own"):
        row_weights(CORPORA, {"own": 2.0, "la": 2.0, "asv": 1.0})


def test_people_are_told_the_shares():
    corpora = np.array(["la"] * 4500 + ["itw"] * 1500)
    weights = row_weights(corpora, {"itw": 3.0})
    assert shares_text(corpora, weights) == "itw 1,500 x 3 = 50.0 %, la 4,500 x 1 = 50.0 %"
