"""Jinja2 environment of the pages; all text from files is escaped."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

import jinja2
import markupsafe

from bonafide import text

TEMPLATES = pathlib.Path(__file__).parent / "templates"


@functools.cache
def environment() -> jinja2.Environment:
    """Returns the environment of all templates, with `text` and the filters below."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_spelled_out,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"text": text}
    environment.filters |= {"json": safe_json, "exact": exact}
    return environment


def _spelled_out(value: Any) -> Any:
    return value if isinstance(value, markupsafe.Markup) else text.visible(value)


def safe_json(value: Any) -> markupsafe.Markup:
    """Returns JSON that can neither end its script element nor start a comment in it."""
    found = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII only
    for letter in "<>&":
        found = found.replace(letter, f"\\u{ord(letter):04x}")
    return markupsafe.Markup(found)


def exact(value: Any) -> str:
    """Returns a figure as in the JSON, for `data-value`."""
    return json.dumps(value)
