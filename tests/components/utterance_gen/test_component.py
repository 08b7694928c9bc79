import pytest
from tfx.types import standard_artifacts

from bonafide import corpora
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings


def make(**changes):
    arguments = {"corpus_root": "x", "layout": "asvspoof2019-la", "corpus_fingerprint": "f"}
    return component.UtteranceGen(**(arguments | changes))


def test_properties_and_output():
    made = make(min_seconds=1, seed=7)
    assert made.outputs["examples"].type is standard_artifacts.Examples
    assert made.executor_spec.executor_class is executor.Executor
    assert made.exec_properties["corpus_name"] == "asvspoof2019-la"
    assert len(made.exec_properties["code_fingerprint"]) == 64
    settings = IngestSettings.from_exec_properties(made.exec_properties)
    assert (settings.min_seconds, settings.seed, settings.sample_rate) == (1.0, 7, 16_000)


def test_numbers_that_come_back_as_floats():
    properties = dict(make().exec_properties) | {"sample_rate": 8000.0, "seed": 3.0}
    settings = IngestSettings.from_exec_properties(properties)
    assert (settings.sample_rate, settings.seed) == (8000, 3)
    assert isinstance(settings.seed, int)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus_root": ""}, "corpus_root"),
        ({"sample_rate": 100}, "8000 to 48000 Hz, not 100"),
        ({"min_seconds": -1}, "min_seconds"),
        ({"shard_bytes": 0}, "shard_bytes"),
        ({"max_rejected_fraction": 5}, "0 to 1, not 5"),
        ({"corpus_name": ""}, "corpus_name"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_unknown_layout():
    with pytest.raises(corpora.CorpusError, match="Known layouts: asvspoof2019-la"):
        make(layout="cinema")


def test_keyword_only():
    with pytest.raises(TypeError):
        component.UtteranceGen("x", "asvspoof2019-la", "f")
