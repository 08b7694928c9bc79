import datetime
import io
import json
import logging
import warnings

import pytest

from pipeline.kubeflow.events import EventLog


@pytest.fixture
def stream(monkeypatch):
    """An event log's stream, with this process' logging put back afterwards."""
    root, people = logging.getLogger(), logging.getLogger("bonafide")
    before = root.handlers[:], root.level, people.level
    monkeypatch.setenv("KFP_POD_NAME", "pod-1")
    yield io.StringIO()
    root.handlers, root.level, people.level = before
    logging.captureWarnings(False)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_with_what_is_known(stream):
    log = EventLog.begin(stream)
    log.add_fields({"run": "r", "component": "Trainer"})
    log.write("started", "a\nb", inputs={"x": "y"})
    [line] = lines(stream)
    when = datetime.datetime.fromisoformat(line.pop("time"))
    assert abs((datetime.datetime.now(datetime.UTC) - when).total_seconds()) < 60
    assert line == {
        **{"severity": "INFO", "event": "started", "message": "a\nb", "pod": "pod-1"},
        **{"run": "r", "component": "Trainer", "inputs": {"x": "y"}},
    }


def test_lines_for_people_and_warnings_of_others_are_kept(stream):
    EventLog.begin(stream)
    logging.getLogger("bonafide").info("epoch %d", 3)
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("careful")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old name", stacklevel=1)
    messages = [(line["logger"], line["severity"], line["message"]) for line in lines(stream)]
    assert messages[:2] == [("bonafide", "INFO", "epoch 3"), ("other", "WARNING", "careful")]
    assert messages[2][0] == "py.warnings"
    assert "old name" in messages[2][2]


def test_a_failure_tells_its_notes_and_where(stream):
    log = EventLog.begin(stream)
    try:
        error = ValueError("no such folder")
        error.add_note("Mount it.")
        raise error
    except ValueError as caught:
        log.failed(caught)
    [line] = lines(stream)
    assert line["severity"] == "ERROR"
    assert line["message"] == "ValueError: no such folder Mount it."
    assert "test_events.py" in line["traceback"]


def test_a_message_that_cannot_be_formatted_ends_nothing(stream, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    EventLog.begin(stream)
    logging.getLogger("bonafide").info("%d", "three")
    logging.getLogger("bonafide").info("next")
    assert [line["message"] for line in lines(stream)] == ["next"]
