"""TFRecord files and the tf.Examples in them, as far as a reader of a corpus needs them.

A TFRecord file is a sequence of records: the length of the data (8 bytes, little-endian), a
checksum of it (4 bytes), the data, a checksum of that (4 bytes). The first checksum is looked at:
it tells a TFRecord file from any other, and a cut from an end. The second would cost more than
reading the corpus does, and soundfile notices broken audio.
"""

import dataclasses
import re
import struct
from collections.abc import Iterator

_PART = re.compile(r"(.+\.tfrec(?:ord)?s?)#(\d+):(\d+)")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class TFRecordError(ValueError):
    """Not a TFRecord file of tf.Examples, or one that was cut off."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Some bytes of a file; as a path `shard.tfrec#OFFSET:LENGTH`."""

    path: str
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.path}#{self.offset}:{self.length}"


def split_part(path: str) -> Part | None:
    """The part of a TFRecord file that a path names; None if it names a whole file."""
    match = _PART.fullmatch(path)
    return Part(match[1], int(match[2]), int(match[3])) if match else None


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields where each record of a TFRecord file begins and ends, in bytes.

    Raises:
        TFRecordError: It is none, or was cut off.
    """
    at = 0
    while at < len(data):
        if len(data) - at < 16:
            raise TFRecordError(f"{len(data) - at} bytes left over at byte {at}: it was cut off")
        length, checksum = struct.unpack_from("<QI", data, at)
        if checksum != masked_crc32c(data[at : at + 8]):
            raise TFRecordError(f"no record begins at byte {at}: the length's checksum is wrong")
        start = at + 12
        if length > len(data) - start - 4:
            raise TFRecordError(f"the record at byte {at} has {length} bytes: it was cut off")
        yield start, start + length
        at = start + length + 4


def features(data: bytes, start: int, end: int) -> dict[str, tuple[int, int] | int]:
    """The first value of each feature of a tf.Example, without copying any.

    Args:
        data: The file.
        start: Where the example begins.
        end: Where it ends.

    Returns:
        By name: where a bytes value begins and ends, or a whole number. Features that are empty or
        hold floats are left out.

    Raises:
        TFRecordError: It is no tf.Example.
    """
    found: dict[str, tuple[int, int] | int] = {}
    # Example.features = 1; Features.feature = 1, a map of entries: key = 1, value = 2.
    for _, example in _fields(data, start, end, wanted=1):
        for _, entry in _fields(data, *_range(example), wanted=1):
            name, value = "", None
            for number, part in _fields(data, *_range(entry)):
                if number == 1:
                    name = _text(data, part)
                elif number == 2:
                    value = _first(data, *_range(part))
            if value is not None:
                found[name] = value
    return found


def _first(data: bytes, start: int, end: int) -> tuple[int, int] | int | None:
    """Feature: bytes_list = 1, float_list = 2, int64_list = 3; each list has value = 1."""
    for kind, part in _fields(data, start, end):
        for _, value in _fields(data, *_range(part), wanted=1):
            if kind == 1:
                return _range(value)
            if kind == 3:  # Packed, or a number each.
                return value if isinstance(value, int) else _signed(_varint(data, *value)[0])
    return None


def _fields(
    data: bytes, start: int, end: int, *, wanted: int | None = None
) -> Iterator[tuple[int, tuple[int, int] | int]]:
    """Yields number and value of the fields of a protocol buffer; bytes as where they are."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        value: tuple[int, int] | int
        if kind == _VARINT:
            raw, at = _varint(data, at, end)
            value = _signed(raw)
        elif kind == _BYTES:
            length, at = _varint(data, at, end)
            value, at = (at, at + length), at + length
        elif kind in (_FIXED32, _FIXED64):
            width = 4 if kind == _FIXED32 else 8
            value, at = (at, at + width), at + width
        else:
            raise TFRecordError(f"no tf.Example: a field of kind {kind} at byte {at}")
        if at > end:
            raise TFRecordError(f"no tf.Example: a field goes beyond its end at byte {end}")
        if wanted is None or number == wanted:
            yield number, value


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= end:
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise TFRecordError(f"no tf.Example: no number at byte {at}")


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _range(value: tuple[int, int] | int) -> tuple[int, int]:
    if isinstance(value, int):
        raise TFRecordError("no tf.Example: a number where a message is wanted")
    return value


def _text(data: bytes, value: tuple[int, int] | int) -> str:
    start, end = _range(value)
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as error:
        raise TFRecordError(f"no tf.Example: the name of a feature is not text: {error}") from error


def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)  # CRC-32C, reflected.
        values.append(byte)
    return tuple(values)


_TABLE = _table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
