import dataclasses
import json
import types

import numpy as np
import pytest

from models.settings.tuner import TunerConfig
from models.training.calibrate import DevCalibration
from models.training.steps import TrainingDivergedError
from models.training.train import TrainingResult
from models.training.trainer import checkpoint_fingerprint, run_fn
from models.tuning import tuner
from models.tuning.trial_record import TrialResult
from models.tuning.tuner import (
    SettingsTuner,
    TuningFailedError,
    make_oracle,
    rounded,
    trial_line,
)
from pipeline.config import override, sample
from tests.models.training.test_train import toy_split

ASSIGNMENTS = [
    "tuner.trials=4",
    "tuner.epochs=2",
    "trainer.device=cpu",
    "trainer.batch_size=8",
    "trainer.crop_frames=12",
    *("conformer.width=8", "conformer.num_blocks=1", "conformer.num_heads=2"),
    *("conformer.kernel_size=3", "conformer.subsampling_channels=4", "conformer.pooling_width=4"),
]


def make_config(tmp_path, *assignments):
    """As the pipeline hands it over: through JSON."""
    config = {
        **override(sample(), [*ASSIGNMENTS, *assignments]).tuning(),
        "materialized": False,
        "tuning_dir": str(tmp_path / "tuning"),
        "tuning_fingerprint": "f",
    }
    return json.loads(json.dumps(config))


def make_tuner(tmp_path, *assignments):
    return SettingsTuner(
        make_config(tmp_path, *assignments),
        train_files=["train"],
        dev_files=["dev"],
        transform_dir="transform",
        working_dir=str(tmp_path / "working"),
    )


def draw(tmp_path, *assignments):
    """The values of all trials of a search, in order."""
    oracle, values = make_oracle(make_config(tmp_path, *assignments)), []
    oracle._set_project_dir(str(tmp_path), "draws")
    while (trial := oracle.create_trial("tuner")).status == "RUNNING":
        values.append(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"dev_eer": 0.5})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return values


@pytest.fixture
def data(monkeypatch):
    """Toy splits in place of files; tells how often they were opened."""
    opened = []

    def open_data(config, transform_output, *, train_files, dev_files):
        assert (transform_output, train_files, dev_files) == ("transform", ["train"], ["dev"])
        opened.append(config["waveform"])
        return [toy_split(29, 0), toy_split(13, 1)]

    monkeypatch.setattr(tuner, "open_data", open_data)
    monkeypatch.setattr(tuner.tft, "TFTransformOutput", lambda path: path)
    return opened


@pytest.fixture
def trained(monkeypatch, data):
    """Replaces training by a list of outcomes, and gives the calls."""

    def replace(*outcomes):
        calls, left = [], list(outcomes)

        def train(train_split, dev_split, **kwargs):
            calls.append(kwargs)
            outcome = left.pop(0)
            if isinstance(outcome, BaseException):
                raise outcome
            state = types.SimpleNamespace(best_dev_eer=outcome)
            return TrainingResult(state, 0.0, 1, DevCalibration, np.zeros(0))

        monkeypatch.setattr(tuner, "train", train)
        return calls

    return replace


def lines(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "bonafide"]


DIVERGED = TrainingDivergedError("the loss of epoch 1 is nan: training has diverged. Lower it")


def test_the_first_trial_has_the_settings_as_they_are_and_the_others_random_ones(tmp_path):
    values = draw(tmp_path, "tuner.trials=6")
    assert len(values) == 6
    assert values[0] == {
        "trainer.learning_rate": 5e-4,
        "trainer.weight_decay": 0.05,
        "conformer.dropout": 0.2,
        "conformer.stochastic_depth": 0.0,
        "augment.spec_augment_probability": 0.8,
        "augment.max_time_mask_frames": 10,
        "augment.max_frequency_mask_bands": 40,
        "augment.mixup_probability": 0.3,
    }
    assert len({json.dumps(drawn) for drawn in values}) == 6
    for drawn in values[1:]:
        assert 2e-4 <= drawn["trainer.learning_rate"] <= 4e-3
        assert drawn["trainer.learning_rate"] == float(f"{drawn['trainer.learning_rate']:.3g}")
        assert type(drawn["augment.max_time_mask_frames"]) is int
        assert 0 <= drawn["augment.max_time_mask_frames"] <= 3  # a quarter of 12


def test_a_seed_draws_the_same_again_and_its_neighbour_others(tmp_path):
    first = draw(tmp_path / "a", "tuner.seed=0")
    assert first == draw(tmp_path / "b", "tuner.seed=0")
    other = draw(tmp_path / "c", "tuner.seed=1")
    assert first[0] == other[0]
    assert not {str(v) for drawn in first[1:] for v in drawn.values() if type(v) is float} & {
        str(v) for drawn in other[1:] for v in drawn.values() if type(v) is float
    }


def test_a_space_with_few_values_ends_the_search_early(tmp_path):
    values = draw(tmp_path, "tuner.trials=50", "tuner.space=augment.max_time_mask_frames")
    assert 4 <= len(values) <= 5  # 10 as configured, and 0 to 3


def test_the_best_trial_is_chosen_and_of_equals_the_first(tmp_path, trained, caplog):
    caplog.set_level("INFO", logger="bonafide")
    calls = trained(0.3, 0.2, 0.25, 0.2)
    tuner = make_tuner(tmp_path)
    tuner.search()
    [best] = tuner.get_best_hyperparameters()
    assert best.values["trainer.learning_rate"] == calls[1]["settings"].learning_rate
    assert best.get_config()["values"] == best.values
    shown = lines(caplog)
    assert shown[0] == (
        "tuning: 4 trials of 2 epochs, compared on attacks that they do not train on (A05, A06)"
    )
    assert shown[1].startswith("trial 1/4  dev EER 30.0 %  best so far 30.0 % (trial 1)  learning_")
    assert " (as configured)  " in shown[1]
    assert shown[4].startswith("trial 4/4  dev EER 20.0 %  best so far 20.0 % (trial 2)  learning_")
    assert shown[4].endswith("  done")
    assert len(shown) == 5


def test_a_trial_trains_with_its_values_and_the_epochs_and_seed_of_tuning(tmp_path, trained, data):
    calls = trained(*[0.3] * 4)
    make_tuner(tmp_path, "tuner.seed=6", "trainer.seed=9", "tuner.holdout_attacks=A03").search()
    for call in calls:
        settings = call["settings"]
        assert (settings.epochs, settings.seed, settings.batch_size) == (2, 6, 8)
        assert settings.holdout_attacks == ("A03",)
        assert call["conformer"].width == 8
    for part, field in (("conformer", "dropout"), ("augment", "mixup_probability")):
        assert len({getattr(call[part], field) for call in calls}) == 4
    # Each keeps its checkpoints for itself, and none takes up those of another.
    assert len({call["checkpoint_dir"] for call in calls}) == 4
    assert len({call["fingerprint"] for call in calls}) == 4
    assert len(data) == 1


def test_waveforms_that_are_searched_are_opened_for_every_trial(tmp_path, trained, data):
    trained(*[0.3] * 4)
    make_tuner(tmp_path, "tuner.space=waveform.noise_probability").search()
    assert len(data) == 4
    assert data[0]["noise_probability"] == 0.0


def test_a_trial_that_diverges_does_not_end_the_search(tmp_path, trained, caplog):
    caplog.set_level("INFO", logger="bonafide")
    trained(DIVERGED, 0.4, DIVERGED, DIVERGED)
    tuner = make_tuner(tmp_path)
    tuner.search()
    [best] = tuner.get_best_hyperparameters()
    assert best.values == tuner.oracle.trials["1"].hyperparameters.values
    shown = lines(caplog)
    assert shown[1].startswith(
        "trial 1/4  failed: the loss of epoch 1 is nan  learning_rate 0.0005"
    )
    assert shown[3].startswith("trial 3/4  failed: the loss of epoch 1 is nan  best so far 40.0 %")
    assert not (tmp_path / "tuning").exists()


def test_if_all_diverge_that_is_an_error_with_advice(tmp_path, trained):
    trained(*[DIVERGED] * 4)
    with pytest.raises(
        TuningFailedError, match=r"none of the 4 tuning trials .* is nan: .* Lower it"
    ):
        make_tuner(tmp_path).search()
    assert not (tmp_path / "tuning").exists()  # the next run tries again


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_another_error_ends_the_search_and_the_next_goes_on(tmp_path, trained, caplog, error):
    caplog.set_level("INFO", logger="bonafide")
    calls = trained(0.3, DIVERGED, error)
    with pytest.raises(type(error)):
        make_tuner(tmp_path).search()
    more = trained(0.1, 0.2)
    # Of the second, killed before it could tidy up.
    (tmp_path / "tuning" / "trial-1").mkdir(parents=True)
    (tmp_path / "tuning" / "trial-1" / "checkpoint-00001.npz").touch()
    tuner = make_tuner(tmp_path)
    tuner.search()
    assert "resumed after trial 2/4" in lines(caplog)
    # The third has the same values and finds the checkpoints that it had left.
    del more[0]["placement"], calls[2]["placement"]
    assert more[0] == calls[2]
    [best] = tuner.get_best_hyperparameters()
    assert best.values["conformer.dropout"] == more[0]["conformer"].dropout
    assert [trial.status for trial in tuner.oracle.trials.values()] == [
        *("COMPLETED", "FAILED", "COMPLETED", "COMPLETED")
    ]
    assert not (tmp_path / "tuning").exists()


def test_attacks_that_are_not_there_are_told_by_the_name_of_the_setting(tmp_path, monkeypatch):
    def open_data(*_, **__):
        raise ValueError("trainer.holdout_attacks: there is no A05 in the dev split")

    monkeypatch.setattr(tuner, "open_data", open_data)
    monkeypatch.setattr(tuner.tft, "TFTransformOutput", lambda path: path)
    with pytest.raises(ValueError, match="there is no A05") as caught:
        make_tuner(tmp_path).search()
    assert "tuner.holdout_attacks" in caught.value.__notes__[0]


def test_real_trials_leave_nothing_behind_and_say_one_line_each(tmp_path, data, caplog, capsys):
    caplog.set_level("DEBUG", logger="bonafide")
    tuner = make_tuner(tmp_path, "tuner.trials=2")
    tuner.search()
    shown = [r.getMessage() for r in caplog.records if r.levelname != "DEBUG"]
    assert [line.partition("  ")[0] for line in shown if line.startswith("trial")] == [
        *("trial 1/2", "trial 2/2")
    ]
    assert not [line for line in shown if line.startswith(("epoch", "device", "exported"))]
    assert [r.getMessage() for r in caplog.records if r.getMessage().startswith("epoch 2/2")]
    scores = [trial.score for trial in tuner.oracle.trials.values()]
    assert len(scores) == 2
    assert all(0 <= score <= 1 for score in scores)
    assert not (tmp_path / "tuning").exists()
    # As TFX does; what KerasTuner prints is no log line.
    capsys.readouterr()
    tuner.search_space_summary()
    tuner.results_summary()
    assert capsys.readouterr().out == ""


def test_line_of_a_trial():
    result = TrialResult({"conformer.dropout": 0.25}, dev_eer=0.123)
    assert trial_line(3, 20, result, (0.1, 2), seconds_left=130) == (
        "trial  3/20  dev EER 12.3 %  best so far 10.0 % (trial 2)  dropout 0.25  2 min 10 s left"
    )


def test_rounding():
    assert [rounded(v) for v in (0.00123456, 0.5, 7, 123)] == [0.00123, 0.5, 7, 123]
    assert type(rounded(7)) is int


def test_training_takes_what_tuning_found(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "models.training.trainer.train_and_export", lambda *a, **k: calls.append((a, k))
    )
    config = {**sample().training(), "training_fingerprint": "f"}
    fn_args = types.SimpleNamespace(
        custom_config=config,
        hyperparameters={"space": [], "values": {"trainer.learning_rate": 2e-4}},
        train_files=[],
        eval_files=[],
        transform_graph_path="t",
        model_run_dir="r",
        serving_model_dir="s",
    )
    run_fn(fn_args)
    fn_args.hyperparameters = None
    run_fn(fn_args)
    [((tuned,), _), ((plain,), _)] = calls
    assert tuned["tuned"] == {"trainer.learning_rate": 2e-4}
    assert tuned["trainer"] == {**config["trainer"], "learning_rate": 2e-4}
    assert plain == config


def test_checkpoints_belong_to_the_values_that_tuning_found():
    assert checkpoint_fingerprint("f", {}) == "f"
    one, two = (checkpoint_fingerprint("f", {"conformer.dropout": rate}) for rate in (0.1, 0.2))
    assert len({"f", one, two}) == 3


def test_the_settings_of_a_trial_are_whole():
    settings = override(sample(), ["tuner.trials=2"])
    assert TunerConfig(**settings.tuning()["tuner"]) == settings.tuner
    changed = dataclasses.replace(settings.trainer, epochs=99, seed=5)
    assert dataclasses.replace(settings, trainer=changed).tuning() == settings.tuning()
