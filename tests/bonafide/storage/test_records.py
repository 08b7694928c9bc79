import contextlib
import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bonafide.storage import records
from bonafide.storage.text_files import FileError

values = st.one_of(
    hnp.arrays(np.float32, st.integers(1, 6), elements=st.floats(width=32)),
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
)


def tensorflow_example(features):
    def feature(values):
        if isinstance(values, np.ndarray):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        if isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    named = {name: feature(values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named))


@given(st.dictionaries(st.text(max_size=10), values, max_size=5))
def test_the_bytes_are_tensorflows(features):
    expected = tensorflow_example(features).SerializeToString(deterministic=True)
    assert records.encode_example(features) == expected


@given(st.dictionaries(st.text(max_size=10), values, max_size=5))
def test_what_tensorflow_encodes_is_decoded(features):
    found = records.decode_example(tensorflow_example(features).SerializeToString())
    assert found.keys() == features.keys()
    for name, expected in features.items():
        np.testing.assert_array_equal(found[name], expected)
        assert type(found[name]) is type(expected)


def test_numbers_that_are_not_packed_and_features_without_values_are_decoded():
    # Features.feature {key "a", value {int64_list {value 5, value -1}}}, each number a field.
    numbers = b"\x08\x05\x08" + b"\xff" * 9 + b"\x01"
    feature = b"\x1a" + bytes([len(numbers)]) + numbers
    entry = b"\x0a\x01a\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    example = b"\x0a" + bytes([len(features)]) + features
    assert records.decode_example(example) == {"a": [5, -1]}
    unset = tf.train.Example(features=tf.train.Features(feature={"a": tf.train.Feature()}))
    assert records.decode_example(unset.SerializeToString()) == {"a": []}
    assert records.decode_example(b"") == {}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_example_or_refused(data):
    with contextlib.suppress(FileError):
        records.decode_example(data)


def test_no_value_at_all_is_an_empty_list_of_bytes():
    parsed = tf.train.Example.FromString(records.encode_example({"a": []}))
    assert parsed.features.feature["a"].WhichOneof("kind") == "bytes_list"


@pytest.mark.parametrize("payloads", [[], [b""], [b"one", b"", b"x" * 100_000]])
def test_tensorflow_reads_the_records(payloads, tmp_path):
    path, written = tmp_path / "file", io.BytesIO()
    for payload in payloads:
        records.write_record(written, payload)
    path.write_bytes(written.getvalue())
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == payloads
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for payload in payloads:
            writer.write(payload)
    assert (tmp_path / "theirs").read_bytes() == written.getvalue()


@given(st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_what_was_written_is_read_and_damage_is_found(payloads, data):
    written = io.BytesIO()
    for payload in payloads:
        records.write_record(written, payload)
    whole = written.getvalue()
    assert list(records.read_records(io.BytesIO(whole), where="file")) == payloads
    if payloads:
        place = data.draw(st.integers(0, len(whole) - 1))
        flipped = bytearray(whole)
        flipped[place] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(ValueError, match=r"file: .*at byte \d+"):
            list(records.read_records(io.BytesIO(flipped), where="file"))
        with pytest.raises(ValueError, match=r"file: .*at byte \d+"):
            list(records.read_records(io.BytesIO(whole[:-1]), where="file"))


def test_the_checksum_is_the_known_one():
    # RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 0x8a9136aa.
    crc, written = 0x8A9136AA, io.BytesIO()
    records.write_record(written, b"\0" * 32)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
    assert written.getvalue()[-4:] == masked.to_bytes(4, "little")


def whole(*payloads):
    written = io.BytesIO()
    for payload in payloads:
        records.write_record(written, payload)
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"short", "the record at byte 0 is truncated: expected 12 bytes, got 5. Copy"),
        (
            whole(b"abcdefgh")[:-6],
            "the record at byte 0 is truncated: expected 12 bytes, got 6. Copy",
        ),
        (whole(b"abc")[:-1], "the record at byte 0 is truncated: expected 7 bytes, got 6. Copy"),
        (b"x" * 40, "expected a record at byte 0, got a wrong checksum of its length. Use"),
        (whole(b"abc") + b"y" * 20, "expected a record at byte 19"),
        (whole(b"abc", b"d")[:-4] + b"\0" * 4, "the record at byte 19 is damaged: its checksum is"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(data, part):
    with pytest.raises(FileError, match=r"^f: ") as caught:
        list(records.read_records(io.BytesIO(data), where="f"))
    assert part in str(caught.value)
