"""Run parameters: values that a compiled pipeline receives at run time.

TFX fixes the execution properties of a component at compile time, and some of them are JSON strings
with many settings. A token `@{name}` in a property stands for a value that is set at run time. The
compiler gives each task whose properties contain `@{epochs}` an input parameter `param--epochs`,
and the pod's entrypoint replaces the token by the value. The parameter is part of the task's cache
key like any other.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.config import Settings

PREFIX = "param--"
# Values that a run computes and later components may use -> the component that computes them.
FOUND = {
    "corpus_fingerprint": "CorpusCheck",
    "asv_error_rates": "CorpusCheck",
    "pretrained": "WarmStart",
    "pretrained_digest": "WarmStart",
}
# Output parameter of ModelEvaluator, and its value in ModelPusher's condition.
VERDICT, PASSED, REFUSED = "verdict", "passed", "refused"

_TOKEN = re.compile(r"@\{([a-z_]+)\}")
_PLAIN = re.compile(r"[\w.:/+@-]*")


class ParameterError(ValueError):
    """A parameter is missing or cannot be inserted."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Target of a value: an execution property, or a field of its JSON."""

    component: str
    exec_property: str
    path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A value that a user can set for a run.

    Attributes:
        name: Name in Kubeflow's form.
        kind: Type, as in the pipeline specification.
        default: Default value.
        about: Description for that form, one line.
        places: Its targets, besides the properties that contain its token already.
    """

    name: str
    kind: Literal["STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE"]
    default: str | int | float
    about: str
    places: tuple[Place, ...] = ()


def run_parameters(settings: Settings, push_destination: str) -> tuple[RunParameter, ...]:
    """Returns the parameters of a compiled pipeline, with the settings as defaults.

    Args:
        settings: Settings of the pipeline.
        push_destination: Serving folder, as a path or URI in the pods.
    """

    def shown(*path: str) -> Place:
        return Place("EvalReport", "settings", path)

    return (
        RunParameter(
            "corpus_root",
            "STRING",
            settings.corpus.root,
            "Folder of the corpus in the pods: a mounted path, or a URI.",
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
            "Gate: maximum EER (upper end of its interval), a fraction.",
            (Place("ModelEvaluator", "settings", ("gate", "max_eer")), shown("gate", "max_eer")),
        ),
        RunParameter(
            "force_blessing_reason",
            "STRING",
            "",
            "If not empty, a refused model is pushed nevertheless, and this reason is recorded.",
            (Place("ModelEvaluator", "settings", ("force_blessing_reason",)),),
        ),
    )


def token(name: str) -> str:
    """Returns the token of a value."""
    return f"@{{{name}}}"


def names_in(text: str) -> set[str]:
    """Returns the names of the values that a property uses."""
    return set(_TOKEN.findall(text))


def place_token(text: str, path: tuple[str, ...], name: str) -> str:
    """Inserts the token of `name` into a property.

    Args:
        text: The property.
        path: Keys of the field in its JSON; empty replaces the whole property.
        name: Name of the parameter.

    Raises:
        ParameterError: The field does not exist.
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
        raise ParameterError(f"no field {'.'.join(path)} for the parameter {name}") from error
    inner[path[-1]] = token(name)
    return json.dumps(whole, sort_keys=True)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Replaces tokens by values.

    A token that is a whole JSON string becomes the value's JSON (a number without quotes). A token
    that is the whole property becomes the value's text. Inside other text, only values are allowed
    that need no quoting.

    Raises:
        ParameterError: A value is missing, or is not allowed inside other text.
    """
    if missing := names_in(text) - values.keys():
        raise ParameterError(f"expected values for {', '.join(sorted(missing))}, got none")

    def value_of(match: re.Match[str]) -> str:
        return json.dumps(values[match.group(1)])

    def text_of(match: re.Match[str]) -> str:
        value = str(values[match.group(1)])
        if match.group() != text and not _PLAIN.fullmatch(value):
            raise ParameterError(
                f"{match.group(1)}: expected only letters, digits and _ . : / + @ -, got {value!r}"
            )
        return value

    return _TOKEN.sub(text_of, re.sub(f'"{_TOKEN.pattern}"', value_of, text))
