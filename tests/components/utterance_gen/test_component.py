import json

import pytest
from tfx.types import standard_artifacts

from bonafide import corpora
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings


def make(**changes):
    settings = IngestSettings(**{"corpus_root": "x", "layout": "asvspoof2019-la"} | changes)
    return component.UtteranceGen(settings=settings, corpus_fingerprint="f")


def test_properties_and_output():
    made = make(min_seconds=1, seed=7)
    assert made.outputs["examples"].type is standard_artifacts.Examples
    assert made.executor_spec.executor_class is executor.Executor
    assert len(made.exec_properties["code_fingerprint"]) == 64
    settings = IngestSettings.from_json(made.exec_properties["settings"])
    assert settings.name == "asvspoof2019-la"
    assert (settings.min_seconds, settings.seed, settings.sample_rate) == (1.0, 7, 16_000)


def test_numbers_that_come_back_as_floats():
    properties = json.loads(make().exec_properties["settings"])
    settings = IngestSettings.from_mapping(properties | {"sample_rate": 8000.0, "seed": 3.0})
    assert (settings.sample_rate, settings.seed) == (8000, 3)
    assert isinstance(settings.seed, int)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus_root": ""}, "corpus_root"),
        ({"sample_rate": 100}, "Hz from 8,000 to 48,000, got 100"),
        ({"min_seconds": -1}, "min_seconds"),
        ({"shard_bytes": 0}, "shard_bytes"),
        ({"max_rejected_fraction": 5}, "from 0 to 1, got 5"),
        ({"corpus_name": ""}, "corpus_name"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_unknown_layout():
    with pytest.raises(
        corpora.CorpusError, match=r"a corpus layout, got 'cinema' .*Known: asvspoof2019-la"
    ):
        make(layout="cinema")


def test_keyword_only():
    with pytest.raises(TypeError):
        component.UtteranceGen(IngestSettings(corpus_root="x", layout="asvspoof2019-la"), "f")
