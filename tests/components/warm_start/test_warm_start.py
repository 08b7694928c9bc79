import json
import pathlib

import pytest
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from bonafide.registry import names
from bonafide.registry.warm_start import weights_digest
from components.warm_start.component import WarmStart
from components.warm_start.executor import NO_WEIGHTS, Executor

FINGERPRINT = "0123-corpus-2-0"


def push(serving, version, fingerprint, started_from):
    extra = serving / str(version) / names.EXTRA_DIR
    extra.mkdir(parents=True)
    (extra / names.WEIGHTS_FILE).write_text(f"weights of {version}")
    record = {
        "training_fingerprint": fingerprint,
        "settings": {"trainer": {"pretrained": started_from}},
    }
    (serving / str(version) / names.RECORD_FILE).write_text(json.dumps(record))
    (serving / str(version) / names.MODEL_FILE).write_text("graph")
    return serving / str(version)


@pytest.fixture
def find(tmp_path):
    """Runs the executor; returns what it wrote."""

    def run(pretrained="champion"):
        outputs = {}
        for name in ("pretrained", "pretrained_digest"):
            artifact = standard_artifacts.String()
            artifact.uri = str(tmp_path / name)
            outputs[f"{name}_text"] = [artifact]
        context = Executor.Context(tmp_dir=str(tmp_path), unique_id="1")
        assert issubclass(Executor, base_executor.BaseExecutor)
        properties = {
            "pretrained": pretrained,
            "push_destination": str(tmp_path / "serving"),
            "training_fingerprint": FINGERPRINT,
        }
        Executor(context).Do({}, outputs, properties)
        return tuple(pathlib.Path(artifact.uri).read_text() for [artifact] in outputs.values())

    return run


def test_without_a_pushed_model_training_starts_from_scratch(find):
    assert find() == ("champion", NO_WEIGHTS)


def test_the_champion_is_found_with_the_hash_of_its_weights(find, tmp_path):
    version = push(tmp_path / "serving", 1, "another", "")
    assert find() == (str(version), weights_digest(str(version)))


def test_a_run_that_has_pushed_its_model_finds_what_it_found_before(find, tmp_path):
    serving = tmp_path / "serving"
    push(serving, 1, f"{FINGERPRINT}-{NO_WEIGHTS}", "champion")
    assert find() == ("champion", NO_WEIGHTS)
    other = push(serving, 2, "another", "champion")
    found = find()
    assert found == (str(other), weights_digest(str(other)))
    push(serving, 3, f"{FINGERPRINT}-{found[1]}", found[0])
    assert find() == found


def test_weights_of_a_file_are_hashed(find, tmp_path):
    file = tmp_path / "encoder.h5"
    file.write_bytes(b"one")
    one = find(str(file))
    file.write_bytes(b"two")
    two = find(str(file))
    assert one[0] == two[0] == str(file)
    assert one[1] != two[1]
    with pytest.raises(FileNotFoundError, match=r"absent\.h5 does not exist"):
        find(str(tmp_path / "absent.h5"))


def test_the_component_has_both_values_as_outputs():
    component = WarmStart(
        pretrained="champion", push_destination="/serving", training_fingerprint=FINGERPRINT
    )
    assert set(component.outputs) == {"pretrained_text", "pretrained_digest_text"}
