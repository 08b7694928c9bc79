"""Sides compute one at a time, and one that ends says why."""

import sys

import pytest

from benchmarks import turns

# Counts its turns, and says of each what it was asked.
ECHO = """
import json, sys
name, ready = sys.argv[1:]
if ready == "ready":
    print(json.dumps({"loaded": name}), flush=True)
for number, line in enumerate(sys.stdin):
    answer = {"name": name, "number": number, "asked": json.loads(line), "cpu_seconds": 0.0}
    print(json.dumps(answer), flush=True)
"""


def echo(name, ready=""):
    return [sys.executable, "-c", ECHO, name, ready]


def test_every_side_has_a_turn_in_each_round_after_one_to_warm_up():
    commands = {name: echo(name, "ready") for name in ("a", "b")}
    with turns.running(commands, environment={}, says_ready=True) as started:
        assert started["b"].ready.pop("start_seconds") > 0
        assert started["b"].ready == {"loaded": "b"}
        answers = turns.take_turns(started, {"seconds": 2}, rounds=2)
    assert list(answers) == ["a", "b"]
    for name, found in answers.items():
        assert [answer["number"] for answer in found] == [1, 2]
        assert {answer["name"] for answer in found} == {name}
        assert all(answer["asked"] == {"seconds": 2} for answer in found)
        assert all(answer["others_share"] >= 0 for answer in found)


def test_a_side_sees_the_variables_that_are_given():
    code = "import os, json; print(json.dumps({'got': os.environ['GIVEN']}), flush=True)"
    side = turns.Side([sys.executable, "-c", code], environment={"GIVEN": "x"}, says_ready=True)
    side.close()
    assert side.ready["got"] == "x"


@pytest.mark.parametrize("says_ready", [True, False])
def test_a_side_that_ends_says_why(says_ready):
    broken = {"a": [sys.executable, "-c", "raise SystemExit('it has no wheels')"]}
    with (
        pytest.raises(RuntimeError, match="it has no wheels"),
        turns.running(broken, environment={}, says_ready=says_ready) as started,
    ):
        turns.take_turns(started, {}, rounds=1)
