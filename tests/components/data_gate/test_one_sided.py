"""Spoofs that are rougher than the bona fide speech of their source."""

import dataclasses

import numpy as np
import pytest

from bonafide.audio import landmarks, measures
from components.data_gate.checks import check
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Severity
from components.data_gate.one_sided import find_one_sided_codecs
from components.data_gate.table import Table

SMOOTH, ROUGH = 5.0, 10.0


def table(*groups):
    """Rows of (split, source, system, count, median roughness); two speakers each row of four."""
    random = np.random.default_rng(0)
    rows = [
        (split, source, system, f"{source}{system}{n % 8}", median + random.normal())
        for split, source, system, count, median in groups
        for n in range(count)
    ]
    splits, sources, systems, speakers, values = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    numbers = np.zeros((len(rows), len(measures.NUMBERS)), np.float32)
    numbers[:, measures.NUMBERS.index("roughness_db")] = np.where(values < -50, 0, values)
    none = np.zeros(0, np.uint32)
    return Table(
        splits=splits,
        shards=np.zeros(len(rows), np.int64),
        speakers=speakers,
        systems=systems,
        measured=measures.Measures(
            utterances=np.array([f"u{n}" for n in range(len(rows))]),
            numbers=numbers,
            encodings=np.array(["WAV/PCM_16"] * len(rows)),
            digests=np.stack([np.arange(len(rows))] * 2, axis=1).astype(np.uint64),
            marks=landmarks.Landmarks(np.zeros(len(rows), np.int64), none, none),
        ),
        metadata={} if set(sources.tolist()) == {""} else {"source": sources},
    )


def found(*groups, **settings):
    return find_one_sided_codecs(table(*groups), DataGateConfig(**settings))


NORMAL = [("train", "page", "-", 40, 6.5), ("train", "page", "A", 40, SMOOTH)]
CODED = [("train", "mp3", "-", 40, 6.5), ("train", "mp3", "B", 40, ROUGH)]


def test_the_source_with_coded_spoofs_is_named_with_the_setting_that_leaves_them_out():
    [finding] = found(*NORMAL, *CODED)
    assert (finding.rule, finding.split, finding.subject) == (
        "one_sided_codec",
        "train",
        "source mp3",
    )
    assert finding.severity is Severity.WARNING
    assert finding.value <= finding.limit == 0.4
    assert "utterances.leave_out='source=mp3&key=spoof'" in finding.message
    # The median of the 40 bona fide values of this seed.
    assert "and 6." in finding.message


def test_smooth_spoofs_are_what_synthesis_sounds_like():
    assert found(*NORMAL) == []


def test_pooled_over_sources_it_would_not_be_seen():
    many = [("train", "page", "A", 400, SMOOTH), ("train", "page", "-", 100, 6.5)]
    assert [one.subject for one in found(*many, *CODED)] == ["source mp3"]


@pytest.mark.parametrize("split", ["train", "dev"])
def test_dev_is_looked_at_too(split):
    assert [one.split for one in found(*[(split, *row[1:]) for row in CODED])] == [split]


def test_eval_may_be_what_it_is():
    assert found(*[("eval", *row[1:]) for row in CODED]) == []


def test_without_metadata_a_split_is_one_source_and_there_is_nothing_to_leave_out():
    [finding] = found(*[(split, "", *rest) for split, _, *rest in CODED])
    assert finding.subject == "all recordings"
    assert "leave_out" not in finding.message


def test_recordings_without_a_source_are_a_group_of_their_own():
    unnamed = [(split, "", *rest) for split, _, *rest in CODED]
    assert [one.subject for one in found(*NORMAL, *unnamed)] == ["recordings without source"]


def test_few_recordings_and_recordings_without_spectrum_say_nothing():
    assert found(("train", "mp3", "-", 19, 6.5), ("train", "mp3", "B", 40, ROUGH)) == []
    assert found(("train", "mp3", "-", 40, -100), ("train", "mp3", "B", 40, ROUGH)) == []


def test_small_differences_are_no_finding():
    assert found(("train", "p", "-", 40, 6.5), ("train", "p", "B", 40, 6.8)) == []


def test_the_rule_can_stop_a_run_or_be_off():
    [finding] = found(*CODED, one_sided_codec="error")
    assert finding.severity is Severity.ERROR
    assert found(*CODED, one_sided_codec="off") == []


def test_roughness_alone_is_no_shortcut():
    smooth = table(("train", "page", "-", 40, ROUGH), ("train", "page", "A", 40, SMOOTH))
    config = dataclasses.replace(DataGateConfig(), class_balance="off")
    result = check(smooth, config)
    rules = {one.rule for one in result.findings}
    assert not rules & {"shortcut", "perfect_shortcut", "combined_shortcut", "one_sided_codec"}
    assert "roughness_db" not in result.figures["numbers"]["train"]
