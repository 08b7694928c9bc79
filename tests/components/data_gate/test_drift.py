"""Profiles, and the rules about drift: on tables of made-up numbers."""

import dataclasses
import re

import numpy as np
import pytest

from bonafide.audio import landmarks, measures
from bonafide.metrics.distribution import distribution_of
from components.data_gate import checks, profile
from components.data_gate.config import RULES, DataGateConfig
from components.data_gate.drift import DriftReference
from components.data_gate.served import ServedModel
from components.data_gate.serving_log import ServingLogStats
from components.data_gate.table import Table

ONLY_DRIFT = DataGateConfig(
    **{rule: "off" for rule in RULES if rule not in ("champion_drift", "serving_drift")}
)


def measured(count, *, seed=0, encoding="FLAC/PCM_16", **shifts):
    """Made-up numbers, normal about 0; `shifts` moves some of them."""
    numbers = np.random.default_rng(seed).normal(size=(count, len(measures.NUMBERS)))
    for name, shift in shifts.items():
        numbers[:, measures.NUMBERS.index(name)] += shift
    none = np.zeros(0, np.uint32)
    return measures.Measures(
        utterances=np.array([f"u{seed}-{i}" for i in range(count)]),
        numbers=numbers.astype(np.float32),
        encodings=np.array([encoding] * count),
        digests=np.stack([np.arange(count) + 10_000 * seed] * 2, axis=1).astype(np.uint64),
        marks=landmarks.Landmarks(np.zeros(count, np.int64), none, none),
    )


def table(count=400, **options):
    """The first half of a split train is bona fide."""
    half = count // 2
    return Table(
        splits=np.array(["train"] * count),
        shards=np.zeros(count, np.int64),
        speakers=np.array([f"s{i % 8}" for i in range(half)] + [f"t{i % 8}" for i in range(half)]),
        systems=np.array(["-"] * half + ["A"] * half),
        measured=measured(count, **options),
    )


def served(of=None, *, scores=None, fingerprint="theirs"):
    of = table() if of is None else of
    return ServedModel("41", profile.train_profile(of, "old corpus", fingerprint), scores)


def drift(own, known, config=ONLY_DRIFT, fingerprint="ours"):
    return checks.check(own, config, profile.train_profile(own, "mine", fingerprint), known)


def test_a_profile_describes_train_by_class():
    own = table(encoding="WAV/PCM_24")
    found = profile.train_profile(own, "mine", "f00d")
    assert {name: one.count for name, one in found.classes.items()} == {
        "bonafide": 200,
        "spoof": 200,
    }
    assert found.classes["spoof"].encodings == {"WAV/PCM_24": 200}
    levels = own.number("level_dbfs")[200:]
    assert found.classes["spoof"].numbers["level_dbfs"] == distribution_of(levels)
    assert profile.from_json(profile.to_json(found)) == found
    of_dev = dataclasses.replace(own, splits=np.array(["dev"] * 400))
    assert profile.train_profile(of_dev, "mine", "f00d").classes == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": {"spoof": {}}}', '{"classes": 1}'])
def test_what_is_no_profile_is_refused(text):
    with pytest.raises(ValueError, match=r"expected the profile of a corpus|Expecting value"):
        profile.from_json(text)


def test_a_corpus_like_the_champions_has_no_drift():
    checked = drift(table(seed=1), DriftReference(served=served()))
    assert checked.findings == []
    assert checked.figures["drift"]["champion"]["numbers"]["bonafide"]["level_dbfs"]["bits"] < 0.1
    assert checked.figures["drift"]["champion"]["version"] == "41"


def test_numbers_that_moved_are_named_with_both_medians():
    own = table(seed=1, level_dbfs=-30.0, dc_dbfs=1.5)
    first, second = drift(own, DriftReference(served=served())).findings
    assert (first.rule, first.split, first.subject) == (
        "champion_drift",
        "train",
        "bona fide speech",
    )
    assert second.subject == "spoofs"
    assert first.value == pytest.approx(1, abs=0.01)
    assert "the champion (version 41, corpus old corpus)" in first.message
    assert "level of speech 1.00 bits (reference median " in first.message
    assert "DC offset" in first.message
    assert "peak" not in first.message


def test_another_encoding_is_drift_too():
    [first, _] = drift(table(seed=1, encoding="OGG/OPUS"), DriftReference(served=served())).findings
    assert "encoding of the file 1.00" in first.message


def test_the_same_corpus_is_not_compared_with_itself():
    moved = table(seed=1, level_dbfs=-30.0)
    checked = drift(moved, DriftReference(served=served(fingerprint="ours")))
    assert checked.findings == []
    assert checked.figures["drift"] == {}


def test_too_few_utterances_say_nothing():
    checked = drift(table(398, seed=1, level_dbfs=-30.0), DriftReference(served=served()))
    assert checked.findings == []
    assert checked.figures["drift"]["champion"]["numbers"]["bonafide"] == {}


def test_levels_and_limits_hold():
    own, known = table(seed=1, level_dbfs=-30.0), DriftReference(served=served())
    assert drift(own, known, dataclasses.replace(ONLY_DRIFT, champion_drift="off")).findings == []
    error = drift(own, known, dataclasses.replace(ONLY_DRIFT, champion_drift="error"))
    assert {str(found.severity) for found in error.findings} == {"error"}
    assert drift(own, known, dataclasses.replace(ONLY_DRIFT, max_divergence=1.0)).findings == []


def stats(scores=(), **options):
    return ServingLogStats(measured(300, seed=7, **options), np.array(scores), "calls.csv")


def test_similar_recordings_of_a_service_are_fine():
    checked = drift(table(), DriftReference(serving_log=stats()))
    assert checked.findings == []
    assert checked.figures["drift"]["serving"]["recordings"] == 300


def test_different_recordings_of_a_service_are_named():
    [found] = drift(table(), DriftReference(serving_log=stats(bandwidth_hz=-9.0))).findings
    assert (found.rule, found.subject) == ("serving_drift", "bona fide speech")
    medians = r"\(reference median (-?[\d.]+) Hz, here (-?[\d.]+) Hz"
    there, here = re.search(medians, found.message).groups()
    assert float(there) == pytest.approx(-9, abs=0.5)
    assert float(here) == pytest.approx(0, abs=0.5)
    assert found.message.startswith(
        "differs from the 300 recordings of the service in calls.csv: bandwidth 1.00"
    )


def test_scores_that_moved_are_named():
    random = np.random.default_rng(3)
    known = served(scores=distribution_of(random.normal(3, 1, 500)), fingerprint="ours")
    alike, moved = random.normal(3, 1, 400), random.normal(-1, 1, 400)
    assert drift(table(), DriftReference(known, stats(alike))).findings == []
    [found] = drift(table(), DriftReference(known, stats(moved))).findings
    assert (found.rule, found.subject) == ("serving_drift", "scores in service")
    assert re.search(r"median -[01]\.\d\d, on eval [23]\.\d\d\.", found.message)
    # Too few, or a model that was pushed without its scores: nothing can be said.
    assert drift(table(), DriftReference(known, stats(moved[:199]))).findings == []
    assert drift(table(), DriftReference(None, stats(moved))).findings == []


def test_figures_are_ready_for_json():
    known = DriftReference(served(), stats([1.0] * 200))
    figures = drift(table(seed=1, level_dbfs=-30.0), known).figures["drift"]
    there, here = figures["champion"]["numbers"]["spoof"]["level_dbfs"]["medians"]
    assert there - here == pytest.approx(30, abs=0.5)
    assert figures["serving"]["log"] == "calls.csv"
