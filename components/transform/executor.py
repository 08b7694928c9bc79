"""Executor of Transform: Beam analyses, TensorFlow Transform builds the graph, Beam writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import artifact_utils
from tfx.utils import import_utils, io_utils, json_utils, proto_utils
from tfx_bsl.tfxio import tf_example_record

from bonafide.storage import beam_files
from components.transform import batches, feature_writer


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes `transform_graph` and, if requested, `transformed_examples`."""

    def Do(  # noqa: N802 (the name is TFX's)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
            input_dict: `examples` and `schema`.
            output_dict: `transform_graph`; `transformed_examples` if features are to be written.
            exec_properties: `preprocessing_fn`, `custom_config` and `splits_config`, as of TFX's
                Transform.

        Raises:
            ValueError: A split to be analysed has no examples.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        beam_files.use_options(self._beam_pipeline_args or [])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        graph_uri = artifact_utils.get_single_uri(output_dict["transform_graph"])
        splits = transform_pb2.SplitsConfig()
        proto_utils.json_to_proto(exec_properties["splits_config"], splits)
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        self._analyse(
            {split: _shards(examples, split) for split in splits.analyze},
            schema,
            _preprocessing_fn(exec_properties),
            graph_uri,
        )
        if "transformed_examples" in output_dict:
            features = artifact_utils.get_single_instance(output_dict["transformed_examples"])
            self._write(examples, list(splits.transform), graph_uri, features)

    def _analyse(
        self,
        shards: Mapping[str, Sequence[str]],
        schema: schema_pb2.Schema,
        preprocessing_fn: Callable[..., Any],
        graph_uri: str,
    ) -> None:
        """Analyses the examples once, if there are statistics to compute, and writes the graph."""
        for split, files in shards.items():
            if not files:
                raise ValueError(
                    f"expected examples in the split {split}, from which features are computed, "
                    "got none"
                )
        reader = tf_example_record.TFExampleBeamRecord(
            physical_format="inmem", schema=schema, telemetry_descriptors=["Transform"]
        )
        config, specs = reader.TensorAdapterConfig(), reader.TensorAdapter().OriginalTypeSpecs()
        needed = tft.get_analyze_input_columns(preprocessing_fn, specs)
        paths = [path for files in shards.values() for path in files] if needed else []
        # Below the output, which all workers of an engine can access, and which TFX removes after
        # a killed run.
        temporary = beam_files.join(graph_uri, ".temp")
        with (
            self._make_beam_pipeline() as pipeline,
            tft_beam.Context(temp_dir=temporary, use_deep_copy_optimization=True),
        ):
            data = (
                pipeline
                # Distributed by number, because Reshuffle's random keys would change the order of
                # the summation of moments in each run.
                | "Shards" >> beam.Create(list(enumerate(paths)))
                | "Spread" >> beam.GroupByKey()
                | "Paths" >> beam.FlatMapTuple(lambda _, shard: shard)
                | "ReadBatches" >> beam.ParDo(batches.ReadBatches(schema.SerializeToString()))
            )
            transform_fn = (data, config) | ("Analyse" >> tft_beam.AnalyzeDataset(preprocessing_fn))
            _ = transform_fn | "WriteGraph" >> tft_beam.WriteTransformFn(graph_uri)
            raw_metadata = beam_files.join(graph_uri, tft.TFTransformOutput.RAW_METADATA_DIR)
            _ = dataset_metadata.DatasetMetadata(schema) | (
                "WriteRawMetadata" >> tft_beam.WriteMetadata(raw_metadata, pipeline)
            )
        io_utils.delete_dir(temporary)

    def _write(
        self,
        examples: types.Artifact,
        splits: Sequence[str],
        graph_uri: str,
        features: types.Artifact,
    ) -> None:
        """Writes the features of every example, one shard for each shard of examples."""
        scratch = beam_files.join(features.uri, ".scratch")
        # Files of a killed attempt are removed first: readers take every file of a split.
        for folder in (scratch, *(beam_files.join(features.uri, f"Split-{s}") for s in splits)):
            beam_files.remove_folder(folder)
            beam_files.make_folder(folder)
        tasks = []
        for split in splits:
            files = _shards(examples, split)
            tasks += [
                feature_writer.Task(
                    source,
                    beam_files.join(
                        features.uri,
                        f"Split-{split}",
                        f"transformed_examples-{number:05d}-of-{len(files):05d}",
                    ),
                )
                for number, source in enumerate(files)
            ]
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(tasks)
                | "Spread" >> beam.Reshuffle()
                | "WriteFeatures"
                >> beam.ParDo(feature_writer.WriteFeatures(graph_uri, scratch=scratch))
            )
        beam_files.remove_folder(scratch)
        features.split_names = artifact_utils.encode_split_names(list(splits))
        examples_utils.set_payload_format(features, example_gen_pb2.FORMAT_TF_EXAMPLE)


def _preprocessing_fn(exec_properties: Mapping[str, Any]) -> Callable[..., Any]:
    module, _, name = exec_properties["preprocessing_fn"].rpartition(".")
    function = import_utils.import_func_from_module(module, name)
    config = json_utils.loads(exec_properties["custom_config"])
    return functools.partial(function, custom_config=config)


def _shards(examples: types.Artifact, split: str) -> list[str]:
    """The files of a split, in order."""
    folder = artifact_utils.get_split_uri([examples], split)
    return [beam_files.join(folder, name) for name in sorted(beam_files.list_folder(folder))]
