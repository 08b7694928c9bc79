"""Options of both runners for settings, and the help on settings."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import Any

from bonafide.settings import SettingsError
from bonafide.settings.overrides import Change, section_types, sections_of
from bonafide.text import did_you_mean
from pipeline.config import PRESETS, Settings, override

DEFAULT_PRESET = "sample"


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--preset`, `--config`, `--set`, `--print-config` and `--help-settings`."""
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        help=f"settings for a known corpus (default: {DEFAULT_PRESET}, or that of --config says)",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="change settings by a YAML file, with the names of --set, nested or dotted; "
        "--print-config prints such a file",
    )
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="override a setting, or a section by name (conformer=S, M or L); can be "
        "repeated; overrides --config",
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print all effective settings as YAML for --config, and exit",
    )
    parser.add_argument(
        "--help-settings",
        action=_HelpSettings,
        nargs="?",
        metavar="SECTION",
        help="show what each setting does, with its range and its value in the preset 'sample', "
        "and exit",
    )


def read_settings(options: argparse.Namespace, changes: Sequence[Change] = ()) -> Settings:
    """Reads the settings of a command line: preset, then file, then options.

    Args:
        options: Options of `add_settings_options`; a missing `preset` is set.
        changes: Changes from other options; `--set` overrides them.

    Raises:
        SettingsError: A name is unknown, or a value is invalid.
    """
    from_file: list[Change] = []
    if options.config is not None:
        preset, from_file = read_config(options.config)
        if preset is not None and options.preset not in (None, preset.value):
            raise SettingsError(
                f"one preset, as --preset {options.preset} says",
                repr(preset.value),
                "preset",
                preset.place,
                "Leave one of them out.",
            )
        options.preset = options.preset if preset is None else preset.value
    options.preset = options.preset or DEFAULT_PRESET
    return override(PRESETS[options.preset](), [*from_file, *changes, *options.assignments])


def read_config(path: str) -> tuple[Change | None, list[Change]]:
    """Reads a file of settings.

    Returns:
        Its preset, if any, and its changes.

    Raises:
        SettingsError: The file cannot be read, or there is no such preset.
    """
    from bonafide.settings import yaml_file  # PyYAML is only needed with a file

    changes = yaml_file.changes_of(*yaml_file.read_yaml(path))
    preset = next((change for change in changes if change.name == "preset"), None)
    if preset is not None and preset.value not in PRESETS:
        advice = did_you_mean(str(preset.value), PRESETS)
        raise SettingsError("a preset", repr(preset.value), "preset", preset.place, advice)
    return preset, [change for change in changes if change is not preset]


def settings_yaml(settings: Settings) -> str:
    """Returns all settings as YAML for `--config`."""
    from bonafide.settings import reference, yaml_file

    sections = sections_of(settings)
    body = yaml_file.to_yaml(
        {name: vars(section) for name, section in sections.items()},
        {name: reference.title(type(section)) for name, section in sections.items()},
    )
    return f"preset: {settings.name}\n\n{body}"


def summary_of_settings() -> str:
    """Returns the sections with a sentence each, for `--help`."""
    from bonafide.settings import reference

    return "\n".join(
        f"  {section.section:<12} {reference.title(section)}" for section in section_types(Settings)
    )


class _HelpSettings(argparse.Action):
    """Prints the settings of one section, or of all, and ends the program."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 (argparse's signature)
        values: Any,
        option_string: str | None = None,
    ) -> None:
        from bonafide.settings import reference

        sections = sections_of(PRESETS[DEFAULT_PRESET]())
        if values is not None and values not in sections:
            advice = did_you_mean(values, sections)
            parser.error(f"expected a section, got {values!r} ({option_string}). {advice}")
        shown = sections.values() if values is None else [sections[values]]
        width = min(shutil.get_terminal_size().columns, 100)
        print("\n\n".join(reference.help_text(section, width) for section in shown))
        parser.exit()
