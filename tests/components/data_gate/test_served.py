import json

import numpy as np

from bonafide.metrics import distribution
from bonafide.registry.names import PROFILE_FILE, SCORE_PROFILE_FILE
from components.data_gate.profile import Profile, to_json
from components.data_gate.served import drift_state, find_served


def push(serving, version, fingerprint="theirs", *, scores=True, text=None):
    extra = serving / version / "assets.extra"
    extra.mkdir(parents=True)
    (serving / version / "saved_model.pb").write_text("graph")
    if fingerprint:
        (extra / PROFILE_FILE).write_text(text or to_json(Profile("old", fingerprint, {})))
    if scores:
        found = distribution.distribution_of(np.arange(5.0))
        (extra / SCORE_PROFILE_FILE).write_text(
            json.dumps({"bonafide": distribution.to_json(found)})
        )


def test_the_newest_version_is_the_one_in_service(tmp_path):
    assert find_served(str(tmp_path / "none")) is None
    assert find_served("") is None
    push(tmp_path, "7", "seven")
    push(tmp_path, "12", "twelve")
    found = find_served(str(tmp_path))
    assert (found.version, found.profile.fingerprint) == ("12", "twelve")
    assert found.scores.median == 2


def test_a_version_that_was_pushed_without_profiles(tmp_path):
    push(tmp_path, "7", None, scores=False)
    found = find_served(str(tmp_path))
    assert (found.profile, found.scores) == (None, None)


def test_a_damaged_profile_is_said_and_passed_over(tmp_path, caplog):
    push(tmp_path, "7", text="{")
    assert find_served(str(tmp_path)).profile is None
    assert "a profile cannot be read" in caplog.text


def test_the_state_changes_with_another_corpus_and_not_with_ones_own_push(tmp_path):
    serving = str(tmp_path / "serving")
    assert drift_state(serving, "mine", "") == "none"
    push(tmp_path / "serving", "7", "mine")
    assert drift_state(serving, "mine", "") == "none"
    assert drift_state(serving, "changed", "") == "7"
    log = tmp_path / "log.csv"
    log.write_text("path\n")
    state = drift_state(serving, "mine", str(log))
    assert state.startswith("7 ")  # its scores are compared with the log's
    log.write_text("path\na.wav\n")
    assert drift_state(serving, "mine", str(log)) != state
