import dataclasses
import json
import logging
import pathlib

import pytest
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from bonafide.corpora import CorpusError
from bonafide.corpora.state import corpus_fingerprint
from bonafide.metrics.asv_scores import parse_asv_scores
from bonafide.storage.beam_files import BeamFiles
from components.corpus_check.component import CorpusCheck
from components.corpus_check.executor import Executor
from components.corpus_check.settings import CorpusCheckSettings

LAYOUT = "asvspoof2019-la"
SAMPLES = str(pathlib.Path(__file__).resolve().parents[3] / "samples")
SCORES = (
    "bonafide target 2.0\nbonafide target 0.1\nbonafide nontarget -1.0\n"
    "bonafide nontarget 0.2\nA07 spoof 0.5\nA07 spoof -0.5\n"
)


def check(tmp_path, **properties):
    """Runs the executor; returns output -> text."""
    outputs = {}
    for name in ("corpus_fingerprint_text", "asv_error_rates_text"):
        artifact = standard_artifacts.String()
        artifact.uri = str(tmp_path / name / "value")
        (tmp_path / name).mkdir()
        outputs[name] = [artifact]
    settings = CorpusCheckSettings(**{"corpus_root": SAMPLES, "layout": LAYOUT} | properties)
    context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path), unique_id="1")
    Executor(context).Do({}, outputs, {"settings": settings.to_json()})
    return {name.removesuffix("_text"): found.read() for name, [found] in outputs.items()}


def test_it_finds_what_the_local_runner_finds(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="bonafide")
    found = check(tmp_path)
    assert found == {
        "corpus_fingerprint": corpus_fingerprint(SAMPLES, LAYOUT, BeamFiles(SAMPLES)),
        "asv_error_rates": "{}",
    }
    assert found["corpus_fingerprint"][:16] in caplog.text


def test_scores_of_a_speaker_verifier_are_read(tmp_path):
    path = tmp_path / "asv.txt"
    path.write_text(SCORES)
    found = json.loads(check(tmp_path, asv_scores_eval=str(path))["asv_error_rates"])
    assert found == {"eval": dataclasses.asdict(parse_asv_scores(SCORES, where="x"))}


def test_a_corpus_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CorpusError, match="/no/corpus"):
        check(tmp_path, corpus_root="/no/corpus")


def test_building_it_touches_nothing():
    settings = CorpusCheckSettings(corpus_root="/no/corpus", layout=LAYOUT)
    component = CorpusCheck(settings=settings)
    assert CorpusCheckSettings.from_json(component.exec_properties["settings"]) == settings
    assert settings.asv_scores_dev == "auto"
    assert set(component.outputs) == {"corpus_fingerprint_text", "asv_error_rates_text"}


def test_the_layout_is_told_from_the_files(tmp_path):
    assert check(tmp_path, layout="auto") == {
        "corpus_fingerprint": corpus_fingerprint(SAMPLES, LAYOUT, BeamFiles(SAMPLES)),
        "asv_error_rates": "{}",
    }


def test_options_reach_the_reader(tmp_path):
    with pytest.raises(CorpusError, match=r"corpus layout asvspoof2019-la .none., got subset"):
        check(tmp_path, layout="auto", layout_options=("subset=all",))
