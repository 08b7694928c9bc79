"""Helpers for component specifications, so that each component lists its fields once.

Execution properties are strings. Settings are passed as the JSON of a `Section`, which is validated
when the component is built and when the executor reads it. Strings are readable in the metadata and
in Kubeflow's UI, and can contain run parameters (see `pipeline.kubeflow.parameters`).
"""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.types import component_spec

from bonafide.settings import Section


def properties(*names: str) -> dict[str, component_spec.ExecutionParameter]:
    """Returns `PARAMETERS` of a specification, all strings."""
    return {name: component_spec.ExecutionParameter(type=str) for name in names}


def channels(
    optional: bool = False, **kinds: type[types.Artifact]
) -> dict[str, component_spec.ChannelParameter]:
    """Returns `INPUTS` or `OUTPUTS` of a specification from name -> artifact type."""
    return {
        name: component_spec.ChannelParameter(type=kind, optional=optional)
        for name, kind in kinds.items()
    }


def filled(spec: type[component_spec.ComponentSpec], **values: Any) -> component_spec.ComponentSpec:
    """Returns a specification with its values, and with a new channel for each output.

    Args:
        spec: Class of the specification.
        values: Inputs and execution properties by name; a `Section` becomes its JSON.
    """
    texts = {
        name: value.to_json() if isinstance(value, Section) else value
        for name, value in values.items()
    }
    outputs = {name: types.Channel(type=output.type) for name, output in spec.OUTPUTS.items()}
    return spec(**texts, **outputs)
