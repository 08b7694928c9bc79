import io
import logging

from bonafide.metrics.results import Figure
from components.model_evaluator.summary import EvaluationSummary
from pipeline.console import RunConsole, show_result
from pipeline.figures import Result
from pipeline.local import Finished


def finished(component, *, cached=False):
    return Finished(component, cached, 12.34, {"model": "/m"}, {})


def test_a_line_when_a_component_starts_and_one_when_it_ends():
    stream = io.StringIO()
    console = RunConsole(stream, ["UtteranceGen", "Trainer"], lambda result: "3 [red] figures")
    console.started("UtteranceGen")
    console.finished(finished("UtteranceGen", cached=True))
    console.started("Trainer")
    assert console.running == "Trainer"
    console.message(logging.INFO, "epoch 1/2 [bold]")
    console.finished(finished("Trainer"))
    assert stream.getvalue().splitlines() == [
        "[1/2] UtteranceGen started",
        "[1/2] UtteranceGen cached    12.3 s  3 [red] figures",
        "[2/2] Trainer      started",
        "          epoch 1/2 [bold]",
        "[2/2] Trainer      done      12.3 s  3 [red] figures",
    ]
    assert console.running is None
    assert set(console.results) == {"UtteranceGen", "Trainer"}


def summary(**changes):
    values = {
        "eer": Figure(0.2345, (0.2, 0.27)),
        "per_attack": {"A07": 0.1, "<b>[x]": 0.5},
        "passed": True,
        "failures": (),
        "champion_eer": None,
        "difference": None,
        "warnings": (),
        "n_bonafide": 3,
        "n_spoof": 4,
    }
    return EvaluationSummary(**{**values, **changes})


def shown(result):
    stream = io.StringIO()
    console = RunConsole(stream, ["X"], lambda _: "").console
    show_result(console, result, {"log": "/tmp/x.log"})
    return stream.getvalue()


def test_pushed():
    against = summary(
        champion_eer=0.25, difference=Figure(-0.0155, (-0.03, 0.01)), warnings=("[few] trials",)
    )
    text = shown(Result(evaluation=against, forced_reason="", pushed_to="/s/1"))
    for part in ("A07", "10.00 %", "<b>[x]", "23.45 %", "25.00 %", "Pushed to /s/1", "/tmp/x.log"):
        assert part in text
    assert "difference of the new model: -1.55 percentage points (95 %: -3.00 to +1.00)" in text
    assert "[few] trials" in text
    assert "force" not in text


def test_a_difference_without_an_interval_is_told_without_one():
    against = summary(champion_eer=0.25, difference=Figure(0.0, None))
    text = shown(Result(evaluation=against, forced_reason="", pushed_to=""))
    assert "difference of the new model: +0.00 percentage points\n" in text


def test_a_version_that_was_removed_is_not_said_to_be_pushed():
    stream = io.StringIO()
    result = Result(evaluation=summary(), forced_reason="", pushed_to="/s/1")
    console = RunConsole(stream, ["X"], lambda _: "").console
    show_result(console, result, {"log": "/tmp/x.log"}, removed=True)
    assert "Missing: /s/1" in stream.getvalue()
    assert "Pushed" not in stream.getvalue()


def test_refused_says_why():
    refused = summary(passed=False, failures=("eer is 23.45 %; at most 5.00 % passes",))
    text = shown(Result(evaluation=refused, forced_reason="", pushed_to=""))
    assert "at most 5.00 % passes" in text
    assert "Not pushed" in text


def test_forced_says_so():
    refused = summary(passed=False, failures=("eer is 23.45 %; at most 5.00 % passes",))
    text = shown(Result(evaluation=refused, forced_reason="drill [bold]", pushed_to="/s/2"))
    assert "Forced blessing against the gate: drill [bold]" in text
    assert "at most 5.00 % passes" in text
