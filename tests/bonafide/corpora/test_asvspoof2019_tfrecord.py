import subprocess
import sys

import pytest
from small_corpora import DictFiles, example, record, spoken

from bonafide.corpora import asvspoof2019_tfrecord
from bonafide.storage.text_files import FileError


def parse(data):
    return list(asvspoof2019_tfrecord.parse(data, "test0.tfrec", "eval", corpus_name="c"))


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
        (
            changed(target=None, id=None),
            "record 1: expected id, target, got the features audio, speaker_id",
        ),
        (changed(target=2), "0 or 1 (spoof) as target, got bytes and 2"),
        (changed(audio=1), "expected bytes as audio and 0 or 1 (spoof) as target, got int"),
        (changed(id=3), "expected UTF-8 text as id, got 3"),
        (changed(id=b"\xff"), "expected UTF-8 text as id, got b"),
        (changed(id=b" "), "the id is empty"),
        (changed(target=0), "expected '-' as the attack of a bona fide trial, got 'A07'"),
        (record(b"\xff\xff"), "record 1: expected a tf.Example"),
        (b"RIFF" * 9, "expected a record at byte 0"),
    ],
)
def test_malformed_records_are_named(data, part):
    with pytest.raises(FileError) as caught:
        parse(data)
    assert part in str(caught.value)
    assert str(caught.value).startswith("test0.tfrec")


def test_audio_is_found_wherever_it_lies_in_its_record():
    wav = b"RIFF" + bytes(range(256)) * 3
    # The beginning of the audio is in another feature as well, before and after it.
    more = {"a": wav[:70], "zz": wav[:64]}
    data = record(b"") + spoken("E1", "-", 0)
    with pytest.raises(
        FileError, match="record 1: expected audio, id, speaker_id, system_id, target"
    ):
        parse(data)
    data = spoken("E1", "-", 0) + changed(audio=wav, **more) + changed(audio=b"", id=b"E3")
    rows = parse(data)
    files = DictFiles({"test0.tfrec": data})
    assert [files.read_bytes(row.path) for row, _ in rows] == [b"RIFF....", wav, b""]
    assert [length for _, length in rows] == [8, len(wav), 0]


def test_a_record_that_was_damaged_is_named():
    data = bytearray(spoken("E1", "-", 0) * 2)
    data[-20] ^= 1
    with pytest.raises(FileError, match=r"^test0\.tfrec: the record at byte \d+ is damaged"):
        parse(bytes(data))


def test_other_corpora_need_no_protobuf():
    program = (
        "import sys, bonafide.corpora; "
        "print([name for name in ('google.protobuf', 'google_crc32c', 'numpy', 'apache_beam') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
