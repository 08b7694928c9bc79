"""Values that a compiled pipeline gets only when it runs.

TFX fixes the execution properties of a component when a pipeline is compiled, and some of them are
JSON texts with many settings in them. Where a value is to be given later, `@{name}` stands in the
property. Compiling gives each task whose properties name `@{epochs}` an input parameter
`param--epochs`; the pod's entrypoint puts the value in the place. The parameter is part of the
task's cache key like any other.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.config import Settings

PREFIX = "param--"
# What a run finds, and every later component may name -> the component that finds it.
FOUND = {
    "corpus_fingerprint": "CorpusCheck",
    "asv_error_rates": "CorpusCheck",
    "pretrained": "WarmStart",
    "pretrained_digest": "WarmStart",
}
# What ModelEvaluator says, and ModelPusher's condition asks for.
VERDICT, PASSED, REFUSED = "verdict", "passed", "refused"

_TOKEN = re.compile(r"@\{([a-z_]+)\}")
_PLAIN = re.compile(r"[\w.:/+@-]*")


class ParameterError(ValueError):
    """A parameter is missing or cannot be put where it is wanted."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a value goes: an execution property, or a field of the JSON text in it."""

    component: str
    exec_property: str
    path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A value that a person may give to a run.

    Attributes:
        name: Its name in Kubeflow's form.
        kind: Its type, as the pipeline specification names it.
        default: The value of a run that does not give it.
        about: One line for that form.
        places: Where it goes, besides where the text names it already.
    """

    name: str
    kind: Literal["STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE"]
    default: str | int | float
    about: str
    places: tuple[Place, ...] = ()


def run_parameters(settings: Settings, push_destination: str) -> tuple[RunParameter, ...]:
    """The parameters of a compiled pipeline, with the settings' values as defaults.

    Args:
        settings: What is compiled.
        push_destination: Serving folder as the pods see it.
    """

    def shown(*path: str) -> Place:
        return Place("EvalReport", "settings", path)

    return (
        RunParameter(
            "corpus_root",
            "STRING",
            settings.corpus.root,
            "Folder of the corpus as the pods see it: a mounted path, or a URI.",
            (
                Place("CorpusCheck", "settings", ("corpus_root",)),
                Place("UtteranceGen", "settings", ("corpus_root",)),
                Place("EvalReport", "corpus_root"),
                shown("corpus", "root"),
            ),
        ),
        RunParameter(
            "push_destination",
            "STRING",
            push_destination,
            "Serving folder of the model: a mounted path, or a URI (s3://, minio://, gs://).",
        ),
        RunParameter(
            "epochs",
            "NUMBER_INTEGER",
            settings.trainer.epochs,
            "Passes over the training split.",
            (Place("Trainer", "custom_config", ("trainer", "epochs")), shown("trainer", "epochs")),
        ),
        RunParameter(
            "seed",
            "NUMBER_INTEGER",
            settings.trainer.seed,
            "Seed of the training.",
            (Place("Trainer", "custom_config", ("trainer", "seed")), shown("trainer", "seed")),
        ),
        RunParameter(
            "max_eer",
            "NUMBER_DOUBLE",
            settings.gate.max_eer,
            "Gate: the highest EER that passes, a fraction (upper end of its interval).",
            (Place("ModelEvaluator", "settings", ("gate", "max_eer")), shown("gate", "max_eer")),
        ),
        RunParameter(
            "force_blessing_reason",
            "STRING",
            "",
            "Not empty: a refused model is pushed all the same, with this reason on record.",
            (Place("ModelEvaluator", "settings", ("force_blessing_reason",)),),
        ),
    )


def token(name: str) -> str:
    """The text that stands for a value."""
    return f"@{{{name}}}"


def names_in(text: str) -> set[str]:
    """Names of the values that a property wants."""
    return set(_TOKEN.findall(text))


def place_token(text: str, path: tuple[str, ...], name: str) -> str:
    """Puts the token of `name` into a property.

    Args:
        text: The property.
        path: Keys that lead to the field in its JSON; empty replaces all of it.
        name: Of the parameter.

    Raises:
        ParameterError: There is no such field.
    """
    if not path:
        return token(name)
    whole = json.loads(text)
    inner = whole
    try:
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]]
    except (KeyError, TypeError) as error:
        raise ParameterError(f"there is no field {'.'.join(path)} for {name}") from error
    inner[path[-1]] = token(name)
    return json.dumps(whole, sort_keys=True)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Puts values in the place of their tokens.

    A token that is a whole JSON string becomes the value's JSON (a number has no quotes then); one
    that is the whole property becomes the value's text; one inside other text may only be a value
    that needs no quoting there.

    Raises:
        ParameterError: A value is missing, or cannot stand inside other text.
    """
    if missing := names_in(text) - values.keys():
        raise ParameterError(f"no value was given for {', '.join(sorted(missing))}")

    def value_of(match: re.Match[str]) -> str:
        return json.dumps(values[match.group(1)])

    def text_of(match: re.Match[str]) -> str:
        value = str(values[match.group(1)])
        if match.group() != text and not _PLAIN.fullmatch(value):
            raise ParameterError(
                f"the value of {match.group(1)}, {value!r}, may only have letters, digits and "
                "_ . : / + @ - where it is used"
            )
        return value

    return _TOKEN.sub(text_of, re.sub(f'"{_TOKEN.pattern}"', value_of, text))
