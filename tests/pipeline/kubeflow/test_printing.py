import pytest

from pipeline.kubeflow.printing import colored, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.0, "59 min 59 s"),
        (3600.0, "1 h 00 min"),
        (93_784.0, "26 h 03 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_states():
    assert colored("FAILED") == "[red]failed[/red]"
    assert colored("CACHED") == "[dim]cached[/dim]"
    assert colored(None) == colored("RUNTIME_STATE_UNSPECIFIED") == "[dim]unknown[/dim]"
