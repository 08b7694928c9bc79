import dataclasses
import json
import pathlib

import pytest
from tfx.dsl.components.base import base_component

from bonafide.corpora.state import CorpusState
from components.data_gate.in_force import InForce
from components.utterance_gen.settings import IngestSettings
from pipeline import config
from pipeline.config import override, sample
from pipeline.fingerprints import Fingerprints
from pipeline.pipeline import Places, create_components, create_pipeline, up_to

FINGERPRINTS = Fingerprints(
    corpus="corpus",
    ingestion_code="i",
    feature_code="f",
    schema_code="s",
    gate_code="g",
    training_code="t",
    champion_code="c",
    evaluation_code="e",
    report_code="r",
    pushing_code="p",
)


@pytest.fixture
def places(tmp_path):
    return Places(
        artifacts=str(tmp_path / "artifacts"),
        serving=str(tmp_path / "serving"),
        checkpoints=str(tmp_path / "checkpoints"),
    )


def build(places, *assignments, fingerprints=FINGERPRINTS):
    components = create_components(
        override(sample(), list(assignments)), places=places, fingerprints=fingerprints
    )
    return {component.id: component for component in components}


def changed(one, other):
    """Ids of the components whose execution properties differ."""
    return {name for name in one if one[name].exec_properties != other[name].exec_properties}


def test_order_in_which_they_run(places, tmp_path):
    settings = sample()
    components = create_components(settings, places=places, fingerprints=FINGERPRINTS)
    graph = create_pipeline(settings, components, places=places, metadata_path=str(tmp_path / "m"))
    order = [component.id for component in graph.components]
    assert sorted(order) == sorted(component.id for component in components)
    for earlier, later in (
        ("UtteranceGen", "StatisticsGen"),
        ("ExampleValidator", "DataGate"),
        ("DataGate", "Transform"),
        ("Transform", "Trainer"),
        ("Trainer", "Champion"),
        ("Champion", "ModelEvaluator"),
        ("ModelEvaluator", "EvalReport"),
        ("EvalReport", "ModelPusher"),
    ):
        assert order.index(earlier) < order.index(later)


def test_what_a_layout_is_told_reaches_the_reader(places):
    told = ["corpus.layout=asvspoof2021-la", "corpus.options=subset=all,trim=notrim"]
    properties = build(places, *told)["UtteranceGen"].exec_properties
    settings = IngestSettings.from_json(properties["settings"])
    assert settings.layout_options == ("subset=all", "trim=notrim")


def test_filesystems_have_their_options_before_the_corpus_is_read(monkeypatch):
    calls = []
    monkeypatch.setattr("pipeline.fingerprints.use_options", calls.append)
    state = CorpusState("corpus", 7)
    monkeypatch.setattr(
        "pipeline.fingerprints.corpus_state", lambda *_: calls.append("read") or state
    )
    Fingerprints.take(sample(), beam_args=["--s3_region_name=here"])
    assert calls == [["--s3_region_name=here"], "read"]


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("gate.max_eer=0.01", {"ModelEvaluator", "EvalReport"}),
        ("data_gate.shared_attacks=off", {"DataGate", "EvalReport"}),
        ("evaluation.seed=4", {"ModelEvaluator", "EvalReport"}),
        ("trainer.epochs=3", {"Trainer", "Champion", "EvalReport"}),
        ("features.num_bands=20", {"Transform", "Trainer", "Champion", "EvalReport"}),
        # DataGate's advice depends on what removes shortcuts already.
        ("features.remove_dc=true", {"Transform", "DataGate", "Trainer", "Champion", "EvalReport"}),
        ("transform.materialize=true", {"Trainer", "Champion", "EvalReport"}),
        ("corpus.layout=auto", {"UtteranceGen", "EvalReport"}),
        ("utterances.seed=5", {"UtteranceGen", "Trainer", "Champion", "EvalReport"}),
    ],
)
def test_a_setting_changes_what_depends_on_it(places, assignment, expected):
    assert changed(build(places), build(places, assignment)) == expected


def test_data_gate_knows_the_settings_that_its_advice_is_about(places):
    components = build(
        places,
        *("features.remove_dc=true", "features.fmax_hz=7000", "features.clip_samples=48000"),
        *("waveform.gain_probability=0.5", "utterances.degraded_copies=2"),
    )
    assert InForce.from_json(components["DataGate"].exec_properties["in_force"]) == InForce(
        normalisation="utterance",
        remove_dc=True,
        fmax_hz=7000,
        clip_seconds=3,
        gain_probability=0.5,
        degraded_copies=2,
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("corpus", {"UtteranceGen", "Trainer", "Champion"}),
        ("ingestion_code", {"UtteranceGen", "Trainer", "Champion"}),
        ("feature_code", {"Transform", "Trainer", "Champion"}),
        ("schema_code", {"CuratedSchema"}),
        ("gate_code", {"DataGate"}),
        ("champion_code", {"Champion"}),
        ("pushing_code", {"ModelPusher"}),
        ("training_code", {"Trainer", "Champion"}),
        ("evaluation_code", {"ModelEvaluator"}),
        ("report_code", {"EvalReport"}),
    ],
)
def test_a_fingerprint_changes_what_depends_on_it(places, field, expected):
    other = dataclasses.replace(FINGERPRINTS, **{field: "changed"})
    assert changed(build(places), build(places, fingerprints=other)) == expected


def given_to_trainer(components):
    config = json.loads(components["Trainer"].exec_properties["custom_config"])
    return config["trainer"]["pretrained"], config["training_fingerprint"]


def test_another_file_of_pretrained_weights_is_another_training(places, tmp_path):
    file = tmp_path / "encoder.h5"
    file.write_bytes(b"one")
    setting = f"trainer.pretrained={file}"
    first, same = build(places, setting), build(places, setting)
    assert changed(first, same) == set()
    assert given_to_trainer(first)[0] == str(file)
    file.write_bytes(b"two")
    assert changed(first, build(places, setting)) == {"Trainer", "Champion"}
    assert changed(build(places), first) == {"Trainer", "Champion", "EvalReport"}


def test_the_trainer_gets_the_folder_of_the_champion(places):
    scratch = build(places, "trainer.pretrained=champion")
    assert given_to_trainer(scratch)[0] == "champion"
    one = push(places, 1)
    first = build(places, "trainer.pretrained=champion")
    assert given_to_trainer(first)[0] == str(one)
    two = push(places, 2)
    second = build(places, "trainer.pretrained=champion")
    assert given_to_trainer(second)[0] == str(two)
    assert changed(first, second) == {"Trainer", "Champion"}
    assert len({given_to_trainer(c)[1] for c in (scratch, first, second)}) == 3


def test_a_run_that_has_pushed_its_model_is_still_in_the_cache(places):
    """From its start until another model is pushed, and then again."""
    for version, other in ((2, 3), (4, 5)):
        before = build(places, "trainer.pretrained=champion")
        start, fingerprint = given_to_trainer(before)
        record = {"training_fingerprint": fingerprint, "settings": {"trainer": {}}}
        record["settings"]["trainer"]["pretrained"] = start
        push(places, version, record)
        assert given_to_trainer(build(places, "trainer.pretrained=champion")) == (
            start,
            fingerprint,
        )
        # With another seed, that model is the one to start from.
        seed = build(places, "trainer.pretrained=champion", "trainer.seed=7")
        assert given_to_trainer(seed)[0] == f"{places.serving}/{version}"
        last = push(places, other)
        assert given_to_trainer(build(places, "trainer.pretrained=champion"))[0] == str(last)


def test_pretrained_weights_that_are_not_there_stop_before_anything_runs(places, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"trainer\.pretrained=.*absent\.h5 does not exist"):
        build(places, f"trainer.pretrained={tmp_path / 'absent.h5'}")
    (push(places, 1) / "assets.extra/conformer.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="folder without assets"):
        build(places, "trainer.pretrained=champion")


def test_without_pretrained_weights_what_is_pushed_changes_no_training(places):
    before = build(places)
    push(places, 1)
    after = build(places)
    assert changed(before, after) == {"Champion"}
    assert given_to_trainer(before)[0] == ""


def push(places, version, record=None):
    folder = pathlib.Path(places.serving) / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra/conformer.weights.h5").write_bytes(b"weights %d" % version)
    (folder / "assets.extra/bonafide.json").write_text(json.dumps(record or {}))
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


def test_materialized_features_go_to_the_trainer_and_the_tuner(places):
    for value, producer in (("true", "Transform"), ("false", "UtteranceGen")):
        components = build(
            places, f"transform.materialize={value}", "tuner.trials=1", "tuner.holdout_attacks="
        )
        for name in ("Trainer", "Tuner"):
            assert components[name].inputs["examples"].producer_component_id == producer


TUNED = "tuner.trials=2"


def test_without_trials_tuning_leaves_no_trace(places):
    plain, other = build(places), build(places, "tuner.epochs=3", "tuner.holdout_attacks=A01")
    assert "Tuner" not in plain
    assert "hyperparameters" not in plain["Trainer"].inputs
    assert changed(plain, other) == set()
    settings = override(sample(), ["tuner.seed=3"])
    assert FINGERPRINTS.training(settings) == FINGERPRINTS.training(sample())
    assert "tuner" not in json.loads(settings.as_text())
    # And with them, what the trainer gets from the settings is the same.
    plain_config, config = (
        json.loads(build(places, *tuned)["Trainer"].exec_properties["custom_config"])
        for tuned in ((), (TUNED,))
    )
    for made_of_fingerprints in ("training_fingerprint", "checkpoint_dir"):
        assert config.pop(made_of_fingerprints) != plain_config.pop(made_of_fingerprints)
    assert config == plain_config


def test_what_tuning_finds_goes_to_the_trainer(places, tmp_path):
    settings = override(sample(), [TUNED])
    components = create_components(settings, places=places, fingerprints=FINGERPRINTS)
    assert [component.id for component in components] == list(settings.components())
    graph = create_pipeline(settings, components, places=places, metadata_path=str(tmp_path / "m"))
    order = [component.id for component in graph.components]
    assert order.index("Transform") < order.index("Tuner") < order.index("Trainer")
    trainer = {component.id: component for component in components}["Trainer"]
    assert trainer.inputs["hyperparameters"].producer_component_id == "Tuner"
    # Nothing is computed on data that failed.
    assert "DataGate" in up_to(components, "Tuner")
    assert "Trainer" not in up_to(components, "Tuner")


@pytest.mark.parametrize(
    "assignment",
    [
        *("tuner.trials=3", "tuner.epochs=2", "tuner.holdout_attacks=A01", "tuner.seed=1"),
        *("tuner.space=conformer.dropout", "conformer.width=48", "trainer.batch_size=8"),
    ],
)
def test_what_changes_tuning_changes_what_follows(places, assignment):
    assert changed(build(places, TUNED), build(places, TUNED, assignment)) >= {
        *("Tuner", "Trainer", "Champion")
    }


@pytest.mark.parametrize("assignment", ["trainer.epochs=3", "trainer.seed=1", "gate.max_eer=0.4"])
def test_what_a_trial_does_not_have_leaves_tuning_in_the_cache(places, assignment):
    assert "Tuner" not in changed(build(places, TUNED), build(places, TUNED, assignment))


def test_tuning_notices_data_and_code(places):
    for field in ("corpus", "ingestion_code", "feature_code", "training_code"):
        other = dataclasses.replace(FINGERPRINTS, **{field: "changed"})
        assert "Tuner" in changed(build(places, TUNED), build(places, TUNED, fingerprints=other))


def test_up_to(places):
    components = create_components(sample(), places=places, fingerprints=FINGERPRINTS)

    assert up_to(components, "UtteranceGen") == {"UtteranceGen"}
    checks = {"UtteranceGen", "CuratedSchema", "StatisticsGen", "ExampleValidator", "DataGate"}
    assert up_to(components, "DataGate") == checks
    # The gate gives Transform nothing to read, and Transform waits for it all the same.
    assert up_to(components, "Transform") == checks | {"Transform"}
    assert up_to(components, "ModelPusher") == {component.id for component in components}
    with pytest.raises(KeyError):
        up_to(components, "Nothing")


def test_names_of_the_components(places):
    assert sorted(build(places)) == sorted(sample().components())
    assert sorted(build(places, TUNED)) == sorted(config.COMPONENTS)


def test_components_are_what_the_runner_expects(places):
    assert all(
        isinstance(component, base_component.BaseComponent) for component in build(places).values()
    )
