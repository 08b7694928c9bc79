import dataclasses

from bonafide.scoring.explain import explain
from bonafide.scoring.model import read_model
from bonafide.scoring.thresholds import choose


def told(model, *, prior=None, name="bayes"):
    threshold = choose(name, model.thresholds, prior=prior)
    return " ".join(explain(model, threshold, prior).split())


def test_the_figures_of_the_model(pushed):
    text = told(read_model(pushed), prior=0.2)
    for figure in (
        "0.250 bits",
        "20 % are taken to be bona fide (--prior 0.2)",
        "bayes: bona fide at or above 1.386",
        "on dev: 0.5.",
        "on dev: 2.",
        "The score is of 1 s of speech at a time.",
        "one every 0.5 s",
        "ratio 1",
        "misses 12 % of the 278 synthetic clips",
        "16000 Hz",
        "(EER) was 6.25 %",
        "On the evaluation set (442 trials: 164 bona fide, 278 spoofed) it was 27.57 % (95 % "
        "interval 20.43 to 35.95 %), and 48.10 % for the worst attack.",
    ):
        assert figure in text
    assert "bona fide above 2 " in told(read_model(pushed), name="far1").replace(".", " ")
    assert "of ASVspoof 5, p = 0.95 and ratio 10" in told(read_model(pushed))
    assert "even is 0" in told(read_model(pushed), name="even")
    assert "at most 5 % are called spoof" in told(read_model(pushed), name="band")


def test_the_rules_are_said(pushed):
    text = told(read_model(pushed))
    for rule in (
        "Higher means more bona fide",
        "the score is the mean of theirs",
        "The mean of all channels where they are alike",
        "less than 1 s of speech gives no decision",
        "spoofed only in part can pass",
        "It is no proof",
    ):
        assert rule in text


def test_a_model_that_says_little(pushed):
    model = dataclasses.replace(read_model(pushed), facts={}, card="", evaluation={})
    text = told(model)
    assert "Whether this model's scores are calibrated is not recorded." in text
    assert "pushed without thresholds of its development set" in text
    assert "has no model card with its error rate" in text
    assert "(EER) was" not in text
    assert "What the model misses at this threshold is not known" in text


def test_scores_that_are_not_calibrated(pushed):
    model = read_model(pushed)
    facts = model.facts | {"calibration": {"note": "every score is 1", "cllr_after": 1.0}}
    text = told(dataclasses.replace(model, facts=facts))
    assert "not calibrated (every score is 1): take them as a ranking only" in text


def test_no_line_is_longer_than_a_terminal(pushed):
    model = read_model(pushed)
    text = explain(model, choose("eer", model.thresholds, prior=0.5), 0.5, 1.0)
    lines = [line for line in text.splitlines() if not line.startswith("Model:")]
    assert max(map(len, lines)) <= 88
