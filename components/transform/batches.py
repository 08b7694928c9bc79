"""Shards of serialized tf.Examples as batches of a fixed size, for TensorFlow Transform."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx_bsl.coders import example_coder

from bonafide.storage import records

# Enough to amortise a call; with 4 s clips some 10 MB of samples and 30 MB of spectra.
BATCH_CLIPS = 64


def read_batches(uri: str) -> Iterator[list[bytes]]:
    """Serialized examples of a TFRecord file on any filesystem of Beam's, `BATCH_CLIPS` at a time.

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
    """Turns the URI of a shard into record batches of Arrow, as TFXIO makes them.

    Args:
        schema: A serialized `tensorflow_metadata.proto.v0.schema_pb2.Schema`.
    """

    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        """Makes the decoder, which cannot be pickled."""
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(self._schema)

    def process(self, uri: str) -> Iterator[pa.RecordBatch]:
        """Yields the batches of a shard."""
        for batch in read_batches(uri):
            yield self._decoder.DecodeBatch(batch)
