"""Review views: rows of TFMA's results, pages, runs found, the command `bonafide report`."""

import json
import math

import pytest

from bonafide.report.review import views
from bonafide.report.review.command import main
from bonafide.report.review.over_time import versions_view
from bonafide.report.review.rows import (
    CHAMPION,
    NEW,
    OVERALL,
    Matrix,
    MetricRow,
    TfmaResults,
)
from bonafide.report.review.runs import RunError, find_runs


def row(where, model, metric, value, *, ci95=None, difference=None, limits=(None, None)):
    return MetricRow(where, model, metric, value, ci95, difference, limits)


def test_bounds_of_the_new_model_are_checked(results):
    assert results.value(OVERALL, NEW, "eer").within is True
    assert results.value("A07", NEW, "eer").within is False
    assert results.value("A07", CHAMPION, "eer").within is None  # TFMA does not check it
    assert row("A09", NEW, "eer", None, limits=(None, 0.3)).within is False  # as TFMA: NaN fails
    assert row("A09", NEW, "spoof_count", 19, limits=(20, None)).within is False


def test_error_rates_of_a_matrix():
    matrix = Matrix(OVERALL, NEW, 0.5, accepted_bonafide=6, accepted_spoof=1, rejected_bonafide=2,
                    rejected_spoof=3)  # fmt: skip
    assert (matrix.far, matrix.frr) == (0.25, 0.25)
    assert math.isnan(Matrix(OVERALL, NEW, 0.5, 1, 0, 0, 0).far)


def test_the_page_has_every_figure_and_no_link(results):
    page = views.metrics_view(results).page()
    for text in ("10.00 %", "5.00 % to 20.00 %", "+10.00 points from the champion", "1,234"):
        assert text in page
    assert "TFMA&#39;s validation: refused." in page
    assert page.count('class="badge bad"') == 1
    assert "src=" not in page.partition("<script>")[0]
    assert "http" not in page.partition("<script>")[0]


def test_a_notebook_shows_a_frame_that_needs_nothing_else(results):
    view = views.curves_view(results)
    shown = view._repr_mimebundle_()
    assert shown["text/html"].startswith("<iframe title=")
    assert "<script" not in shown["text/html"]  # all of it is in srcdoc, escaped
    assert shown["text/plain"] == "<TFMA: curves>"


def test_text_of_slices_is_escaped():
    name = "</script><script>alert(1)</script>"
    found = TfmaResults(
        (NEW,), (OVERALL, name), (row(name, NEW, "eer", 0.5),), (), (), validation_ok=None
    )
    page = views.metrics_view(found).page()
    assert "<script>alert" not in page
    assert "has no TFMA thresholds" in page


def write_run(output, number, *, date, eer=0.25, passed=True):
    folder = output / "artifacts" / "ModelEvaluator" / "evaluation" / str(number)
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps({"eer": eer}))
    (folder / "verdict.json").write_text(json.dumps({"passed": passed}))
    (folder / "context.json").write_text(json.dumps({"date": date, "champion": None}))
    page = output / "artifacts" / "EvalReport" / "report" / str(number + 1) / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>report</p>")
    return page


@pytest.fixture
def output(tmp_path):
    """The layout of `make run`: output/<preset>/artifacts."""
    write_run(tmp_path / "sample", 9, date="2026-11-02T08:00:00+00:00")
    write_run(tmp_path / "la", 9, date="2026-11-03T08:00:00+00:00")
    write_run(tmp_path / "sample", 31, date="2026-11-04T08:00:00+00:00", passed=False)
    return tmp_path


def test_runs_are_offered_the_newest_first(output):
    assert [run.name for run in find_runs(output)] == ["sample/31", "la/9", "sample/9"]
    assert [run.name for run in find_runs(output / "sample")] == ["sample/31", "sample/9"]
    [run] = find_runs(output / "la" / "artifacts" / "ModelEvaluator" / "evaluation" / "9")
    assert run.output == output / "la"
    assert run.page == output / "la" / "artifacts" / "EvalReport" / "report" / "10" / "report.html"


def test_no_run_says_what_to_do(tmp_path):
    with pytest.raises(RunError, match=r"got none in .*make run"):
        find_runs(tmp_path)


def test_the_command_prints_the_page_of_the_newest_run(output, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert main([str(output)]) == 0
    newest = output / "sample" / "artifacts" / "EvalReport" / "report" / "32" / "report.html"
    assert capsys.readouterr().out == f"{newest}\n"
    assert main([str(output), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["refused", "passed", "passed"]
    assert lines[0].endswith("/sample/artifacts/ModelEvaluator/evaluation/31")
    assert main([str(output / "nowhere")]) == 1
    assert "expected a finished evaluation" in capsys.readouterr().err


def test_the_command_opens_a_browser_on_a_screen(output, monkeypatch, capsys):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main([str(output)]) == 0
    assert opened == [f"file://{capsys.readouterr().out.strip()}"]
    assert main([str(output), "--no-open"]) == 0
    assert len(opened) == 1


def push(serving, version, *, eer, forced=None, conditions=None, corpus="sample"):
    extra = serving / str(version) / "assets.extra"
    extra.mkdir(parents=True)
    (serving / str(version) / "saved_model.pb").write_bytes(b"model")
    figures = {"eer": eer, "eer_ci95": [eer / 2, eer * 2], "n_bonafide": 24, "n_spoof": 66}
    figures |= {"worst_attack": "A17", "worst_attack_eer": 2 * eer, "cllr": 0.5}
    (extra / "evaluation.json").write_text(json.dumps(figures))
    record = {"dev_eer": eer, "thresholds": {"eer": 1.25, "far1": 3.0}}
    (extra / "bonafide.json").write_text(json.dumps(record))
    (extra / "data_profile.json").write_text(json.dumps({"corpus": corpus}))
    if forced:
        (extra / "forced_blessing.json").write_text(json.dumps(forced))
    if conditions:
        results = {
            spec: {"eer": {"value": far}, "far": {"value": far}, "frr": None}
            for spec, far in {"as_recorded": 0.01, **conditions}.items()
        }
        (extra / "conditions.json").write_text(json.dumps({"results": results}))


@pytest.fixture
def serving(tmp_path):
    found = tmp_path / "serving" / "sample"
    push(found, 1700000001, eer=0.1)
    record = {"reason": "drill <b>", "by": "ana", "failures": ["EER: 20 %"], "date": "2026-11-01"}
    push(found, 1700000002, eer=0.2, forced=record, conditions={"mp3:64k": 0.07})
    push(found, 1700000003, eer=0.05, conditions={"mp3:64k": 0.04, "noise:20": 0.125})
    return found


def test_versions_over_time_say_who_forced_what(serving):
    [section] = versions_view(str(serving)).sections
    assert [row[0].text for row in section.table.rows] == [
        "1700000003",
        "1700000002",
        "1700000001",
    ]
    newest, forced, oldest = (row[-1] for row in section.table.rows)
    assert newest.text == oldest.text == "passed the gate"
    assert (forced.text, forced.note) == ("forced by ana", "drill <b>; EER: 20 %")
    columns = section.table.columns
    worst = section.table.rows[0][columns.index("Worst FAR")]
    assert (worst.text, worst.sort) == ("12.50 %", 0.125)
    assert section.table.rows[2][columns.index("Worst FAR")].text == "–"
    assert section.table.rows[0][columns.index("Data")].note == "24 + 66 trials"
    points = section.charts["Error rates"]["datasets"]["versions"]
    assert [p["value"] for p in points if p["line"] == "EER on eval"] == [0.1, 0.2, 0.05]
    assert points[0]["low"] == 0.05
    conditions = section.charts["Spoofs accepted (FAR) by condition"]["datasets"]["versions"]
    assert {p["value"] for p in conditions} == {None, 0.07, 0.04, 0.125}
    assert len(versions_view(str(serving), last=2).sections[0].table.rows) == 2


def test_the_command_writes_the_versions_of_a_serving_folder(serving, tmp_path, capsys):
    page = tmp_path / "versions.html"
    assert main([str(serving), "--html", str(page), "--no-open"]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert "forced by ana" in page.read_text()
    assert "drill &lt;b&gt;" in page.read_text()
