from bonafide.settings.overrides import values_of
from bonafide.version import REPOSITORY
from pipeline.config import sample
from scripts import settings_reference


def test_the_committed_reference_is_that_of_the_code():
    assert settings_reference.PATH.read_text(encoding="utf-8") == settings_reference.reference(), (
        "docs/settings.md is not up to date: python -m scripts.settings_reference"
    )


def test_it_has_every_setting_and_no_path_of_this_machine():
    text = settings_reference.reference()
    for name in values_of(sample()):
        assert f"| `{name}` |" in text
    assert str(REPOSITORY) not in text
