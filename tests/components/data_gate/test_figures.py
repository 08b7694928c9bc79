"""Separation, findings made of it, balance: on tables of made-up numbers."""

import dataclasses

import numpy as np
import pytest

from bonafide.audio import landmarks, measures
from bonafide.dataset import listing
from components.data_gate import advice, balance, checks, probe, separation, shortcuts
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Severity
from components.data_gate.in_force import InForce
from components.data_gate.separation import Separation
from components.data_gate.table import Table, TableError, make_table
from models.settings.augment import AugmentConfig
from models.settings.features import FeatureConfig
from models.settings.waveform import WaveformConfig
from pipeline.config import UtteranceConfig

ROWS = np.arange(80)


def table(
    *,
    number="seconds",
    values=None,
    speakers=None,
    systems=None,
    split="train",
    shards=None,
    **told,
):
    """Forty bona fide, then forty spoofs; one number of each may be given."""
    size = 80
    numbers = np.zeros((size, len(measures.NUMBERS)), np.float32)
    if values is not None:
        numbers[:, measures.NUMBERS.index(number)] = values
    none = np.zeros(0, np.uint32)
    measured = measures.Measures(
        utterances=np.array([f"u{i}" for i in range(size)]),
        numbers=numbers,
        encodings=np.array(["FLAC/PCM_16"] * size),
        digests=np.stack([np.arange(size)] * 2, axis=1).astype(np.uint64),
        marks=landmarks.Landmarks(np.zeros(size, np.int64), none, none),
    )
    return Table(
        splits=np.array([split] * size),
        shards=np.arange(size) % 2 if shards is None else shards,
        speakers=np.array(speakers or [f"s{i % 8}" for i in range(size)]),
        systems=np.array(systems or ["-"] * 40 + ["A"] * 40),
        measured=measured,
        metadata={name: np.array(values) for name, values in told.items()},
    )


def test_numbers_that_are_the_same_for_all_say_nothing():
    assert separation.separate_by_number(table(), "train", ROWS) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_classes_that_never_meet(sign):
    values = sign * np.repeat([1.0, 2.0], 40)
    [found] = separation.separate_by_number(table(values=values), "train", ROWS)
    assert (found.number, found.eer, found.ci95) == ("seconds", 0, (0, 0))
    assert found.spoof_higher is (sign > 0)
    assert found.medians == (sign * 1, sign * 2)
    assert found.attacks == {"A": 0}


def test_equal_values_are_no_clue():
    # All but one are equal: the official estimator alone would call this an EER of 100 %.
    values = np.zeros(80)
    values[0] = 1
    [found] = separation.separate_by_number(table(values=values), "train", ROWS)
    assert 0.35 < found.eer <= 0.5


def test_one_attack_is_told_though_the_class_is_not():
    values = np.random.default_rng(0).permutation(80).astype(float)
    values[40:50] = 1000
    systems = ["-"] * 40 + ["A"] * 10 + ["B"] * 25 + ["rare"] * 5
    found = separation.separate_by_number(table(values=values, systems=systems), "train", ROWS)[0]
    assert list(found.attacks) == ["A", "B"]
    assert found.attacks["A"] == 0
    assert found.attacks["B"] > 0.3


def test_without_speakers_intervals_are_by_utterance_and_with_one_there_are_none():
    values = np.random.default_rng(0).normal(size=80)
    unknown = separation.separate_by_number(
        table(values=values, speakers=["-"] * 80), "train", ROWS
    )[0]
    assert unknown.ci95[0] < unknown.eer < unknown.ci95[1] + 0.1
    one = separation.separate_by_number(table(values=values, speakers=["s"] * 80), "train", ROWS)[0]
    assert one.ci95 is None
    assert one.cautious == one.eer


def test_an_encoding_is_a_clue_too():
    made = table()
    encodings = np.array(["FLAC/PCM_16"] * 40 + ["MP3/MPEG_LAYER_III"] * 40)
    made = dataclasses.replace(
        made, measured=dataclasses.replace(made.measured, encodings=encodings)
    )
    [found] = separation.separate_by_number(made, "train", ROWS)
    assert (found.number, found.eer, found.medians) == ("file_encoding", 0, None)


def test_few_utterances_say_nothing():
    systems = ["-"] * 70 + ["A"] * 10
    assert separation.samples_of(table(systems=systems)) == {}
    assert list(separation.samples_of(table())) == ["train"]


def test_the_small_model_never_saw_the_speaker_it_scores():
    # The number names the speaker, and each speaker has one class: of no use for unseen ones.
    speakers = [f"s{i // 10}" for i in range(80)]
    values = np.repeat(np.random.default_rng(3).permutation(8), 10).astype(float)
    found = probe.separate_by_all(table(values=values, speakers=speakers), "train", ROWS)
    assert found.eer > 0.2
    assert probe.separate_by_all(table(speakers=["s"] * 80), "train", ROWS) is None


def found(number, split, eer, *, high=None, spoof_higher=True, attacks=None):
    return Separation(
        split=split,
        number=number,
        eer=eer,
        ci95=None if high is None else (0.0, high),
        spoof_higher=spoof_higher,
        medians=(3900.0, 7900.0),
        attacks=attacks or {},
    )


def judged(*separations, combined=(), **settings):
    single = {
        split: [one for one in separations if one.split == split]
        for split in ("train", "dev", "eval")
    }
    by_split = {one.split: one for one in combined}
    return shortcuts.find_shortcuts(single, by_split, DataGateConfig(**settings))


def test_the_cautious_end_of_the_interval_decides():
    assert judged(found("seconds", "train", 0.1, high=0.31)) == []
    [finding] = judged(found("seconds", "train", 0.1, high=0.29))
    assert (finding.rule, finding.value, finding.limit) == ("shortcut", 0.29, 0.3)
    assert finding.severity is Severity.WARNING
    assert judged(found("seconds", "train", 0.1, high=0.29), shortcut_eer=0.2) == []


def test_perfect_in_train_and_eval_alike_is_an_error():
    train, evaluated = found("seconds", "train", 0, high=0), found("seconds", "eval", 0.01)
    [finding] = judged(train, evaluated)
    assert (finding.rule, finding.severity) == ("perfect_shortcut", Severity.ERROR)
    assert finding.split == "train and eval"
    [finding] = judged(train, dataclasses.replace(evaluated, spoof_higher=False))
    assert finding.rule == "shortcut"
    [finding] = judged(train, found("seconds", "dev", 0))
    assert finding.rule == "shortcut"
    assert judged(train, evaluated, perfect_shortcut="off", shortcut="off") == []


def test_attacks_that_a_number_tells_are_named():
    [finding] = judged(found("dc_dbfs", "eval", 0.4, high=0.5, attacks={"A1": 0.01, "A2": 0.2}))
    assert finding.rule == "attack_shortcut"
    assert "A1 (eval, 1.00 %)" in finding.message
    assert "A2" not in finding.message
    assert "features.remove_dc=true" in finding.message


def test_all_numbers_together():
    [finding] = judged(combined=[found("all", "dev", 0.1, high=0.2)])
    assert (finding.rule, finding.split) == ("combined_shortcut", "dev")


SECTIONS = {
    "features": FeatureConfig,
    "waveform": WaveformConfig,
    "augment": AugmentConfig,
    "utterances": UtteranceConfig,
}
NOTHING = InForce()
ALL_IN_FORCE = InForce(
    normalisation="utterance",
    remove_dc=True,
    fmax_hz=3000,
    clip_seconds=0.5,
    random_start=True,
    gain_probability=1,
    noise_probability=1,
    degraded_copies=2,
)


@pytest.mark.parametrize("in_force", [NOTHING, ALL_IN_FORCE])
def test_advice_names_only_settings_that_exist(in_force):
    named = 0
    for number in separation.COLUMNS:
        text = advice.advice(found(number, "train", 0.1), in_force)
        for word in text.replace("=", " ").split():
            section, dot, name = word.strip("().,:").partition(".")
            if dot and section in SECTIONS:
                named += 1
                assert name in {field.name for field in dataclasses.fields(SECTIONS[section])}
    assert named >= 8


def test_advice_depends_on_what_is_in_force():
    def told(number, **values):
        return advice.advice(found(number, "train", 0.1), InForce(**values))

    assert told("dc_dbfs") == "Set features.remove_dc=true."
    assert "which is in force, removes it" in told("dc_dbfs", remove_dc=True)
    assert "Set features.fmax_hz=3900" in told("bandwidth_hz")
    assert "utterances.degraded_copies=2" in told("bandwidth_hz")
    assert "degraded_copies" not in told("bandwidth_hz", degraded_copies=1)
    assert "Set" not in told("bandwidth_hz", fmax_hz=3900)
    assert "Set waveform.gain_probability=1" in told("level_dbfs")
    assert "Set" not in told("level_dbfs", gain_probability=1)
    assert "which is in force" in told("level_dbfs", normalisation="utterance")
    assert "=utterance_mean, which" in told("level_dbfs", normalisation="utterance_mean")
    assert "which is in force" in told("level_dbfs", relative_floor_db=-20)
    assert "noise_probability" not in told("noise_floor_dbfs", noise_probability=1)
    assert "relative_floor_db" not in told("noise_floor_dbfs") + told("level_dbfs")
    assert "(-20, which is in force)" in told("noise_floor_dbfs", relative_floor_db=-20)
    assert "which is in force" in told("leading_silence_seconds", random_start=True)
    assert "Set" not in told("seconds", clip_seconds=0.5)
    assert "Set" not in told("file_rate_hz", fmax_hz=1000)


def test_advice_never_recommends_what_measurements_show_to_hurt():
    for number in separation.COLUMNS:
        text = advice.advice(found(number, "train", 0.1), NOTHING)
        assert "Set features.normalisation" not in text
        assert "waveform.band_limit_probability" not in text
        if "normalisation=utterance" in text:
            assert "cost far more than it removed" in text
            assert "docs/measurements/recipes.md" in text


def test_a_language_of_one_class_is_a_shortcut_and_no_error():
    told = table(language=["en"] * 36 + ["de"] * 44)
    [of_language] = separation.separate_by_number(told, "train", ROWS)
    assert (of_language.number, of_language.medians) == ("language", None)
    assert of_language.eer == pytest.approx(0.1, abs=0.01)
    perfect = table(language=["en"] * 40 + ["de"] * 40)
    [same] = separation.separate_by_number(perfect, "train", ROWS)
    assert same.eer == 0
    single = {split: [dataclasses.replace(same, split=split)] for split in ("train", "eval")}
    [finding] = shortcuts.find_shortcuts(single, {}, DataGateConfig())
    assert (finding.rule, finding.severity) == ("shortcut", Severity.WARNING)
    assert finding.subject == "language"
    assert "Add recordings of each value to both classes." in finding.message


def test_a_condition_with_a_value_for_each_utterance_says_nothing():
    assert (
        separation.separate_by_number(table(source=[f"{i}" for i in range(80)]), "train", ROWS)
        == []
    )


def test_what_the_listing_tells_is_counted_by_class():
    told = table(language=["en"] * 36 + ["de"] * 40 + [""] * 4)
    counts = checks.check(told, DataGateConfig(combined_shortcut="off")).figures["splits"]["train"]
    assert counts["conditions"] == {"language": {"de": [4, 36], "en": [36, 0], "": [0, 4]}}
    rows = [
        listing.Listed("train", f"u{i}", "s", "-", "p", (("codec", "opus"),) if i else ())
        for i in range(80)
    ]
    made = make_table(rows, [told.measured])
    assert set(made.metadata) == {"codec"}
    assert made.metadata["codec"].tolist() == [""] + ["opus"] * 79


def test_a_table_knows_the_shard_of_each_utterance():
    first = table().measured
    second = dataclasses.replace(first, utterances=np.array([f"v{i}" for i in range(80)]))
    names = [f"v{i}" for i in range(80)] + [f"u{i}" for i in range(80)]
    rows = [listing.Listed("train", name, "s", "-", "p", ()) for name in names]
    made = make_table(rows, [first, second])
    assert made.utterances[[0, 80]].tolist() == ["u0", "v0"]
    assert made.shards.tolist() == [0] * 80 + [1] * 80


def test_every_number_has_a_title_and_advice():
    assert set(advice.TITLES) == {*separation.COLUMNS, separation.ROUGHNESS, "all"}
    for number in (*separation.COLUMNS, "all"):
        assert advice.advice(found(number, "train", 0.1), NOTHING).endswith(".")


def test_balance():
    speakers = ["s0"] * 40 + ["s1"] * 30 + [f"s{i}" for i in range(10)]
    systems = ["-"] * 40 + ["A"] * 38 + ["B"] * 2
    findings = balance.find_imbalance(
        table(speakers=speakers, systems=systems), DataGateConfig(min_class_share=0.1)
    )
    assert [(one.rule, one.subject, one.value) for one in findings] == [
        ("attack_balance", "B", 2),
        ("speaker_balance", "bona fide", 1),
        ("speaker_balance", "spoof", 31 / 40),
    ]
    few = table(systems=["-"] * 2 + ["A"] * 78)
    [finding] = balance.find_imbalance(few, DataGateConfig(speaker_balance="off"))
    assert (finding.rule, finding.subject, finding.value) == ("class_balance", "bona fide", 0.025)
    unknown = table(speakers=["-"] * 80)
    assert balance.find_imbalance(unknown, DataGateConfig()) == []


def test_a_shard_of_another_balance_than_its_split():
    config = DataGateConfig(speaker_balance="off", max_shard_difference=0.1)
    # Of 40 utterances each: 20 are bona fide, or 25 and 15; one is what dealing leaves over.
    dealt = np.repeat([0, 1, 0, 1], [20, 20, 20, 20])
    assert balance.find_imbalance(table(shards=dealt), config) == []
    uneven = np.repeat([3, 7, 3, 7], [25, 15, 15, 25])
    assert balance.find_imbalance(table(shards=uneven), config) == []  # (5 - 1) / 40
    worse = np.repeat([3, 7, 3, 7], [26, 14, 15, 25])
    [finding] = balance.find_imbalance(table(shards=worse), config)
    assert (finding.rule, finding.subject) == ("shard_balance", "shard 2 of 2")
    assert finding.value == pytest.approx((19.5 - 14 - 1) / 39)
    assert "35.90 % of it is bona fide, and 50.00 % of the split" in finding.message
    # Shards of so few that one utterance is a large share of them.
    assert balance.find_imbalance(table(shards=np.arange(80) // 2 % 27), config) == []


def test_a_listing_that_is_not_of_the_measures():
    made = table()
    rows = [listing.Listed("train", f"u{i}", "s", "-", "p") for i in range(80)]
    assert make_table(rows, [made.measured]).utterances.tolist() == made.utterances.tolist()
    with pytest.raises(TableError, match="differ in u79: the examples are incomplete"):
        make_table(rows[:-1], [made.measured])
