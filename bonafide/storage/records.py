"""tf.Examples and TFRecords without TensorFlow.

Importing TensorFlow takes every Beam worker some seconds and half a gigabyte, and nothing else in
UtteranceGen needs it.
"""

import itertools
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
# tensorflow/core/example/feature.proto: name, number, type and label of the values of each kind of
# list. Floats are packed: on the wire their field is one string of bytes, and is declared as such
# here, so that an array goes in as it is and not number by number.
_LISTS = (
    ("BytesList", "bytes_list", 1, _FIELD.TYPE_BYTES, _FIELD.LABEL_REPEATED),
    ("FloatList", "float_list", 2, _FIELD.TYPE_BYTES, _FIELD.LABEL_OPTIONAL),
    ("Int64List", "int64_list", 3, _FIELD.TYPE_INT64, _FIELD.LABEL_REPEATED),
)
_CRC_MASK = 0xA282EAD8
_HEAD = struct.Struct("<QI")  # the length of a record, and the checksum of that


def encode_example(features: Mapping[str, list[bytes] | list[int] | np.ndarray]) -> bytes:
    """Serializes a tf.train.Example; the same features give the same bytes.

    (TensorFlow's and tfx-bsl's encoders in C++ put features in an order that changes.)

    Args:
        features: Values by name: bytes, whole numbers, or an array of float32 in any shape, whose
            numbers go in row by row.

    Returns:
        What `tf.train.Example.SerializeToString(deterministic=True)` returns.
    """
    example = _Example()
    example.features.SetInParent()  # there, even if there is nothing in it
    target = example.features.feature
    for name, values in features.items():
        feature = target[name]
        if isinstance(values, np.ndarray):
            feature.float_list.value = values.astype("<f4", copy=False).tobytes()
        elif values and isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(values)
    return example.SerializeToString(deterministic=True)


def write_record(file: BinaryIO, record: bytes) -> None:
    """Appends a record to a TFRecord file: its length and itself, each with a masked CRC-32C.

    The format is described at https://www.tensorflow.org/tutorials/load_data/tfrecord.
    """
    length = struct.pack("<Q", len(record))
    file.write(_HEAD.pack(len(record), _masked_crc(length)))
    file.write(record)
    file.write(struct.pack("<I", _masked_crc(record)))


def read_records(file: BinaryIO, *, where: str) -> Iterator[bytes]:
    """Yields the records of a TFRecord file that is not compressed.

    Args:
        file: The file.
        where: Its name, for messages.

    Raises:
        ValueError: A record is cut off, or a checksum does not match: the file is damaged.
    """
    for number in itertools.count():
        head = file.read(_HEAD.size)
        if not head:
            return
        length, check = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, -1)
        if check != _masked_crc(head[:8]):
            raise ValueError(f"{where}: record {number} is cut off or damaged")
        record, tail = file.read(length), file.read(4)
        if len(tail) != 4 or struct.unpack("<I", tail)[0] != _masked_crc(record):
            raise ValueError(f"{where}: record {number} is cut off or damaged")
        yield record


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _CRC_MASK) & 0xFFFF_FFFF


def _example_class() -> Any:
    """The message class of tf.train.Example, made from its published definition.

    In a pool of its own, since TensorFlow, where it is imported as well, has the same names.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for message, field, number, kind, label in _LISTS:
        values = file.message_type.add(name=message)
        values.field.add(name="value", number=1, type=kind, label=label)
        feature.field.add(
            name=field,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".tensorflow.{message}",
            label=_FIELD.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    # A map is a repeated message of keys and values on the wire.
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    _add_message(entry, "value", 2, "Feature", _FIELD.LABEL_OPTIONAL)
    _add_message(features, "feature", 1, "Features.FeatureEntry", _FIELD.LABEL_REPEATED)
    example = file.message_type.add(name="Example")
    _add_message(example, "features", 1, "Features", _FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def _add_message(
    parent: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, label: int
) -> None:
    parent.field.add(
        name=name,
        number=number,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".tensorflow.{kind}",
        label=label,
    )


_Example = _example_class()
