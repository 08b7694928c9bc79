import json

import pytest
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from bonafide.registry import champion as finder
from bonafide.registry import names
from components.champion.component import Champion
from components.champion.executor import Executor


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "serving" / "bonafide"


def add_version(destination, version, fingerprint, *, complete=True):
    folder = destination / str(version)
    (folder / names.EXTRA_DIR).mkdir(parents=True)
    if fingerprint is not None:
        settings = {"training_fingerprint": fingerprint, "seed": 1}
        (folder / names.EXTRA_DIR / "bonafide.json").write_text(json.dumps(settings))
    if complete:
        (folder / names.MODEL_FILE).write_text(f"graph {version}")
    return folder


def test_no_folder_and_an_empty_folder_have_no_champion(destination):
    assert finder.find_champion(str(destination), "f") is None
    destination.mkdir(parents=True)
    assert finder.find_champion(str(destination), "f") is None


def test_the_newest_of_another_training_wins(destination):
    for version, fingerprint in ((9, "old"), (100, "other"), (101, "mine"), (102, "mine")):
        add_version(destination, version, fingerprint)
    add_version(destination, 103, "newer", complete=False)
    add_version(destination, "candidate", "newer")
    assert finder.find_champion(str(destination), "mine") == "100"
    assert finder.find_champion(str(destination), "other") == "102"
    assert finder.find_champion(str(destination), "new") == "102"


def test_its_own_push_does_not_change_the_answer(destination):
    add_version(destination, 1, "before")
    assert finder.find_champion(str(destination), "mine") == "1"
    add_version(destination, 2, "mine")
    assert finder.find_champion(str(destination), "mine") == "1"


@pytest.mark.parametrize("content", [None, "not json", "[]", "{}", '"text"'])
def test_a_model_without_a_readable_fingerprint_is_a_model_to_beat(destination, content):
    folder = add_version(destination, 5, None)
    if content is not None:
        (folder / names.EXTRA_DIR / "bonafide.json").write_text(content)
    assert finder.find_champion(str(destination), "mine") == "5"


def test_the_state_is_that_of_the_champion_and_of_what_is_in_it(destination):
    seen = [finder.champion_state(str(destination), "mine")]
    assert seen == ["none"]
    add_version(destination, 1, "mine")
    assert finder.champion_state(str(destination), "mine") == "none"
    one = add_version(destination, 2, "other")
    seen.append(finder.champion_state(str(destination), "mine"))
    (one / names.MODEL_FILE).write_text("another graph")
    seen.append(finder.champion_state(str(destination), "mine"))
    (one / names.EXTRA_DIR / "bonafide.json").write_text("{}")
    seen.append(finder.champion_state(str(destination), "mine"))
    assert len(set(seen)) == 4
    assert all(state.startswith("2 ") for state in seen[1:])


def test_a_champion_that_came_meanwhile_ends_the_run(tmp_path, destination):
    known = finder.champion_state(str(destination), "mine")
    run(tmp_path, destination, "mine", known)
    folder = add_version(destination, 7, "other")
    with pytest.raises(finder.ChampionChangedError, match=r"was none and is 7.*Run again"):
        run(tmp_path, destination, "mine", known)
    known = finder.champion_state(str(destination), "mine")
    (folder / names.MODEL_FILE).write_text("another graph")
    with pytest.raises(finder.ChampionChangedError, match=r"is still 7, with other content"):
        run(tmp_path, destination, "mine", known)


def run(tmp_path, destination, fingerprint, known_state=""):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "artifact")
    Executor(base_executor.BaseExecutor.Context()).Do(
        {},
        {"model": [model]},
        {
            "push_destination": str(destination),
            "training_fingerprint": fingerprint,
            "known_state": known_state,
        },
    )
    return model


def test_the_champion_is_copied_and_described(tmp_path, destination):
    source = add_version(destination, 7, "other")
    model = run(tmp_path, destination, "mine")
    path = finder.champion_model_path(model.uri)
    assert path == f"{model.uri}/Format-Serving"
    (source / names.MODEL_FILE).unlink()  # the evidence does not hang on the serving folder
    assert (tmp_path / "artifact" / "Format-Serving" / names.MODEL_FILE).read_text() == "graph 7"
    assert finder.describe_champion(model.uri) == (
        f"the champion, version 7 (pushed to {destination}/7)"
    )
    assert model.get_string_custom_property("champion_version") == "7"


def test_running_again_after_a_kill_replaces_what_is_there(tmp_path, destination):
    add_version(destination, 7, "other")
    run(tmp_path, destination, "mine")
    run(tmp_path, destination, "mine")
    assert sorted(path.name for path in (tmp_path / "artifact").iterdir()) == [
        "Format-Serving",
        "champion.json",
    ]


@pytest.mark.parametrize(
    ("fingerprints", "reason"),
    [([], "contains no complete version"), (["mine"], "trained exactly as this run: 0")],
)
def test_no_champion_is_said_with_its_reason(tmp_path, destination, fingerprints, reason):
    for version, fingerprint in enumerate(fingerprints):
        add_version(destination, version, fingerprint)
    model = run(tmp_path, destination, "mine")
    assert finder.champion_model_path(model.uri) is None
    record = json.loads((tmp_path / "artifact" / "no_champion.json").read_text())
    assert reason in record["reason"]
    assert model.get_string_custom_property("champion_version") == ""


def test_the_component_carries_its_settings():
    component = Champion(push_destination="serving/x", training_fingerprint="f", known_state="17")
    assert component.exec_properties == {
        "push_destination": "serving/x",
        "training_fingerprint": "f",
        "known_state": "17",
        "code_fingerprint": "",
    }
    assert component.outputs["model"].type is standard_artifacts.Model
