"""Transform component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx import components as tfx_components
from tfx import types
from tfx.dsl.components.base import executor_spec
from tfx.proto import transform_pb2

from components.transform import executor


class Transform(tfx_components.Transform):
    """TFX's Transform with an executor for recordings.

    Parameters, artifacts and files are those of TFX's Transform, so that it can be replaced by this
    component. It has no analyzer cache, and computes no statistics (StatisticsGen does).
    Differences:

      - Batches have a fixed number of clips. TFX's batches grow up to 1,000 clips, whose spectra
        take gigabytes.
      - One worker reads, transforms and writes a shard, a batch at a time: memory does not grow
        with the corpus, and shards and their order are those of the examples.
      - Features are not compressed: compression would take longer than the features themselves and
        save little.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        preprocessing_fn: str,
        custom_config: dict[str, Any],
        analyze: Sequence[str],
        transform: Sequence[str],
        materialize: bool,
    ) -> None:
        """Builds the component.

        Args:
            examples: `Examples` as uncompressed TFRecords, as UtteranceGen writes them.
            schema: Their `Schema`.
            preprocessing_fn: Dotted path of the function:
                `models.features.preprocessing.preprocessing_fn`.
            custom_config: Argument of the function and part of TFX's cache key.
            analyze: Splits for the analyzers.
            transform: Splits whose features are written.
            materialize: Whether features are written.
        """
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn=preprocessing_fn,
            custom_config=custom_config,
            splits_config=transform_pb2.SplitsConfig(analyze=analyze, transform=transform),
            materialize=materialize,
            disable_statistics=True,
            disable_analyzer_cache=True,
        )
