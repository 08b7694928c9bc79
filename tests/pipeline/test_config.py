import dataclasses
import subprocess
import sys

import pytest

from bonafide.settings import SettingsError
from bonafide.settings.overrides import values_of
from models.settings.conformer import SIZES
from pipeline.config import PRESETS, override, sample


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_whole_and_named_after_themselves(name):
    settings = PRESETS[name]()
    assert settings.name == name
    assert PRESETS[name].__doc__
    assert settings.features.clip_samples >= settings.features.fft_length


@pytest.mark.parametrize(
    ("assignment", "section", "field", "value"),
    [
        ("trainer.epochs=3", "trainer", "epochs", 3),
        ("trainer.learning_rate=2e-4", "trainer", "learning_rate", 2e-4),
        ("trainer.device=cpu", "trainer", "device", "cpu"),
        ("transform.materialize=true", "transform", "materialize", True),
        ("transform.materialize=0", "transform", "materialize", False),
        ("corpus.name= other ", "corpus", "name", "other"),
        ("corpus.root=gs://bucket/a=b", "corpus", "root", "gs://bucket/a=b"),
        ("trainer.pretrained=gs://bucket/17", "trainer", "pretrained", "gs://bucket/17"),
        ("tuner.holdout_attacks='A01', A03", "tuner", "holdout_attacks", ("A01", "A03")),
        ("waveform.gain_db=-3, 4.5", "waveform", "gain_db", (-3.0, 4.5)),
        ("conformer.halved_after=1,3", "conformer", "halved_after", (1, 3)),
        ("trainer.corpus_weights=la=1,itw=2.5", "trainer", "corpus_weights", ("la=1", "itw=2.5")),
    ],
)
def test_override(assignment, section, field, value):
    changed = override(sample(), [assignment])
    assert getattr(getattr(changed, section), field) == value
    # And nothing else.
    restored = dataclasses.replace(changed, **{section: getattr(sample(), section)})
    assert restored == sample()


def test_every_setting_can_be_set_to_its_own_value():
    settings = sample()
    assignments = [f"{name}={value}" for name, value in values_of(settings).items()]
    assert override(settings, assignments) == settings


def test_assignments_of_a_section_are_checked_together():
    # Each alone would be refused: a window longer than the FFT, a clip shorter than it.
    changed = override(
        sample(),
        ["features.window_samples=2048", "features.fft_length=2048", "features.num_bands=40"],
    )
    assert changed.features.fft_length == 2048


def test_a_section_can_be_taken_by_its_name_and_then_changed():
    changed = override(sample(), ["conformer=S", "conformer.dropout=0.3"])
    assert changed.conformer == dataclasses.replace(SIZES["S"], dropout=0.3)


def test_options_of_a_layout_are_names_with_values():
    assignments = ["corpus.layout=asvspoof2021-la", "corpus.options=subset=all, trim=notrim"]
    changed = override(sample(), assignments)
    assert changed.corpus.options == ("subset=all", "trim=notrim")
    # Which options a corpus takes is known when its layout is.
    assert override(sample(), ["corpus.layout=auto", "corpus.options=subset=all"])


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("trainer.epoch=3", ["trainer.epoch", "trainer.epochs"]),
        ("trainer=3", ["trainer"]),
        ("epochs", ["section.field=value", "epochs"]),
        ("trainer.epochs=three", ["trainer.epochs", "whole number", "three"]),
        ("trainer.epochs=0", ["trainer.epochs", "epochs from 1"]),
        ("transform.materialize=perhaps", ["true or false", "perhaps"]),
        ("trainer.device=abacus", ["trainer.device", "abacus"]),
        ("gate.max_eer=5", ["max_eer", "fraction"]),
        ("corpus.layout=asvspoof2019_la", ["corpus.layout", "Did you mean 'asvspoof2019-la'"]),
        ("corpus.name=", ["a name, got '' (corpus.name"]),
        ("corpus.options=subset", ["corpus.options", "name=value, got 'subset'"]),
        ("corpus.options=subsets=all", ["corpus.options", "Did you mean 'subset'"]),
        (
            "corpus.options=subset=all",
            ["options of the corpus layout asvspoof2019-la (none), got subset"],
        ),
        ("utterances.min_seconds=nan", ["utterances.min_seconds", "finite"]),
        ("utterances.seed=99999999999999999999", ["utterances.seed", "below 2**63"]),
        ("utterances.shard_megabytes=0", ["utterances.shard_megabytes", "MiB from 1 to"]),
        ("utterances.max_rejected_fraction=2", ["utterances.max_rejected_fraction", "0 to 1"]),
        ("utterances.leave_out=colour=red", ["utterances.leave_out", "FIELD=VALUE", "colour=red"]),
        ("trainer.epochs=99999999999999999999", ["trainer.epochs", "to 999,999"]),
        ("gate.max_eer=nan", ["max_eer", "fraction"]),
        ("features.fmax_hz=9000", ["fmax_hz"]),
        ("features.fmax_hz=inf", ["fmax_hz", "finite"]),
        ("trainer.crop_frames=9999", ["crop_frames", "9999", "194 frames"]),
        ("features.clip_samples=2000", ["crop_frames"]),
        ("tuner.trials=-1", ["tuner.trials", "from 0 to 10,000"]),
        (
            "tuner.space=trainer.epochs",
            ["tuner.space", "one of trainer.learning_rate", "got 'trainer.epochs'"],
        ),
        ("waveform.gain_db=1,x", ["waveform.gain_db", "x"]),
        ("waveform.gain_db=1", ["waveform.gain_db", "two numbers"]),
        ("trainer.loss=oc_softmax", ["oc_softmax", "conformer.head=cosine"]),
        ("conformer=XL", ["conformer", "S, M, L", "XL"]),
        ("conformer.halved_after=4", ["halved_after", "from 1 to 3"]),
        ("conformer.halved_after=1,x", ["halved_after", "x"]),
        ("conformer.pooling=mean", ["conformer.pooling", "mean"]),
        ("trainer.corpus_weights=la", ["trainer.corpus_weights", "NAME=NUMBER", "'la'"]),
        ("trainer.corpus_weights=la=0", ["trainer.corpus_weights", "above 0", "'la=0'"]),
        ("trainer.corpus_weights=la=1,la=2", ["trainer.corpus_weights", "not two for la"]),
        ("trainer.mean_removed_members=2", ["at most trainer.members (1)"]),
        ("trainer.members=0", ["trainer.members", "models from 1"]),
        ("conformer.head=cosine", ["trainer.loss=bce", "conformer.head=logit"]),
    ],
)
def test_refused(assignment, words):
    with pytest.raises(SettingsError) as caught:
        override(sample(), [assignment])
    for word in words:
        assert word in str(caught.value)


def test_waveforms_cannot_be_augmented_behind_written_features():
    with pytest.raises(SettingsError, match=r"Set transform\.materialize=false"):
        override(sample(), ["transform.materialize=true", "waveform.random_start=true"])


@pytest.mark.parametrize("without_rows", ["transform.materialize=true", "trainer.cache=none"])
def test_corpora_have_no_weights_where_features_are_not_kept_by_training(without_rows):
    assert override(sample(), [without_rows])
    with pytest.raises(SettingsError, match=r"no weights of corpora with .* trainer\.cache"):
        override(sample(), [without_rows, "trainer.corpus_weights=sample=2"])


@pytest.mark.parametrize(
    "assignment", ["tuner.holdout_attacks=A01", "tuner.space=waveform.noise_probability"]
)
def test_tuning_behind_written_features_holds_nothing_out(assignment):
    written = ["transform.materialize=true", "tuner.trials=2", "tuner.holdout_attacks="]
    override(sample(), written)
    with pytest.raises(SettingsError, match=r"leave tuner\.holdout_attacks empty"):
        override(sample(), [*written, assignment])


def test_a_trial_holds_out_what_the_trainer_does_where_tuning_says_nothing():
    changed = override(sample(), ["trainer.holdout_attacks=A01", "tuner.holdout_attacks="])
    assert changed.tuning()["trainer"]["holdout_attacks"] == ("A01",)
    assert sample().tuning()["trainer"]["holdout_attacks"] == ("A05", "A06")


def test_training_settings_leave_out_the_gate():
    changed = override(sample(), ["gate.max_eer=0.123", "transform.materialize=true"])
    assert changed.training() == sample().training()
    assert override(sample(), ["trainer.seed=9"]).training() != sample().training()


def test_settings_need_no_framework():
    program = (
        "import sys, pipeline.config\n"
        "heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
