"""The Beam step that writes features: one worker reads, transforms and writes one whole shard."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bonafide.storage import beam_files, records
from components.transform import batches

A = TypeVar("A")
B = TypeVar("B")


class Task(NamedTuple):
    """A shard to write: URIs of the examples and of the features."""

    source: str
    target: str


class WriteFeatures(beam.DoFn):
    """Writes a shard of transformed examples; yields its URI.

    Memory holds a few batches at a time. If Beam runs a shard twice, the second run writes the same
    bytes.

    Args:
        graph_uri: Folder of Transform's graph.
        scratch: Folder for unfinished files, on the filesystem of the targets.
    """

    def __init__(self, graph_uri: str, *, scratch: str) -> None:
        self._graph_uri = graph_uri
        self._scratch = scratch

    def setup(self) -> None:
        """Loads the graph, once per worker."""
        output = tft.TFTransformOutput(self._graph_uri)
        layer = output.transform_features_layer()
        spec = output.raw_feature_spec()

        # Traced once for all batch sizes: TensorFlow keeps each graph until the process
        # ends, and one graph per shard would accumulate.
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def compute(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            return layer(tf.io.parse_example(serialized, spec))

        self._compute = lambda batch: {k: v.numpy() for k, v in compute(batch).items()}

    def process(self, task: Task) -> Iterator[str]:
        """Writes the shard."""
        with beam_files.writing(task.target, scratch=self._scratch) as file:
            for batch in one_ahead(self._compute, batches.read_batches(task.source)):
                for example in encode_batch(batch):
                    records.write_record(file, example)
        yield task.target


def one_ahead(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Yields `function` of each item; the next one is computed, in a thread, while one is used."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = None
        for item in items:
            following = pool.submit(function, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()


def encode_batch(batch: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    """Serialized tf.Examples of a batch of tensors, each [B, ...]."""
    for row in range(len(next(iter(batch.values())))):
        yield records.encode_example({name: _values(batch[name][row]) for name in batch})


def _values(tensor: np.ndarray) -> np.ndarray | list[bytes] | list[int]:
    """Converts a tensor for `encode_example`: floats unchanged, strings and integers as lists."""
    return tensor if tensor.dtype == np.float32 else tensor.reshape(-1).tolist()
