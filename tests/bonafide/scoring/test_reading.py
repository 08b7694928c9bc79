import os
import pathlib
import threading

import numpy as np
import pytest
import soundfile

from bonafide.audio import decoding
from bonafide.scoring import reading

CALL = pathlib.Path(__file__).parents[1] / "audio/cases/call.g729"


def read(path):
    return np.concatenate(list(reading.read_blocks(str(path), 16_000)))


def refused(path, reason):
    with pytest.raises(reading.AudioError, match=reason):
        read(path)


def speech(rate_hz, seconds=1.0, channels=1):
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    tones = [0.3 * np.sin(2 * np.pi * (200 + 50 * i) * time) for i in range(channels)]
    return np.stack(tones, axis=1)


FORMATS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("W64", "PCM_16"),
    ("NIST", "PCM_16"),
    ("AU", "PCM_16"),
]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_a_file_is_decoded_as_the_pipeline_does(wav, tmp_path, kind, subtype, channels, rate_hz):
    if subtype not in soundfile.available_subtypes(kind):
        pytest.skip(f"this libsndfile has no {kind} {subtype}")
    data = wav(speech(rate_hz, channels=channels), rate_hz, subtype, kind)
    (tmp_path / "clip").write_bytes(data)
    found = read(tmp_path / "clip")
    np.testing.assert_array_equal(found, decoding.decode(data, 16_000, 0.3))
    assert abs(len(found) - 16_000) < 1_500
    assert np.abs(found).max() > 3_000


@pytest.mark.parametrize(
    "name",
    ["ünïcode Ωмир 录音.wav", "two\nlines\t.wav", " -rf.wav", "x.raw", os.fsdecode(b"\xff\xfe")],
)
def test_odd_names(wav, tmp_path, name):
    (tmp_path / name).write_bytes(wav(np.zeros(8_000)))
    assert len(read(tmp_path / name)) == 8_000


def test_what_cannot_be_opened(tmp_path):
    refused(tmp_path / "none.wav", "there is no such file")
    refused(tmp_path / "x" / "none.wav", "there is no such file")
    refused("nul\0.wav", "cannot be opened: embedded null byte")
    refused("x" * 300, "cannot be read: File name too long")
    refused(tmp_path, "it is a folder: --recursive")
    refused("/dev/zero", "neither a file nor a pipe")


def test_a_file_without_permission(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    refused(pathlib.Path(__file__), "cannot be read: Permission denied")


def test_what_cannot_be_used(wav, tmp_path):
    whole = wav(np.zeros(16_000))
    nan = np.zeros(16_000, np.float32)
    nan[5_000] = np.nan
    for content, reason in [
        (b"", "empty file"),
        (b"no audio at all " * 99, "unreadable as audio: Format not recognised"),
        (wav(np.zeros(4_799)), r"too short: 0\.300 s, at least 0\.3 s"),
        (whole[:20_000], "cut off: 12044 bytes"),
        (wav(nan, subtype="FLOAT"), "NaN or infinity"),
    ]:
        (tmp_path / "bad").write_bytes(content)
        refused(tmp_path / "bad", reason)
    (tmp_path / "ok").write_bytes(wav(np.zeros(4_800)))
    assert len(read(tmp_path / "ok")) == 4_800


def test_of_what_is_not_read_is_said_what_it_is(wav, tmp_path):
    for name, content, reason in [
        ("a.M4A", b"\0\0\0\x0cftypM4A " * 9, r"cut off: its index \(moov\) is missing"),
        ("a.ape", b"MAC \x96\x0f" + bytes(99), r"Monkey's Audio.*: convert it first \(ffmpeg -i"),
        ("a.wav", b"\x89PNG\r\n\x1a\n" + bytes(99), r"it is an image \(PNG\): choose a rec"),
    ]:
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, reason)
    # It goes by the content, and not by the name.
    (tmp_path / "b.m4a").write_bytes(wav(np.zeros(8_000)))
    assert len(read(tmp_path / "b.m4a")) == 8_000


def test_a_pipe(wav, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = wav(speech(48_000), 48_000)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    np.testing.assert_array_equal(read(tmp_path / "pipe"), decoding.decode(data, 16_000, 0.3))
    writer.join()


def tracks(path, channel="auto"):
    return [
        (track.channel, np.concatenate(list(track.blocks)), track.notes)
        for track in reading.read_tracks(str(path), 16_000, channel)
    ]


def test_tracks_of_channels(wav, tmp_path):
    left, right = speech(16_000)[:, 0], speech(16_000, channels=2)[:, 1]
    for name, pair, expected in (
        ("alike", (left, left * 0.9), ["mix"]),
        ("different", (left, right), ["left", "right"]),
        ("opposite", (left, -left), ["left", "right"]),
        ("silent", (left, 0 * left), ["left"]),
    ):
        (tmp_path / name).write_bytes(wav(np.stack(pair, axis=1)))
        found = tracks(tmp_path / name)
        assert [channel for channel, _, _ in found] == expected
        assert all(bool(notes) is (name != "alike") for _, _, notes in found)
    [(_, samples, _)] = tracks(tmp_path / "different", "right")
    np.testing.assert_array_equal(samples, decoding.decode(wav(right), 16_000, 0.3))
    assert [one[0] for one in tracks(tmp_path / "alike", "each")] == ["left", "right"]
    assert [one[0] for one in tracks(tmp_path / "different", "mix")] == ["mix"]
    (tmp_path / "one").write_bytes(wav(left))
    for channel in reading.CHANNELS:
        [(name, samples, notes)] = tracks(tmp_path / "one", channel)
        assert (name, notes) == ("mono", ())
    for fetched in reading.fetch_tracks("x", 16_000, (tmp_path / "one").read_bytes):
        np.testing.assert_array_equal(np.concatenate(list(fetched.blocks)), samples)


def test_the_ending_tells_what_has_no_header(tmp_path):
    (tmp_path / "call.G729").write_bytes(CALL.read_bytes())
    assert len(read(tmp_path / "call.G729")) == 32_000
    (tmp_path / "call.raw").write_bytes(CALL.read_bytes())
    refused(tmp_path / "call.raw", "may be samples without a header: say what they are")
