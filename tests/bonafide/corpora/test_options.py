import pytest

from bonafide.corpora.options import DEFAULTS, Options, OptionsError


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
        (["hidden"], "is name=value, not 'hidden'"),
        (["subsets=all"], "'subsets'; did you mean 'subset'"),
        (["weather=rain"], "There are subset, trim"),
        (["trim=a", "trim=b"], "'trim' is given twice"),
        (["split=half"], "split must be train, dev, eval or empty"),
        (["split_seed=1.5"], "split_seed must be a whole number"),
        (["split_seed=-1"], "split_seed must be from 0"),
        (["dev_fraction=much"], "dev_fraction must be a number"),
        (["eval_fraction=1"], "eval_fraction must be between 0 and 1"),
        (["eval_fraction=nan"], "eval_fraction must be between 0 and 1"),
        (["dev_fraction=0.5", "eval_fraction=0.5"], "leave something for train"),
        (["unseen_fraction=1"], "unseen_fraction must be from 0"),
        (["bonafide=1", "spoof=1"], "cannot both be '1'"),
    ],
)
def test_wrong_options_are_told(pairs, part):
    with pytest.raises(OptionsError, match=part):
        Options.parse(pairs)
