"""CuratedSchema: provides the hand-written schema to the pipeline.

TFX's importers identify a schema by its path, so an edit of the file would not change the cache
key. Here the text is the execution property: an edit changes the cache key, the lineage shows the
schema, and a pod needs no copy of the file.
"""

from __future__ import annotations

import os
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, component_spec, standard_artifacts
from tfx.utils import io_utils

from components.declaration import channels, filled, properties


class Executor(base_executor.BaseExecutor):
    """Validates the text and writes it as `schema.pbtxt`."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],  # noqa: ARG002 (TFX's signature)
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class.

        Raises:
            ValueError: The text is not a schema.
        """
        schema = schema_pb2.Schema()
        try:
            text_format.Parse(exec_properties["schema_pbtxt"], schema)
        except text_format.ParseError as error:
            raise ValueError(
                f"schema/schema.pbtxt is not a valid schema: {error}. It is written in the text "
                "format of tensorflow_metadata's Schema message."
            ) from error
        uri = artifact_utils.get_single_uri(output_dict["schema"])
        fileio.makedirs(uri)
        io_utils.write_pbtxt_file(os.path.join(uri, "schema.pbtxt"), schema)  # noqa: PTH118 (URI)


class CuratedSchemaSpec(component_spec.ComponentSpec):
    """Interface of CuratedSchema."""

    PARAMETERS = properties("schema_pbtxt", "code_fingerprint")
    INPUTS = channels()
    OUTPUTS = channels(schema=standard_artifacts.Schema)


class CuratedSchema(base_component.BaseComponent):
    """Writes the given schema (text format) as a Schema artifact."""

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, *, schema_pbtxt: str, code_fingerprint: str = "") -> None:
        """Builds the component from the text of a `schema.pbtxt` and the hash of this code."""
        super().__init__(
            filled(CuratedSchemaSpec, schema_pbtxt=schema_pbtxt, code_fingerprint=code_fingerprint)
        )
