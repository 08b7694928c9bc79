import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import sample
from pipeline.kubeflow.parameters import (
    ParameterError,
    fill,
    names_in,
    place_token,
    run_parameters,
    token,
)


def test_a_token_that_is_a_json_string_becomes_the_value():
    text = json.dumps({"epochs": token("epochs"), "root": token("root"), "rate": 0.5})
    filled = json.loads(fill(text, {"epochs": 30, "root": 'a "b" \\c'}))
    assert filled == {"epochs": 30, "root": 'a "b" \\c', "rate": 0.5}


def test_a_token_that_is_the_whole_property_becomes_its_text():
    assert fill(token("rates"), {"rates": '{"eval": 1}'}) == '{"eval": 1}'
    assert fill(token("epochs"), {"epochs": 3}) == "3"


def test_a_token_inside_other_text_becomes_its_text():
    text = json.dumps({"fingerprint": f"abc-{token('corpus')}-{token('epochs')}"})
    filled = json.loads(fill(text, {"corpus": "f00", "epochs": 7}))
    assert filled == {"fingerprint": "abc-f00-7"}


def test_a_value_that_would_break_the_text_around_it_is_refused():
    with pytest.raises(ParameterError, match=r"corpus.*only letters, digits"):
        fill(f"abc-{token('corpus')}", {"corpus": 'x", "y'})


def test_a_missing_value_is_named():
    with pytest.raises(ParameterError, match="expected values for epochs, got none"):
        fill(f"{token('epochs')} {token('seed')}", {"seed": 1})


@given(st.text().filter(lambda text: "@{" not in text))
def test_text_without_tokens_stays(text):
    assert fill(text, {}) == text
    assert names_in(text) == set()


@given(st.text())
def test_any_text_can_be_a_value_of_json(value):
    assert json.loads(fill(json.dumps({"a": token("x")}), {"x": value})) == {"a": value}


def test_places():
    text = json.dumps({"trainer": {"epochs": 30, "seed": 0}})
    placed = place_token(text, ("trainer", "epochs"), "epochs")
    assert json.loads(placed) == {"trainer": {"epochs": "@{epochs}", "seed": 0}}
    assert names_in(placed) == {"epochs"}
    assert place_token("anything", (), "root") == "@{root}"


@pytest.mark.parametrize(
    "path", [("trainer", "epoch"), ("train", "epochs"), ("trainer", "seed", "x")]
)
def test_a_place_that_is_not_there_is_named(path):
    text = json.dumps({"trainer": {"epochs": 30, "seed": 0}})
    with pytest.raises(ParameterError, match=".".join(path)):
        place_token(text, path, "epochs")


def test_every_run_parameter_has_the_default_of_the_settings():
    found = {p.name: p for p in run_parameters(sample(), "/data/serving/sample")}
    assert found["epochs"].default == sample().trainer.epochs
    assert found["max_eer"].default == sample().gate.max_eer
    assert found["push_destination"].default == "/data/serving/sample"
    for parameter in found.values():
        assert isinstance(parameter.default, str) is (parameter.kind == "STRING")
