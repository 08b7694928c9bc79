import pathlib

import pytest

from bonafide.corpora import CorpusError
from bonafide.metrics.asv_scores import parse_asv_scores
from components.corpus_check.asv import asv_error_rates

SCORES = (
    "bonafide target 2.0\nbonafide target 1.5\nbonafide target 0.1\n"
    "bonafide nontarget -1.0\nbonafide nontarget 0.2\nbonafide nontarget -2.0\n"
    "A07 spoof 0.5\nA07 spoof -0.5\n"
)
IN_CORPUS = "LA/ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{}.gi.trl.scores.txt"


LAYOUT = "asvspoof2019-la"
SAMPLES = str(pathlib.Path(__file__).resolve().parents[3] / "samples")


@pytest.fixture
def corpus(tmp_path):
    """A folder with a protocol of each split, and ASV scores of eval."""
    for split, ending in (("train", "train.trn"), ("dev", "dev.trl"), ("eval", "eval.trl")):
        name = f"LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"LA_1 {split}1 - - bonafide\n")
    path = tmp_path / IN_CORPUS.format("eval")
    path.parent.mkdir(parents=True)
    path.write_text(SCORES)
    return tmp_path


def test_the_corpus_own_scores_are_found(corpus):
    assert asv_error_rates(str(corpus), LAYOUT) == {"eval": parse_asv_scores(SCORES, where="x")}


def test_a_corpus_without_them_has_no_tdcf():
    assert asv_error_rates(SAMPLES, LAYOUT) == {}


def test_they_can_be_left_out(corpus):
    assert asv_error_rates(str(corpus), LAYOUT, scores_eval="") == {}


def test_a_named_file_is_read_for_its_split(corpus, tmp_path):
    named = tmp_path / "mine.txt"
    named.write_text(SCORES.replace("spoof -0.5", "spoof 0.7"))
    found = asv_error_rates(str(corpus), LAYOUT, scores_dev=str(named))
    assert found["dev"] == parse_asv_scores(named.read_text(), where="x")
    assert found["dev"] != found["eval"]


def test_a_named_file_that_is_not_there_is_told(corpus):
    with pytest.raises(
        CorpusError, match=r"asv_scores_dev is '/no/such\.txt'.*which does not exist"
    ):
        asv_error_rates(str(corpus), LAYOUT, scores_dev="/no/such.txt")


def test_a_malformed_file_is_told_with_its_place(corpus):
    (corpus / IN_CORPUS.format("eval")).write_text("bonafide target two\n")
    with pytest.raises(CorpusError, match=r"asv\.eval\.gi\.trl\.scores\.txt:1.*two"):
        asv_error_rates(str(corpus), LAYOUT)
