import pytest

from bonafide.corpora.options import DEFAULTS, Options
from bonafide.settings import SettingsError


def test_pairs_become_options():
    parsed = Options.parse(
        ["subset = hidden", "split_seed=7", "dev_fraction=0.2", "path_column=a b"]
    )
    assert parsed == Options(subset="hidden", split_seed=7, dev_fraction=0.2, path_column="a b")
    assert parsed.changed() == {
        "subset": "hidden",
        "split_seed": 7,
        "dev_fraction": 0.2,
        "path_column": "a b",
    }
    assert Options.parse([]) == DEFAULTS
    assert DEFAULTS.changed() == {}


@pytest.mark.parametrize(
    ("pairs", "part"),
    [
        (["hidden"], "expected name=value, got 'hidden'"),
        (["subsets=all"], "got 'subsets' .*Did you mean 'subset'"),
        (["weather=rain"], "Known: subset, trim"),
        (["trim=a", "trim=b"], r"expected each option once.*\(corpus.options.trim\)"),
        (["split=half"], r"one of train, dev, eval, or empty, .*options.split\)"),
        (["split_seed=1.5"], r"a whole number from 0 .*1.5.*options.split_seed\)"),
        (["split_seed=-1"], r"from 0 .*-1.*options.split_seed\)"),
        (["dev_fraction=much"], r"a fraction above 0 and below 1, .*much.*dev_fraction\)"),
        (["eval_fraction=1"], r"above 0 and below 1, .*eval_fraction\)"),
        (["eval_fraction=nan"], r"above 0 and below 1, .*eval_fraction\)"),
        (["dev_fraction=0.5", "eval_fraction=0.5"], "leaves something for train"),
        (["unseen_fraction=1"], r"from 0 to below 1, .*unseen_fraction\)"),
        (["bonafide=1", "spoof=1"], r"another value .*got '1' \(corpus.options.spoof\)"),
    ],
)
def test_wrong_options_are_told(pairs, part):
    with pytest.raises(SettingsError, match=part):
        Options.parse(pairs)
