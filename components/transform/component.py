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
    """TFX's Transform with an executor made for recordings.

    Inputs and outputs are TFX's: the same parameters, artifacts and files, so that everything that
    reads those of TFX reads these. What it does not have are the analyzers' cache and statistics
    before and after, which StatisticsGen has made. What it has instead:

      - Batches have a fixed number of clips. TFX's grow up to 1,000 for as long as that is quicker,
        and the spectra of 1,000 clips are gigabytes.
      - A shard is read, transformed and written by one worker, a batch at a time: memory does not
        grow with the corpus, and shards and their order are those of the examples.
      - Features are not compressed, which would take longer than to compute them and save little.
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
            examples: `Examples` in TFRecords that are not compressed, as UtteranceGen's.
            schema: Their `Schema`.
            preprocessing_fn: Dotted path of the function:
                `models.features.preprocessing.preprocessing_fn`.
            custom_config: Handed to it. TFX's cache goes by it as well.
            analyze: The splits that analyzers see.
            transform: The splits whose features are written, if any are.
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
