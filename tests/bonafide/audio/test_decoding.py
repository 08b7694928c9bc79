import io
import pathlib
import threading

import numpy as np
import pytest
import soundfile
import soxr

from bonafide.audio import containers, decoding, recording, sources
from bonafide.audio.containers import ogg

FLAC = sorted((pathlib.Path(__file__).parents[3] / "samples/LA/ASVspoof2019_LA_dev/flac").iterdir())


def inspected(data):
    return containers.inspect(sources.Source(io.BytesIO(data)))


def refused(data, reason, rate=16_000, min_seconds=0.1):
    with pytest.raises(decoding.AudioError, match=reason):
        decoding.decode(data, rate, min_seconds)


@pytest.mark.parametrize("path", FLAC[:5], ids=lambda path: path.stem)
def test_16_bit_flac_at_the_target_rate_is_bit_exact(path):
    expected, rate = soundfile.read(path, dtype="int16")
    decoded = decoding.decode(path.read_bytes(), rate, 0.1)
    assert decoded.dtype == np.int16
    np.testing.assert_array_equal(decoded, expected)


def test_every_16_bit_value_comes_through(wav):
    values = np.arange(-32_768, 32_768).astype(np.int16)
    np.testing.assert_array_equal(decoding.decode(wav(values), 16_000, 0.1), values)


def test_8_bit_wav_is_scaled(wav):
    values = np.array([-32_768, -256, 0, 256, 32_512] * 1000, np.int16)
    np.testing.assert_array_equal(
        decoding.decode(wav(values, subtype="PCM_U8"), 16_000, 0.1), values
    )


def test_stereo_44100_hz_becomes_mono_16000_hz(wav, tone):
    left = tone(44_100)
    decoded = decoding.decode(
        wav(np.stack([left, np.zeros_like(left)], axis=1), 44_100), 16_000, 0.1
    )
    assert decoded.shape == (16_000,)
    expected = tone(16_000) / 2 * 32_768
    inner = slice(500, -500)  # The filter has no past and no future at the ends.
    assert np.abs(decoded[inner] - expected[inner]).max() < 20


def test_channels_are_averaged(wav):
    pair = np.array([[1000, 3000]] * 2000, np.int16)
    assert set(decoding.decode(wav(pair), 16_000, 0.1)) == {2000}


def test_loud_float_is_clipped_not_wrapped(wav):
    decoded = decoding.decode(wav(np.array([2.0, -2.0] * 1000), subtype="FLOAT"), 16_000, 0.1)
    assert decoded[:2].tolist() == [32_767, -32_768]


@pytest.mark.parametrize(
    ("kind", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_24")]
)
def test_other_formats(wav, tone, kind, subtype):
    decoded = decoding.decode(wav(tone(44_100), 44_100, subtype, kind), 16_000, 0.1)
    assert abs(len(decoded) - 16_000) < 200
    assert np.corrcoef(decoded[:16_000], tone(16_000)[: len(decoded)])[0, 1] > 0.99


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(wav, tone, value):
    samples = tone()
    samples[77] = value
    refused(wav(samples, subtype="FLOAT"), "not finite")


@pytest.mark.parametrize("fraction", [0.001, 0.05, 0.3, 0.6, 0.9, 0.999])
def test_truncated_flac(fraction):
    data = FLAC[0].read_bytes()
    refused(data[: int(len(data) * fraction)], "unreadable")


def test_flac_cut_anywhere_is_refused(wav, tone):
    data = wav(tone(seconds=3.0), kind="FLAC")
    frames = [end for end in range(100, len(data)) if data[end : end + 2] == b"\xff\xf8"]
    assert len(frames) > 5  # Between two frames is where a cut is hardest to see.
    for end in [*frames, *range(100, len(data), 997)]:
        refused(data[:end], "unreadable")


def test_truncated_wav(wav, tone):
    refused(wav(tone())[:20_000], r"cut off: 12044 bytes")


@pytest.mark.parametrize("fraction", [0.1, 0.41, 0.83, 0.99])
@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAVEX", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
        ("FLAC", "PCM_24"),
    ],
)
def test_truncated_files_of_other_kinds(wav, tone, kind, subtype, fraction):
    noise = np.random.default_rng(1).normal(0, 0.01, 16_000 * 4)
    data = wav(tone(seconds=4.0) + noise, 16_000, subtype, kind)
    assert abs(len(decoding.decode(data, 16_000, 0.1)) - 64_000) < 3000
    refused(data[: int(len(data) * fraction)], "cut off|unreadable")


def test_stream_without_an_end_mark_is_whole(wav, tone):
    data = bytearray(wav(tone(), kind="OGG", subtype="VORBIS"))
    data[data.rfind(b"OggS") + 5] &= ~4
    container = inspected(bytes(data))
    assert not container.cut
    assert container.notes == (ogg.NO_END_MARK,)


def test_flac_from_a_pipe_is_read_to_its_end(wav, tone):
    whole = wav(tone(), kind="FLAC")
    data = bytearray(whole)
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    np.testing.assert_array_equal(
        decoding.decode(bytes(data), 16_000, 0.1), decoding.decode(whole, 16_000, 0.1)
    )
    refused(bytes(data[:-300]), "damaged at .* s")


def test_mp3_of_which_libsndfile_would_read_only_a_part_is_read_whole(tone):
    samples = tone(44_100, 4.0)
    samples[44_100:] += np.random.default_rng(1).normal(0, 0.05, 3 * 44_100)
    data = mp3(samples, "VARIABLE")
    assert abs(len(decoding.decode(data, 16_000, 0.1)) - 64_000) < 2000
    untagged = data[data.index(data[:2], 4) :]
    assert inspected(untagged).reader == "ffmpeg"
    assert abs(len(decoding.decode(untagged, 16_000, 0.1)) - 64_000) < 2000


@pytest.mark.parametrize(("scale", "peak"), [(32_768.0, "1.64e\\+04"), (6e38, "3e\\+38")])
def test_floats_on_another_scale(wav, tone, scale, peak):
    samples = (tone(44_100) * scale).astype(np.float32)
    refused(wav(samples, 44_100, "FLOAT"), f"up to {peak} where full scale is 1")


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF])
def test_wav_from_a_pipe_is_not_taken_for_truncated(wav, tone, size):
    data = bytearray(wav(tone()))
    for place in (4, 40):
        data[place : place + 4] = size.to_bytes(4, "little")
    assert len(decoding.decode(bytes(data), 16_000, 0.1)) == 16_000


def test_wav_with_a_wrong_size_of_the_whole_is_not_truncated(wav, tone):
    data = bytearray(wav(tone()))
    data[4:8] = len(data).to_bytes(4, "little")  # right would be 8 fewer
    assert len(decoding.decode(bytes(data), 16_000, 0.1)) == 16_000


def mp3(samples, mode):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 44_100, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return buffer.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_without_a_length_is_not_taken_for_truncated(tone, channels):
    data = mp3(np.stack([tone(44_100, 2.0)] * channels, axis=1), "CONSTANT")
    assert inspected(data).counts_samples
    frame = data.index(data[:2], 4)  # the second frame, the first without the tag
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, 1, 0]) + b"TXXX More Info".ljust(128, b"\0")
    for stream in (data[frame:], tag + data[frame:], data[frame:] + b"TAG More Info"):
        assert not inspected(stream).counts_samples
        assert abs(len(decoding.decode(stream, 16_000, 0.1)) - 32_000) < 2000
    assert inspected(tag + data).counts_samples


def test_unusable_files(wav, tone):
    refused(b"", "empty file")
    refused(b"These are words, not sound.\n" * 50, "unreadable as audio: Format not recognised")
    refused(wav(np.zeros(0)), "no samples")
    refused(wav(tone(seconds=0.05)), r"too short: 0\.050 s, at least 0\.1 s")
    refused(wav(tone(), rate_hz=1), "sampling rate 1 Hz")


def test_shortest_length_is_in_seconds_of_the_file(wav, tone):
    assert len(decoding.decode(wav(tone(8_000, 0.1), 8_000), 16_000, 0.1)) == 1600


@pytest.mark.parametrize("rate_hz", [2_000, 8_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("block", [1, 999, 1 << 20])
def test_blocks_are_what_the_whole_is_bit_for_bit(wav, rate_hz, block, monkeypatch):
    samples = np.random.default_rng(rate_hz).normal(0, 0.3, (3_001, 2)).astype(np.float32)
    mono = samples.mean(axis=1)
    if rate_hz != 16_000:
        mono = soxr.resample(mono, rate_hz, 16_000, quality="HQ")
    expected = np.clip(np.rint(mono * 32_768), -32_768, 32_767).astype(np.int16)
    monkeypatch.setattr(recording, "_BLOCK_SAMPLES", 2 * block)
    blocks = list(decoding.decode_blocks(io.BytesIO(wav(samples, rate_hz, "FLOAT")), 16_000, 0.01))
    assert len(blocks) >= 3_001 // block
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_a_block_is_as_large_with_many_channels(wav, monkeypatch):
    monkeypatch.setattr(recording, "_BLOCK_SAMPLES", 1_000)
    data = wav(np.zeros((2_000, 8)))
    assert max(map(len, decoding.decode_blocks(io.BytesIO(data), 16_000, 0.1))) == 125


def test_blocks_of_a_bad_file_come_until_it_shows(wav, tone, monkeypatch):
    monkeypatch.setattr(recording, "_BLOCK_SAMPLES", 4_000)
    blocks = decoding.decode_blocks(io.BytesIO(wav(tone())[:20_000]), 16_000, 0.1)
    assert len(next(blocks)) == 4_000
    with pytest.raises(decoding.AudioError, match="cut off: 12044 bytes"):
        list(blocks)


def test_an_ogg_with_more_behind_its_last_page_than_a_page_is_whole(wav, tone):
    data = wav(tone(), kind="OGG", subtype="VORBIS")
    assert not inspected(data + bytes(70_000)).cut
    assert len(decoding.decode(data + bytes(70_000), 16_000, 0.1)) == 16_000
    assert inspected(data[:-1]).cut


def test_a_header_that_is_cut_off_is_told_without_a_traceback(wav, tone, capfd):
    noise = np.random.default_rng(1).normal(0, 0.01, 16_000)
    for kind in ("FLAC", "WAV", "OGG", "MP3"):
        subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
        data = wav(tone() + noise, 16_000, subtype, kind)
        for end in (3, 30):
            refused(data[:end], "unreadable|cut off")
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_is_known_by_its_content_not_by_its_name(tmp_path, wav, tone):
    for name, content in (("sound.raw", wav(tone())), ("words.raw", b"no sound" * 9)):
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "sound.raw").open("rb") as file:
        assert sum(map(len, decoding.decode_blocks(file, 16_000, 0.1))) == 16_000
    with (
        (tmp_path / "words.raw").open("rb") as file,
        pytest.raises(decoding.AudioError, match="unreadable as audio: Format not recognised"),
    ):
        list(decoding.decode_blocks(file, 16_000, 0.1))


def test_why_a_file_does_not_open_is_not_lost_to_another_thread(monkeypatch):
    inside, leave, opened = threading.Event(), threading.Event(), []

    class Slow(soundfile.SoundFile):
        def __init__(self, source):
            opened.append(threading.current_thread().name)
            inside.set()
            leave.wait(10)
            super().__init__(source)

    monkeypatch.setattr(soundfile, "SoundFile", Slow)
    errors = []

    def open_words():
        with pytest.raises(decoding.AudioError) as error:
            decoding.decode(b"words", 16_000, 0.1)
        errors.append(str(error.value))

    threads = [threading.Thread(target=open_words, name=name) for name in ("one", "two")]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert opened == ["one"]  # the other one waits
    leave.set()
    for thread in threads:
        thread.join(10)
    assert opened == ["one", "two"]
    what = "; it is a text file: choose a recording"
    assert errors == 2 * [f"unreadable as audio: Format not recognised{what}"]
