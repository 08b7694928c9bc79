import dataclasses
import json
import logging
import pathlib
import shutil

import pytest
import tensorflow_model_analysis as tfma
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from bonafide.dataset.listing import LISTING_FILE
from bonafide.metrics.calibration import cllr
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.gate import GateConfig, Verdict
from bonafide.registry import champion as finder
from bonafide.report import evaluation_files
from bonafide.report.review import tfma_results, views
from components.model_evaluator import tfma_validation
from components.model_evaluator.component import ModelEvaluator
from components.model_evaluator.executor import ChampionError, Executor
from components.model_evaluator.settings import EvaluatorSettings
from components.model_evaluator.summary import read_evaluation

# Overall EER: `good` 0, `fair` 1/4 (of A07 1/2).
SCORES = {
    "good": {"-": [1.0, 2.0, 3.0, 4.0], "A07": [-1.0, 0.0], "A08": [-2.0, -3.0]},
    "fair": {"-": [1.0, 2.0, 3.0, 4.0], "A07": [2.5, 0.0], "A08": [-2.0, -3.0]},
}
# What lets all of this pass; tests tighten one rule.
LAX = {
    "max_eer": 1.0,
    "max_regression": 1.0,
    "max_relative_regression": 1000.0,
    "max_reference_regression": 1.0,
    "max_calibration_loss": 10.0,
    "min_bonafide": 4,
    "min_spoof": 4,
    "min_speakers": 4,
}


class World:
    """Artifacts in a folder, and the real executor on them."""

    def __init__(self, root, save_detector):
        self.root = root
        self.save_detector = save_detector
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(root / "examples")
        self.examples.splits = ["train", "dev", "eval"]

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

    def listing(self, *, train=(("T0", "A01"),)):
        rows = ["split\tutterance\tspeaker\tsystem\tpath"]
        rows += [f"train\tX{n}\t{who}\t{what}\tx.flac" for n, (who, what) in enumerate(train)]
        rows += [f"eval\tU{n:04d}\tS{n % 4}\tA07\tu.flac" for n in range(8)]
        (self.root / "examples" / LISTING_FILE).write_text("\n".join(rows) + "\n")

    def evaluate(
        self, feature, champion, *, force="", asv=None, cue_utterances=0, conditions=(), **gate
    ):
        outputs = {
            "evaluation": standard_artifacts.ModelEvaluation(),
            "blessing": standard_artifacts.ModelBlessing(),
            "scores": standard_artifacts.InferenceResult(),
        }
        for name, artifact in outputs.items():
            artifact.uri = str(self.root / name)
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
                "settings": EvaluatorSettings(
                    gate=GateConfig(**LAX | gate),
                    resamples=200,
                    cue_utterances=cue_utterances,
                    conditions=tuple(conditions),
                    force_blessing_reason=force,
                ).to_json(),
                "asv_error_rates": json.dumps(asv or {}),
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
    for split in ("dev", "eval"):
        write_trials(tmp_path / "examples" / f"Split-{split}", make_trials(**SCORES))
    made = World(tmp_path, save_detector)
    made.listing()
    return made


def test_blesses_without_a_champion(world, caplog):
    # The model says how it was calibrated: raw scores were half as large, and 1 higher.
    extra = world.root / "model" / "Format-Serving" / "assets.extra"
    extra.mkdir(parents=True)
    record = {"calibration": {"slope": 2.0, "offset": -2.0, "note": ""}}
    (extra / "bonafide.json").write_text(json.dumps(record))
    asv = {"eval": {"false_accept": 0.02, "miss": 0.03, "spoof_miss": 0.2}}
    with caplog.at_level(logging.INFO, logger="bonafide"):
        blessing = world.evaluate("fair", world.champion(), force="if it is needed", asv=asv)
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("current_model") == str(world.root / "model")
    # A blessing that was earned carries no trace of one that was asked for.
    assert world.blessing_files == ["BLESSED"]
    assert not blessing.has_custom_property("forced_blessing_reason")
    summary = world.summary
    assert summary.eer.value == 0.25
    assert summary.per_attack == {"A07": 0.5, "A08": 0.0}
    assert (summary.passed, summary.failures, summary.champion_eer) == (True, (), None)
    assert (summary.n_bonafide, summary.n_spoof) == (4, 4)
    assert "eval EER 25.00 %" in caplog.text
    assert "gate passed" in caplog.text

    # The same figures from the score files, as anyone would compute them.
    trials = evaluation_files.read_trials(str(world.root / "scores"), "eval")
    dev = evaluation_files.read_trials(str(world.root / "scores"), "dev")
    again = evaluate(trials, dev=dev, resamples=200, seed=1)
    written = json.loads((world.root / "evaluation" / "evaluation.json").read_text())
    assert written["eer"] == again.figures["eer"].value
    assert tuple(written["eer_ci95"]) == again.figures["eer"].ci95
    assert written["operating_points"][0]["chosen_on"] == "dev"
    assert 0 < written["min_tdcf_legacy"] <= 1
    on_dev = json.loads((world.root / "evaluation" / "dev.json").read_text())
    assert on_dev["eer"] == 0.25
    assert on_dev["min_tdcf_legacy"] is None
    files = sorted(path.name for path in (world.root / "scores").iterdir())
    forms = ("protocol", "scores", "submission")
    assert files == [f"{split}.{form}.txt" for split in ("dev", "eval") for form in forms]
    assert (world.root / "scores" / "eval.scores.txt").read_text().startswith("U0000 - bonafide ")

    context = json.loads((world.root / "evaluation" / "context.json").read_text())
    before, after = context["calibration"]["cllr"]["eval"]
    assert after == cllr(trials.scores, trials.is_bonafide)
    assert before == cllr((trials.scores + 2) / 2, trials.is_bonafide)
    # TFMA's own views of both splits are there, and nothing unfinished.
    for folder in ("evaluation", "evaluation/dev"):
        result = tfma.load_eval_result(str(world.root / folder))
        [overall] = [metrics for key, metrics in result.slicing_metrics if key == ()]
        assert overall["score"][""]["eer"]["doubleValue"] == 0.25
    assert not (world.root / "evaluation" / ".rows").exists()


def test_shortcuts_are_taken_out_of_some_utterances(world, caplog):
    with caplog.at_level(logging.INFO, logger="bonafide"):
        world.evaluate("fair", world.champion(), cue_utterances=100)
    removal = evaluation_files.read_cue_removal(str(world.root / "evaluation"))
    # This model's scores do not come from the samples.
    assert (removal.n_bonafide, removal.n_spoof) == (4, 4)
    assert [result.eer.value for result in removal.results.values()] == [0.25] * 4
    assert removal.results["trimmed"].difference.value == 0
    assert removal.results["trimmed"].rates is not None
    scores = (world.root / "scores" / "eval.trimmed_levelled.scores.txt").read_text()
    assert scores == (world.root / "scores" / "eval.scores.txt").read_text()
    assert not (world.root / "evaluation" / ".treated").exists()
    assert "EER as recorded 25.00 %; trimmed 25.00 %, levelled 25.00 %" in caplog.text


def test_eval_is_scored_under_conditions(world, caplog):
    with caplog.at_level(logging.INFO, logger="bonafide"):
        world.evaluate(
            "fair",
            world.champion(),
            cue_utterances=100,
            conditions=["mp3:64k", "highpass:300|alaw"],
            max_condition_far=0.9,
        )
    found = evaluation_files.read_conditions(str(world.root / "evaluation"))
    assert list(found.results) == ["as_recorded", "mp3:64k", "highpass:300|alaw"]
    assert found.results["mp3:64k"].far_difference.value == 0  # no samples in these scores
    scores = (world.root / "scores" / "eval.highpass-300+alaw.scores.txt").read_text()
    assert scores == (world.root / "scores" / "eval.scores.txt").read_text()
    assert "under 2 conditions: most spoofs accepted (FAR): " in caplog.text
    rules = json.loads((world.root / "evaluation" / "verdict.json").read_text())["rules"]
    assert "max_condition_far" in [rule["name"] for rule in rules]
    # Shortcuts stay apart from conditions.
    removal = evaluation_files.read_cue_removal(str(world.root / "evaluation"))
    assert len(removal.results) == 4


def test_without_cue_removal_nothing_is_said_of_it(world, caplog):
    with caplog.at_level(logging.INFO, logger="bonafide"):
        world.evaluate("fair", world.champion())
    assert evaluation_files.read_cue_removal(str(world.root / "evaluation")) is None
    assert "as recorded" not in caplog.text


def test_refuses_above_the_bound(world):
    """The bound is for the upper end of the interval, though the EER itself is below it."""
    blessing = world.evaluate("fair", world.champion(), max_eer=0.3)
    assert blessing.get_int_custom_property("blessed") == 0
    assert world.blessing_files == ["NOT_BLESSED"]
    assert world.summary.passed is False
    assert world.summary.eer.value == 0.25
    [failure] = world.summary.failures
    upper = world.summary.eer.ci95[1]
    assert upper > 0.3
    assert failure.startswith("EER on eval, upper end of its 95 % interval by speakers: ")
    assert f"{100 * upper:.2f} %" in failure
    assert "at most 30.00 %" in failure


def test_refuses_a_regression_against_the_champion(world):
    blessing = world.evaluate("fair", world.champion("good"), max_regression=0.05)
    assert blessing.get_int_custom_property("blessed") == 0
    assert world.summary.champion_eer == 0.0
    assert world.summary.difference.value == 0.25
    [failure] = world.summary.failures
    assert "EER difference from the champion" in failure
    theirs = evaluation_files.read_champion_scores(str(world.root / "scores"))
    assert theirs.tolist() == [score for scores in SCORES["good"].values() for score in scores]
    context = json.loads((world.root / "evaluation" / "context.json").read_text())
    assert context["champion"]["version"] == "41"
    assert context["champion"]["source"] == f"{world.root}/serving/41"


def test_losses_of_earlier_promotions_are_added_up(world):
    champion = world.champion("fair")  # an EER of 25 %, as the new model's
    extra = pathlib.Path(champion.uri) / "Format-Serving" / "assets.extra"
    extra.mkdir(exist_ok=True)
    (extra / "evaluation.json").write_text(json.dumps({"reference": {"delta_eer": 0.125}}))
    blessing = world.evaluate("fair", champion, max_reference_regression=0.1)
    assert blessing.get_int_custom_property("blessed") == 0
    [failure] = world.summary.failures
    assert failure.startswith("EER difference from the best version so far")
    assert "12.50 points, expected at most 10.00 points" in failure
    written = json.loads((world.root / "evaluation" / "evaluation.json").read_text())
    assert written["reference"]["delta_eer"] == 0.125
    # The first version has lost nothing.
    (extra / "evaluation.json").unlink()
    blessing = world.evaluate("fair", champion, max_reference_regression=0.1)
    assert blessing.get_int_custom_property("blessed") == 1


def test_refuses_speakers_and_attacks_that_training_had(world):
    world.listing(train=(("S1", "A01"), ("S3", "A07")))
    world.evaluate("good", world.champion())
    speakers, attacks = world.summary.failures
    assert "S1, S3" in speakers
    assert "A07" in attacks
    world.evaluate("good", world.champion(), allow_attack_overlap=True)
    assert len(world.summary.failures) == 1


def test_scores_that_are_decisions_are_refused(world, make_trials, write_trials):
    flat = {"-": [1.0] * 4, "A07": [0.0] * 4}
    write_trials(world.root / "examples" / "Split-eval", make_trials(good=flat, fair=flat))
    with pytest.raises(ValueError, match=r"scores of eval cannot be evaluated.*decisions"):
        world.evaluate("good", world.champion())


def test_a_forced_blessing_is_on_record(world, caplog):
    with caplog.at_level(logging.WARNING, logger="bonafide"):
        blessing = world.evaluate("fair", world.champion(), max_eer=0.1, force=" demo for review ")
    assert blessing.get_int_custom_property("blessed") == 1
    assert world.blessing_files == ["BLESSED", "forced_blessing.json"]
    record = json.loads((world.root / "blessing" / "forced_blessing.json").read_text())
    assert record["reason"] == "demo for review"
    assert record["failures"] == list(world.summary.failures)
    assert record["date"].endswith("+00:00")
    assert blessing.get_string_custom_property("forced_blessing_reason") == "demo for review"
    assert blessing.get_string_custom_property("forced_blessing_date") == record["date"]
    assert "BLESSING FORCED" in caplog.text
    # What the gate said does not change, for TFMA neither.
    assert world.summary.passed is False
    assert validated(world) == (False, {("", "eer"), ("", "gate/max_eer")})


def validated(world):
    """TFMA's validation result: whether it is ok, and (slice, metric) of each failure."""
    result = tfma.load_validation_result(str(world.root / "evaluation"))
    assert not result.missing_thresholds
    assert not result.missing_slices
    failures = {
        ("".join(key.bytes_value.decode() for key in found.slice_key.single_slice_keys), name)
        for found in result.metric_validations_per_slice
        for name in (failure.metric_key.name for failure in found.failures)
    }
    return result.validation_ok, failures


@pytest.mark.parametrize("champion", [None, "fair"])
def test_tfma_passes_what_the_gate_passes(world, champion):
    world.evaluate("fair", world.champion(champion), max_worst_attack_eer=0.9)
    assert world.summary.passed
    assert validated(world) == (True, set())


@pytest.mark.parametrize(
    ("limits", "failures"),
    [
        # What TFMA computes itself: on the whole of eval, or in the slice of an attack.
        ({"max_worst_attack_eer": 0.4}, {("A07", "eer")}),
        ({"max_calibration_loss": 0.001}, {("", "calibration_loss")}),
        ({"min_bonafide": 5}, {("", "bonafide_count")}),
        ({"min_spoof": 5}, {("", "spoof_count")}),
        # The measured value is too high as well as the end of its interval; then only the end.
        ({"max_eer": 0.1}, {("", "eer"), ("", "gate/max_eer")}),
        ({"max_eer": 0.3}, {("", "gate/max_eer")}),
        # What it cannot compute.
        ({"min_speakers": 5}, {("", "gate/min_speakers")}),
        ({"min_spoof_speakers": 5}, {("", "gate/min_spoof_speakers")}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_tfma_refuses_what_the_gate_refuses(world, limits, failures):
    world.evaluate("fair", world.champion(), **limits)
    assert not world.summary.passed
    assert validated(world) == (False, failures)


def test_tfma_refuses_a_regression(world):
    world.evaluate("fair", world.champion("good"), max_regression=0.05)
    assert validated(world) == (False, {("", "eer"), ("", "gate/max_regression")})
    result = tfma.load_validation_result(str(world.root / "evaluation"))
    [overall] = result.metric_validations_per_slice
    assert {failure.metric_key.model_name for failure in overall.failures} == {"candidate"}
    [ours] = [failure for failure in overall.failures if "/" in failure.metric_key.name]
    assert ours.message == world.summary.failures[0]
    assert ours.metric_value.double_value.value == world.summary.difference.ci95[1]
    assert ours.metric_threshold.value_threshold.upper_bound.value == 0.05


def test_a_rule_that_the_gate_passes_is_no_failure_of_tfma(world):
    """As where the gate leaves out attacks with few trials, which TFMA compares with the limit."""
    world.evaluate("fair", world.champion(), max_worst_attack_eer=0.4, min_speakers=5)
    folder = str(world.root / "evaluation")
    verdict = evaluation_files.read_verdict(folder)
    assert validated(world)[1] == {("A07", "eer"), ("", "gate/min_speakers")}
    passing = [
        dataclasses.replace(rule, passed=True) if rule.name == "max_worst_attack_eer" else rule
        for rule in verdict.rules
    ]
    tfma_validation.complete(folder, Verdict(tuple(r for r in passing if r.passed)))
    assert validated(world) == (True, set())


def test_the_review_reads_what_tfma_wrote(world):
    """Metrics, intervals, differences, bounds and curves of both models."""
    world.evaluate("fair", world.champion("good"), max_worst_attack_eer=0.4)
    results = tfma_results.load(str(world.root / "evaluation"))
    assert results.models == ("new model", "champion")
    assert results.slices == ("all trials", "A07", "A08")
    assert results.validation_ok is False
    overall = results.value("all trials", "new model", "eer")
    assert (overall.value, overall.difference, overall.limits) == (0.25, 0.25, (None, 1.0))
    assert overall.ci95 == world.summary.eer.ci95
    assert results.value("all trials", "champion", "eer").value == 0.0
    a07 = results.value("A07", "new model", "eer")
    assert (a07.value, a07.limits, a07.within) == (0.5, (None, 0.4), False)
    assert results.value("A08", "new model", "spoof_count").limits == (None, None)
    assert results.value("all trials", "new model", "spoof_count").limits == (4, None)
    for model in results.models:
        ends = [m for m in results.matrices if (m.slice, m.model) == ("all trials", model)]
        assert (ends[0].far, ends[0].frr) == (1, 0)  # at the lowest threshold all are accepted
        assert (ends[-1].far, ends[-1].frr) == (0, 1)
        counts = [b.count for b in results.calibration if (b.slice, b.model) == ("A07", model)]
        assert sum(counts) == 6
    page = views.metrics_view(results).page() + views.curves_view(results).page()
    assert "50.00 %" in page


@pytest.mark.parametrize(
    ("kwargs", "missing"),
    [
        ({"signature": "predict"}, "'probability', 'score'"),
        ({"outputs": ("probability",)}, "'score'"),
    ],
    ids=["signature", "output"],
)
def test_a_champion_without_the_signature_is_named(world, kwargs, missing):
    champion = world.champion("good", **kwargs)
    with pytest.raises(ChampionError) as caught:
        world.evaluate("good", champion)
    message = str(caught.value)
    assert f"version 41 (pushed to {world.root}/serving/41)" in message
    assert f"has no output {missing} in a signature 'serving_default'" in message
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
    with pytest.raises(FileNotFoundError, match="contains no finished evaluation"):
        read_evaluation(str(tmp_path))


def test_the_component_has_its_outputs_and_parameters():
    component = ModelEvaluator(
        examples=types.Channel(type=standard_artifacts.Examples),
        model=types.Channel(type=standard_artifacts.Model),
        champion=types.Channel(type=standard_artifacts.Model),
        settings=EvaluatorSettings(
            gate=GateConfig(max_eer=0.1, max_regression=0.01), force_blessing_reason="why"
        ),
        code_fingerprint="c0de",
    )
    assert set(component.outputs) == {"evaluation", "blessing", "scores"}
    assert component.exec_properties["code_fingerprint"] == "c0de"
    settings = EvaluatorSettings.from_json(component.exec_properties["settings"])
    assert settings.force_blessing_reason == "why"
    assert settings.gate == GateConfig(max_eer=0.1, max_regression=0.01)
