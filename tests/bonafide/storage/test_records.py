import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bonafide.storage import records

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
        with pytest.raises(ValueError, match=r"file: record \d is cut off or damaged"):
            list(records.read_records(io.BytesIO(flipped), where="file"))
        with pytest.raises(ValueError, match=r"file: record \d is cut off or damaged"):
            list(records.read_records(io.BytesIO(whole[:-1]), where="file"))
