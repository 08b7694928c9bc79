"""What the specifications of our components have in common, so that each names its fields once.

An execution property is a text: settings travel as the JSON of a `Section`, typed and checked when
it is built and again when an executor reads it. Texts can be read in the metadata and in Kubeflow's
UI, and a run's parameters can be put into them (see `pipeline.kubeflow.parameters`).
"""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.types import component_spec

from bonafide.settings import Section


def properties(*names: str) -> dict[str, component_spec.ExecutionParameter]:
    """Returns `PARAMETERS` of a specification; each is a text."""
    return {name: component_spec.ExecutionParameter(type=str) for name in names}


def channels(
    optional: bool = False, **kinds: type[types.Artifact]
) -> dict[str, component_spec.ChannelParameter]:
    """Returns `INPUTS` or `OUTPUTS` of a specification, from name -> type of artifact."""
    return {
        name: component_spec.ChannelParameter(type=kind, optional=optional)
        for name, kind in kinds.items()
    }


def filled(spec: type[component_spec.ComponentSpec], **values: Any) -> component_spec.ComponentSpec:
    """Returns a specification with its values, and with a new channel for each output.

    Args:
        spec: The class.
        values: Inputs and execution properties by name; a `Section` becomes its JSON.
    """
    texts = {
        name: value.to_json() if isinstance(value, Section) else value
        for name, value in values.items()
    }
    outputs = {name: types.Channel(type=output.type) for name, output in spec.OUTPUTS.items()}
    return spec(**texts, **outputs)
