import json
import pathlib

import pytest
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

import report_artifacts
from bonafide.metrics.gate import GateConfig
from components.eval_report.component import EvalReport
from components.eval_report.executor import Executor

SCRIPT = "<script>alert({})</script>"


def do(run):
    kinds = {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
        "evaluation": standard_artifacts.ModelEvaluation,
        "scores": standard_artifacts.InferenceResult,
        "blessing": standard_artifacts.ModelBlessing,
    }
    inputs = {name: kind() for name, kind in kinds.items()}
    outputs = {"report": report_artifacts.HTML(), "model_card": report_artifacts.Markdown()}
    for name, artifact in inputs.items():
        artifact.uri = run.uris[name]
    for name, artifact in outputs.items():
        artifact.uri = str(run.root / "out" / name)
    component = EvalReport(
        **{name: types.Channel(type=kind) for name, kind in kinds.items()},
        title="toy detector",
        corpus_root=str(run.corpus),
        settings=json.dumps({"trainer": {"epochs": 2}}),
        version="0.1",
    )
    Executor(base_executor.BaseExecutor.Context()).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {name: [artifact] for name, artifact in outputs.items()},
        dict(component.exec_properties),
    )
    out = pathlib.Path(run.root, "out")
    return (out / "report/report.html").read_text(), (out / "model_card/model_card.md").read_text()


def test_page_and_card_show_the_figures_of_the_evaluation(whole_run):
    page, card = do(whole_run)
    figures = json.loads((whole_run.root / "evaluation" / "evaluation.json").read_text())
    for text in (page, card):
        assert "toy detector" in text
        assert f"{100 * figures['eer']:.2f}" in text
        assert "trainer.epochs" in text
        assert "f00d" in text
    assert "%20%231.flac" in page


def test_page_and_card_say_why_a_model_is_refused(run_of):
    run_of.evaluated(gate_config=GateConfig(max_eer=0.0001))
    run_of.ingested()
    page, card = do(run_of)
    for text in (page, card):
        assert "Refused" in text
        assert "0.01" in text


def test_ids_from_files_cannot_be_markup(run_of):
    run_of.evaluated(speaker=SCRIPT)
    run_of.ingested(
        rejected=f"utterance\tpath\treason\n{SCRIPT}\t{SCRIPT}\t{SCRIPT}\n",
        utterances=("E00", SCRIPT),
    )
    run_of.trained(seed=SCRIPT)
    run_of.forced(SCRIPT)
    page, card = do(run_of)
    assert "<script>alert(" not in page
    assert "<script>alert(" not in card
    assert page.count("&lt;script&gt;alert(") >= 4  # and they are shown


def test_an_unfinished_evaluation_writes_no_report(run_of):
    with pytest.raises(FileNotFoundError, match="context"):
        do(run_of)
    assert not (run_of.root / "out" / "report" / "report.html").exists()
