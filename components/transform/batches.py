"""Shards of serialized tf.Examples as batches of a fixed size, for TensorFlow Transform."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx_bsl.coders import example_coder

from bonafide.storage import records

# Amortises the cost of a call; with 4 s clips, about 10 MB of samples and 30 MB of spectra.
BATCH_CLIPS = 64


def read_batches(uri: str) -> Iterator[list[bytes]]:
    """Yields the examples of a TFRecord file on a Beam filesystem in batches of `BATCH_CLIPS`.

    Raises:
        ValueError: The file is damaged.
    """
    with FileSystems.open(uri, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        batch = []
        for record in records.read_records(file, where=uri):
            batch.append(record)
            if len(batch) == BATCH_CLIPS:
                yield batch
                batch = []
        if batch:
            yield batch


class ReadBatches(beam.DoFn):
    """Converts a shard to Arrow record batches in the format of TFXIO.

    Args:
        schema: A serialized `tensorflow_metadata.proto.v0.schema_pb2.Schema`.
    """

    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        """Creates the decoder, which cannot be pickled."""
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(self._schema)

    def process(self, uri: str) -> Iterator[pa.RecordBatch]:
        """Yields the batches of a shard."""
        for batch in read_batches(uri):
            yield self._decoder.DecodeBatch(batch)
