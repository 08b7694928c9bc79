"""Files with something before, behind or between: tags, chains, several in one; and bombs."""

import io
import time
import tracemalloc

import audio_kinds
import numpy as np
import pytest
import soundfile

from bonafide.audio import decoding
from bonafide.audio.containers import ogg

RATE = 16_000


def decode(data, **more):
    return decoding.decode(data, RATE, 0.1, **more)


def refused(data, reason, **more):
    with pytest.raises(decoding.AudioError, match=reason):
        decode(data, **more)


def facts(data):
    return decoding.decode_with_facts(data, RATE, 0.1)[1]


def id3(size=300):
    return b"ID3\x03\x00\x00" + bytes([0, 0, size >> 7, size & 127]) + b"TXXX".ljust(size, b"\0")


def ape(size=20_000, version=2000):
    """As taggers write it: header, items, footer."""
    fields = version.to_bytes(4, "little") + (size + 32).to_bytes(4, "little") + bytes(4)
    header, footer = (
        b"APETAGEX" + fields + flags.to_bytes(4, "little") + bytes(8)
        for flags in (0xA000_0000, 0x8000_0000)
    )
    return header + b"\xff\xfb\x90\x64" * (size // 4) + footer


ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
LYRICS = b"LYRICSBEGIN" + b"\xff\xfb" * 500
LYRICS += f"{len(LYRICS):06d}LYRICS200".encode()


@pytest.mark.parametrize(
    "kind", ["mp3", "mp3-constant", "mp2", "wav", "flac", "aac", "ogg", "opus"]
)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (id3(), b""),
        (id3() + id3(5), b""),
        (b"", ID3V1),
        (id3(), ape() + ID3V1),
        (id3(), ape(40) + LYRICS + ID3V1),
    ],
    ids=["id3", "two-id3", "id3v1", "ape", "lyrics"],
)
def test_tags_are_no_part_of_the_audio(kind, before, behind, capfd):
    data = audio_kinds.make(kind)
    np.testing.assert_array_equal(decode(before + data + behind), decode(data))
    assert capfd.readouterr().err == ""


def test_a_tag_does_not_hide_that_a_file_is_cut_off():
    for kind in ("mp3", "mp3-constant", "wav", "aac"):
        data = audio_kinds.make(kind)
        refused(id3() + data[: len(data) // 2 + 1], "cut off")
        if kind != "wav":
            refused(data[: len(data) // 2 + 1] + ape(400) + ID3V1, "cut off")


def test_two_wav_files_in_one_are_refused():
    one, other = (audio_kinds.make(kind) for kind in ("wav", "wav-ulaw"))
    refused(one + other, f"two WAV files in one, the second from byte {len(one):,}")
    odd = audio_kinds.make("wav-8", audio_kinds.speech()[:31_999])
    refused(odd + one, "two WAV files in one")
    refused(audio_kinds.make("aiff") * 2, "two AIFF files in one")


def test_two_mp3_files_in_one_are_read_both():
    """A file of frames is a file of frames: every player plays all of them."""
    one, other = audio_kinds.make("mp3"), audio_kinds.make("mp3-constant")
    for both in (one + other, other + other, other + one, one + one):
        assert len(decode(both)) > 1.9 * 32_000
    refused((one + other)[:-9], "cut off: its last frame is not complete")


def test_a_chain_may_change_codec_rate_and_channels():
    mono = audio_kinds.speech()
    opus = audio_kinds.make("opus")
    stereo = audio_kinds.make("ogg", np.stack([mono, -mono], axis=1))
    high = io.BytesIO()
    soundfile.write(high, np.repeat(mono, 3), 48_000, "VORBIS", format="OGG")
    chain = opus + stereo + high.getvalue()
    links = [decode(part) for part in (opus, stereo, high.getvalue())]
    np.testing.assert_array_equal(decode(chain), np.concatenate(links))
    with decoding.Recording(io.BytesIO(stereo + opus), RATE, 0.1) as opened:
        both = np.concatenate(list(opened.channel_blocks()))
        assert opened.agreement.kind == "opposite"
    np.testing.assert_array_equal(both[-len(links[0]) :, 0], links[0])
    np.testing.assert_array_equal(both[-len(links[0]) :, 1], links[0])


@pytest.mark.parametrize("kinds", [("speex", "speex"), ("ogg", "speex"), ("ogg-flac", "opus")])
def test_a_chain_of_what_ffmpeg_reads(kinds):
    parts = [audio_kinds.make(kind) for kind in kinds]
    expected = np.concatenate([decode(part) for part in parts])
    np.testing.assert_array_equal(decode(b"".join(parts)), expected)


def test_the_end_of_a_chain_counts_and_so_does_that_of_its_links():
    one, other = audio_kinds.make("opus"), audio_kinds.make("ogg")
    refused((one + other)[:-20], "cut off: its last page is not complete")
    refused(one[:-20] + other, "cut off: a page in the middle is not complete")


def test_an_ogg_without_the_mark_of_its_end_is_read_with_a_note():
    """Telephones leave it out; see the note in `containers.ogg`."""
    data = bytearray(audio_kinds.make("opus"))
    data[data.rindex(b"OggS") + 5] &= ~4
    with decoding.Recording(io.BytesIO(bytes(data)), RATE, 0.1) as opened:
        assert opened.facts.notes == (ogg.NO_END_MARK,)


def test_what_holds_no_audio_says_so():
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 32
        for number in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            picture.pts = number
            for packet in pictures.encode(picture):
                out.mux(packet)
        for packet in pictures.encode(None):
            out.mux(packet)
    refused(buffer.getvalue(), "an MP4 container without audio")
    refused(
        audio_kinds.make("opus")[:47].replace(b"OpusHead", b"fishead\0"), "cut off|without audio"
    )


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"words and words\n" * 9, "it is a text file: choose a recording"),
        ("Wörter — 文字".encode() * 9, "it is a text file"),
        ("words and words".encode("utf-16"), "it is a text file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), r"it is an image \(PNG\): choose a recording"),
        (b"%PDF-1.7" + bytes(90), "it is a PDF document"),
        (b"PK\x03\x04" + bytes(90), "it is a ZIP archive, or a document in one: unpack it first"),
        (b"Salted__" + bytes(90), r"it is encrypted \(OpenSSL\): decrypt it first"),
        (b"wvpk" + bytes(90), r"it is WavPack: convert it first \(ffmpeg -i FILE FILE.wav\)"),
        (b"RIFF\x99\0\0\0AVI LIST" + bytes(90), "it is an AVI video: convert it first"),
        (b"#EXTM3U\n/etc/passwd\n", "it is a playlist"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (bytes(5_000), "it begins with nothing but zeros"),
    ],
)
def test_what_is_no_audio_is_named_with_what_to_do(head, reason):
    refused(head, f"unreadable as audio: Format not recognised; {reason}")


def test_encrypted_audio_is_named():
    data = audio_kinds.make("m4a")
    assert data.count(b"mp4a") == 1
    for mark in (b"drms", b"enca"):
        refused(data.replace(b"mp4a", mark), "encrypted .protected against copying.")


def test_no_other_file_is_opened(tmp_path, monkeypatch):
    """Formats that name others: by a playlist, a script, a reference in a track."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(audio_kinds.make("wav"))
    monkeypatch.chdir(tmp_path)
    movie = audio_kinds.make("mov")
    place = movie.index(b"alis") if b"alis" in movie else movie.index(b"url ")
    entry = b"file://" + str(secret).encode() + b"\0"
    box = (12 + len(entry)).to_bytes(4, "big") + b"url \0\0\0\0" + entry
    size = int.from_bytes(movie[place - 4 : place], "big")
    for data in (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n" + bytes(secret) + b"\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '" + bytes(secret) + b"'\n",
        b"[playlist]\nFile1=" + bytes(secret) + b"\n",
        b"<?xml version='1.0'?><MPD><BaseURL>" + bytes(secret) + b"</BaseURL></MPD>",
        b"v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    ):
        refused(data, "unreadable as audio", name="list.m4a")
    changed = movie[: place - 4] + box + movie[place - 4 + size :]
    with pytest.raises(decoding.AudioError):
        decode(changed)


# Small files that would unfold into very much.


def atom(name, content):
    return (8 + len(content)).to_bytes(4, "big") + name + content


def numbers(*values):
    return b"".join(value.to_bytes(4, "big") for value in values)


@pytest.mark.parametrize(
    "box",
    [
        atom(b"stts", numbers(0, 1, 0xFFFF_FFFF, 1024)),
        atom(b"ctts", numbers(0, 2, 0x7FFF_FFFF, 1, 0x7FFF_FFFF, 2)),
        atom(b"stsz", numbers(0, 1, 0xFFFF_FFF0)),
        atom(b"trun", numbers(0, 0xFFFF_FFF0)),
    ],
    ids=lambda box: box[4:8].decode(),
)
def test_an_index_of_billions_is_not_made(box):
    data = audio_kinds.make("m4a")
    table = atom(b"moov", atom(b"trak", atom(b"mdia", atom(b"minf", atom(b"stbl", box)))))
    refused(data + table, "promises more samples than a file may hold")


def test_boxes_without_an_end_are_not_walked_forever():
    began = time.process_time()
    refused(atom(b"ftyp", b"M4A ") + atom(b"free", b"") * 30_000, "cut off|unreadable")
    assert time.process_time() - began < 10


def test_hours_in_a_few_kilobytes_are_refused_and_take_no_memory(monkeypatch):
    """Silence, of which FLAC and Opus make next to nothing."""
    monkeypatch.setattr(decoding, "_MAX_SECONDS_IN_MEMORY", 60)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(100 * 48_000, np.int16), 48_000, "PCM_16", format="FLAC")
    data = buffer.getvalue()
    assert len(data) < 100_000
    decode(data[:0] + audio_kinds.make("flac"))
    tracemalloc.start()
    refused(data, "longer than 1 min: cut it into parts")
    with pytest.raises(decoding.AudioError, match=r"longer than 1\.5 min"):
        for _ in decoding.Recording(io.BytesIO(data), RATE, 0.1, max_seconds=90).blocks():
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_more_channels_than_are_read_are_refused():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((4_000, 65), np.int16), RATE, "PCM_16", format="WAV")
    refused(buffer.getvalue(), "has 65 channels, at most 64 are read")


def test_a_chain_of_very_many_links_is_refused():
    page = audio_kinds.make("opus")
    first = page[: page.index(b"OggS", 4)]
    second = first[:5] + b"\0" + first[6:]
    refused((first + second) * 1_001, "a chain of more than 1,000 Ogg streams")
