"""tf.Examples and TFRecords without TensorFlow, whose import takes seconds and half a gigabyte.

A TFRecord file is a sequence of records: the length of the data (8 bytes, little-endian), a
checksum of it (4 bytes), the data, a checksum of that (4 bytes). The format is described at
https://www.tensorflow.org/tutorials/load_data/tfrecord.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from bonafide.storage.text_files import FileError

_FIELD = descriptor_pb2.FieldDescriptorProto
# tensorflow/core/example/feature.proto: name, number, type and label of the values of each kind of
# list. Packed floats are one byte string on the wire. They are declared as such here, so that an
# array is written at once and not number by number.
_LISTS = (
    ("BytesList", "bytes_list", 1, _FIELD.TYPE_BYTES, _FIELD.LABEL_REPEATED),
    ("FloatList", "float_list", 2, _FIELD.TYPE_BYTES, _FIELD.LABEL_OPTIONAL),
    ("Int64List", "int64_list", 3, _FIELD.TYPE_INT64, _FIELD.LABEL_REPEATED),
)
_CRC_MASK = 0xA282EAD8
_HEAD = struct.Struct("<QI")  # length of a record, and its checksum
HEAD_BYTES = _HEAD.size
TAIL_BYTES = 4


def encode_example(features: Mapping[str, list[bytes] | list[int] | np.ndarray]) -> bytes:
    """Serializes a tf.train.Example; the same features give the same bytes.

    (The C++ encoders of TensorFlow and tfx-bsl have no fixed order of features.)

    Args:
        features: Values by name: bytes, whole numbers, or an array of float32 of any shape, in
            row-major order.

    Returns:
        The result of `tf.train.Example.SerializeToString(deterministic=True)`.
    """
    example = _Example()
    example.features.SetInParent()  # present, even if empty
    target = example.features.feature
    for name, values in features.items():
        feature = target[name]
        if isinstance(values, np.ndarray):
            feature.float_list.value = values.astype("<f4", copy=False).tobytes()
        elif values and isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(values)
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def decode_example(data: bytes) -> dict[str, list[bytes] | list[int] | np.ndarray]:
    """Returns the features of a serialized tf.train.Example; the inverse of `encode_example`.

    Raises:
        FileError: The data is not a tf.Example.
    """
    try:
        features = _Example.FromString(data).features.feature
    except DecodeError as error:
        raise FileError(f"expected a tf.Example, got other bytes: {error}") from error
    return {name: _values(feature) for name, feature in features.items()}


def _values(feature: Any) -> list[bytes] | list[int] | np.ndarray:
    kind = feature.WhichOneof("kind")
    if kind == "float_list":
        return np.frombuffer(feature.float_list.value, "<f4")
    return list(feature.int64_list.value if kind == "int64_list" else feature.bytes_list.value)


def write_record(file: BinaryIO, record: bytes) -> None:
    """Appends a record to a TFRecord file: length and data, each with a masked CRC-32C."""
    length = struct.pack("<Q", len(record))
    file.write(_HEAD.pack(len(record), _masked_crc(length)))
    file.write(record)
    file.write(struct.pack("<I", _masked_crc(record)))


def read_records(file: BinaryIO, *, where: str) -> Iterator[bytes]:
    """Yields the records of an uncompressed TFRecord file.

    Args:
        file: Open file.
        where: Name of the file, for messages.

    Raises:
        FileError: A record is truncated, or a checksum does not match: the file is damaged, or is
            not a TFRecord file.
    """
    at = 0
    while head := file.read(HEAD_BYTES):
        if len(head) < HEAD_BYTES:
            raise _cut_off(where, at, HEAD_BYTES, len(head))
        length, check = _HEAD.unpack(head)
        if check != _masked_crc(head[:8]):
            raise FileError(
                f"{where}: expected a record at byte {at}, got a wrong checksum of its length. "
                "Use uncompressed TFRecord files; if it is one, copy it again"
            )
        record, tail = file.read(length), file.read(TAIL_BYTES)
        if len(tail) < TAIL_BYTES:
            raise _cut_off(where, at, length + TAIL_BYTES, len(record) + len(tail))
        if struct.unpack("<I", tail)[0] != _masked_crc(record):
            raise FileError(
                f"{where}: the record at byte {at} is damaged: its checksum is wrong. Copy the "
                "file again"
            )
        yield record
        at += HEAD_BYTES + length + TAIL_BYTES


def _cut_off(where: str, at: int, expected: int, got: int) -> FileError:
    return FileError(
        f"{where}: the record at byte {at} is truncated: expected {expected:,} bytes, got {got:,}. "
        "Copy the file again"
    )


def _masked_crc(data: bytes) -> int:
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _CRC_MASK) & 0xFFFF_FFFF


def _example_class() -> Any:
    """Returns the message class of tf.train.Example, built from its published definition.

    It is in a pool of its own, because TensorFlow defines the same names.
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
    # On the wire, a map is a repeated message of keys and values.
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
