import json
import logging
import pathlib
import shutil

import pytest
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils, proto_utils

from components.champion import finder
from components.model_evaluator import ModelEvaluator
from components.model_evaluator.executor import ChampionError, Executor
from components.model_evaluator.summary import read_evaluation
from pipeline.config import GateConfig
from pipeline.gate import make_eval_config

# Overall EER: `good` 0, `fair` 1/4 (of A07 1/2).
SCORES = {
    "good": {"-": [1.0, 2.0, 3.0, 4.0], "A07": [-1.0, 0.0], "A08": [-2.0, -3.0]},
    "fair": {"-": [1.0, 2.0, 3.0, 4.0], "A07": [2.5, 0.0], "A08": [-2.0, -3.0]},
}


class World:
    """Artifacts in a folder, and the real executor on them."""

    def __init__(self, root, save_detector):
        self.root = root
        self.save_detector = save_detector
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(root / "examples")
        self.examples.splits = ["eval"]

    def model(self, feature):
        artifact = standard_artifacts.Model()
        artifact.uri = str(self.root / "model")
        self.save_detector(self.root / "model" / "Format-Serving", feature)
        return artifact

    def champion(self, feature=None, **kwargs):
        """Returns an output of Champion for a pushed model, or for an empty serving folder."""
        artifact = standard_artifacts.Model()
        artifact.uri = str(self.root / "champion")
        if feature is not None:
            self.save_detector(self.root / "serving" / "41", feature, **kwargs)
        serving = str(self.root / "serving")
        version = finder.find_champion(serving, "mine")
        finder.save_champion(destination=serving, version=version, uri=artifact.uri)
        return artifact

    def evaluate(self, feature, champion, *, max_eer=0.5, max_regression=0.0, force=""):
        outputs = {
            "evaluation": standard_artifacts.ModelEvaluation(),
            "blessing": standard_artifacts.ModelBlessing(),
        }
        for name, artifact in outputs.items():
            artifact.uri = str(self.root / name)
        config = make_eval_config(GateConfig(max_eer=max_eer, max_regression=max_regression))
        context = base_beam_executor.BaseBeamExecutor.Context(
            # The image is not used; without it TFX packs its own source first.
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"]
        )
        Executor(context).Do(
            {
                "examples": [self.examples],
                "model": [self.model(feature)],
                "baseline_model": [champion],
            },
            {name: [artifact] for name, artifact in outputs.items()},
            {
                "eval_config": proto_utils.proto_to_json(config),
                "example_splits": json_utils.dumps(["eval"]),
                "fairness_indicator_thresholds": "null",
                "force_blessing_reason": force,
            },
        )
        return outputs["blessing"]

    @property
    def summary(self):
        return read_evaluation(str(self.root / "evaluation"))

    @property
    def blessing_files(self):
        return sorted(path.name for path in (self.root / "blessing").iterdir())


@pytest.fixture
def world(tmp_path, make_trials, write_trials, save_detector):
    write_trials(tmp_path / "examples" / "Split-eval", make_trials(**SCORES))
    return World(tmp_path, save_detector)


def test_blesses_without_a_champion(world, caplog):
    with caplog.at_level(logging.INFO, logger="bonafide"):
        blessing = world.evaluate("fair", world.champion(), force="only if it is needed")
    assert blessing.get_int_custom_property("blessed") == 1
    # A blessing that was earned carries no trace of one that was asked for.
    assert world.blessing_files == ["BLESSED"]
    assert not blessing.has_custom_property("forced_blessing_reason")
    summary = world.summary
    assert summary.eer == 0.25
    assert summary.per_attack == {"A07": 0.5, "A08": 0.0}
    assert (summary.passed, summary.failures, summary.champion_eer) == (True, (), None)
    assert (summary.n_bonafide, summary.n_spoof) == (4, 4)
    assert "eval EER 25.00%; gate passed" in caplog.text


def test_refuses_above_the_bound(world):
    blessing = world.evaluate("fair", world.champion(), max_eer=0.1)
    assert blessing.get_int_custom_property("blessed") == 0
    assert world.blessing_files == ["NOT_BLESSED"]
    assert world.summary.passed is False
    assert world.summary.failures == ("eer is 25.00%; at most 10.00% passes",)


def test_refuses_a_regression_against_the_champion(world):
    blessing = world.evaluate("fair", world.champion("good"), max_regression=0.05)
    assert blessing.get_int_custom_property("blessed") == 0
    assert world.summary.eer == 0.25
    assert world.summary.champion_eer == 0.0
    assert world.summary.per_attack == {"A07": 0.5, "A08": 0.0}
    assert world.summary.failures == (
        "eer is 25.00 points above the champion's 0.00%; 5.00 points are allowed",
    )


def test_a_forced_blessing_is_on_record(world, caplog):
    with caplog.at_level(logging.WARNING, logger="bonafide"):
        blessing = world.evaluate("fair", world.champion(), max_eer=0.1, force=" demo for review ")
    assert blessing.get_int_custom_property("blessed") == 1
    assert world.blessing_files == ["BLESSED", "forced_blessing.json"]
    record = json.loads((world.root / "blessing" / "forced_blessing.json").read_text())
    assert record["reason"] == "demo for review"
    assert record["failures"] == ["eer is 25.00%; at most 10.00% passes"]
    assert record["date"].endswith("+00:00")
    assert blessing.get_string_custom_property("forced_blessing_reason") == "demo for review"
    assert blessing.get_string_custom_property("forced_blessing_date") == record["date"]
    assert "BLESSING FORCED" in caplog.text
    assert world.summary.passed is False  # what the gate said does not change


@pytest.mark.parametrize(
    "kwargs", [{"signature": "predict"}, {"outputs": ("probability",)}], ids=["signature", "output"]
)
def test_a_champion_without_the_signature_is_named(world, kwargs):
    champion = world.champion("good", **kwargs)
    with pytest.raises(ChampionError) as caught:
        world.evaluate("good", champion)
    message = str(caught.value)
    assert f"version 41 (pushed to {world.root}/serving/41)" in message
    assert "has no output 'score' in a signature 'serving_default'" in message
    assert "Move that version out of the serving folder" in message


def test_a_champion_for_another_sample_rate_is_named(world):
    champion = world.champion("good")
    for model, rate in (("champion", 8000), ("model", 16000)):
        extra = world.root / model / "Format-Serving" / "assets.extra"
        extra.mkdir(parents=True)
        facts = {"settings": {"features": {"sample_rate": rate}}}
        (extra / "bonafide.json").write_text(json.dumps(facts))
    with pytest.raises(ChampionError, match=r"version 41 .*8000 Hz, the new model 16000 Hz"):
        world.evaluate("good", champion)


def test_a_damaged_champion_is_named(world):
    champion = world.champion("good")
    saved = pathlib.Path(champion.uri) / "Format-Serving" / "saved_model.pb"
    saved.write_bytes(saved.read_bytes()[:-7])
    with pytest.raises(ChampionError, match=r"version 41 .* is damaged"):
        world.evaluate("good", champion)


def test_a_champion_that_does_not_load_is_named(world):
    champion = world.champion("good")
    shutil.rmtree(pathlib.Path(champion.uri) / "Format-Serving" / "variables")
    with pytest.raises(ChampionError, match=r"version 41 .* does not load"):
        world.evaluate("good", champion)


def test_another_failure_is_not_blamed_on_the_champion(world):
    champion = world.champion("good")
    shutil.rmtree(world.examples.uri)
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever Beam raises)
        world.evaluate("good", champion)
    assert not isinstance(caught.value, ChampionError)
    assert any("version 41" in note for note in caught.value.__notes__)


def test_no_evaluation_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no evaluation"):
        read_evaluation(str(tmp_path))


def test_the_component_has_the_stock_outputs_and_its_own_parameters():
    component = ModelEvaluator(
        examples=types.Channel(type=standard_artifacts.Examples),
        model=types.Channel(type=standard_artifacts.Model),
        champion=types.Channel(type=standard_artifacts.Model),
        eval_config=make_eval_config(GateConfig(max_eer=0.1, max_regression=0.01)),
        code_fingerprint="c0de",
        force_blessing_reason="why",
    )
    assert set(component.outputs) == {"evaluation", "blessing"}
    assert component.exec_properties["code_fingerprint"] == "c0de"
    assert component.exec_properties["force_blessing_reason"] == "why"
    assert '"EqualErrorRate"' in component.exec_properties["eval_config"]
