import dataclasses

import pytest

from bonafide.settings import SettingsError
from components.data_gate.config import LEVELS, RULES, DataGateConfig
from pipeline.config import override, sample


def test_every_rule_has_each_level():
    assert len(RULES) == 25
    for level in LEVELS:
        config = DataGateConfig(**dict.fromkeys(RULES, level))
        assert {getattr(config, rule) for rule in RULES} == {level}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shortcut", "loud"),
        ("shortcut_eer", 1.5),
        ("shortcut_eer", float("nan")),
        ("min_speakers", -1),
        ("min_speakers", 2.5),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"^expected .*\(data_gate\.{name}\)"):
        DataGateConfig(**{name: value})


def test_set_from_the_command_line():
    changed = override(sample(), ["data_gate.shortcut=error", "data_gate.shortcut_eer=0.2"])
    assert changed.data_gate == dataclasses.replace(
        DataGateConfig(), shortcut="error", shortcut_eer=0.2
    )
    with pytest.raises(SettingsError, match="expected one of off, warn, error, got 'stop'"):
        override(sample(), ["data_gate.shortcut=stop"])
    with pytest.raises(SettingsError, match=r"data_gate\.shared_speakers"):
        override(sample(), ["data_gate.shared_speaker=warn"])
