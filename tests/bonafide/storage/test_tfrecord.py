import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpora import DictFiles, example, record, spoken

from bonafide.corpora import asvspoof2019_tfrecord, base
from bonafide.storage import tfrecord


def test_what_tensorflow_writes_is_read(tmp_path):
    def feature(**kinds):
        return tf.train.Feature(**kinds)

    audio = bytes(range(256)) * 3
    written = tf.train.Example(
        features=tf.train.Features(
            feature={
                "audio": feature(bytes_list=tf.train.BytesList(value=[audio, b"second"])),
                "target": feature(int64_list=tf.train.Int64List(value=[300, 2])),
                "negative": feature(int64_list=tf.train.Int64List(value=[-5])),
                "loudness": feature(float_list=tf.train.FloatList(value=[0.5])),
                "nothing": feature(bytes_list=tf.train.BytesList()),
                "unset": feature(),
            }
        )
    )
    path = tmp_path / "x.tfrec"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(3):
            writer.write(written.SerializeToString())
    data = path.read_bytes()
    places = list(tfrecord.records(data))
    assert len(places) == 3
    for start, end in places:
        assert data[start:end] == written.SerializeToString()
        found = tfrecord.features(data, start, end)
        assert set(found) == {"audio", "target", "negative"}
        assert (found["target"], found["negative"]) == (300, -5)
        assert data[slice(*found["audio"])] == audio


def test_the_checksum_is_the_known_one():
    # RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 0x8a9136aa.
    crc = 0x8A9136AA
    assert tfrecord.masked_crc32c(b"\0" * 32) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"short", "5 bytes left over at byte 0"),
        (record(b"abcdefgh")[:-6], "the record at byte 0 has 8 bytes: it was cut off"),
        (b"x" * 40, "no record begins at byte 0"),
        (record(b"abc") + b"y" * 20, "no record begins at byte 19"),
    ],
)
def test_a_broken_file_is_told(data, part):
    with pytest.raises(tfrecord.TFRecordError, match=part):
        list(tfrecord.records(data))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_example_or_refused(data):
    try:
        found = tfrecord.features(data, 0, len(data))
    except tfrecord.TFRecordError:
        return
    for value in found.values():
        assert isinstance(value, int) or 0 <= value[0] <= value[1] <= len(data)


def test_a_part_is_named_by_its_path():
    part = tfrecord.Part("gs://b/train00-5.tfrec", 12, 345)
    assert str(part) == "gs://b/train00-5.tfrec#12:345"
    assert tfrecord.split_part(str(part)) == part
    assert tfrecord.split_part("audio/take#1:2.wav") is None
    assert tfrecord.split_part("a.tfrec") is None


def parse(data, name="test0.tfrec"):
    return list(asvspoof2019_tfrecord.parse(data, name, corpus_name="c"))


def test_target_1_is_spoof_and_the_path_names_the_audio():
    data = spoken("E1", "-", 0) + spoken("E2", "A07", 1, "LA 2") + spoken("E3", "", 1)
    rows = parse(data)
    assert [(row.utterance_id, row.key, row.system_id, row.speaker_id) for row, _ in rows] == [
        ("E1", "bonafide", "-", "S1"),
        ("E2", "spoof", "A07", "LA_2"),
        ("E3", "spoof", "spoof", "S1"),
    ]
    assert {row.split for row, _ in rows} == {"eval"}
    files = DictFiles({"test0.tfrec": data})
    assert [files.read_bytes(row.path) for row, _ in rows] == [b"RIFF...."] * 3
    assert [length for _, length in rows] == [8, 8, 8]
    assert rows[1][0].source == "test0.tfrec: record 2"


def changed(**features):
    whole = {
        "audio": b"RIFF",
        "id": b"E1",
        "speaker_id": b"S",
        "system_id": b"A07",
        "target": 1,
    } | features
    return record(example(**{name: value for name, value in whole.items() if value is not None}))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (changed(target=None, id=None), "record 1: it lacks id, target; there are audio"),
        (changed(target=2), "target 0 or 1"),
        (changed(audio=1), "audio must be bytes"),
        (changed(id=3), "id is no text"),
        (changed(id=b"\xff"), "id is no text"),
        (changed(id=b" "), "the id is empty"),
        (changed(target=0), "target is 0 (bona fide), and the system is 'A07'"),
        (record(b"\xff\xff"), "no tf.Example"),
        (b"RIFF" * 9, "no record begins at byte 0"),
    ],
)
def test_malformed_records_are_told(data, part):
    with pytest.raises(base.CorpusError) as caught:
        parse(data)
    assert part in str(caught.value)
    assert str(caught.value).startswith("test0.tfrec")
