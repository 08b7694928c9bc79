"""Every kind of file: whole, cut off, with several channels, with a size that is not known."""

import io

import audio_kinds
import numpy as np
import pytest

from bonafide.audio import containers, decoding, sources

ALL = [*audio_kinds.KINDS, *audio_kinds.GIVEN]
MADE = list(audio_kinds.KINDS)


def decode(data, name="", **more):
    return decoding.decode(data, 16_000, 0.1, name=name, **more)


def named(kind):
    return audio_kinds.GIVEN.get(kind, "")


@pytest.fixture(scope="module")
def files():
    return {kind: audio_kinds.make(kind) for kind in ALL}


def levels_db(samples):
    """Level of each 5 ms, over 20 ms."""
    energies = samples[: len(samples) // 80 * 80].reshape(-1, 80).astype(np.float64) ** 2
    return 10 * np.log10(np.convolve(energies.mean(axis=1), np.full(4, 0.25), "same") + 1)


@pytest.mark.parametrize("kind", MADE)
def test_a_whole_file_comes_through(files, kind):
    about = audio_kinds.KINDS[kind]
    samples, facts = decoding.decode_with_facts(files[kind], 16_000, 0.1)
    assert samples.dtype == np.int16
    assert facts.encoding == about.encoding
    assert facts.rate_hz == about.rate_hz
    assert facts.size_bytes == len(files[kind])
    assert not facts.notes
    expected = np.rint(audio_kinds.speech() * 32_768)
    assert -0.03 < len(samples) / 16_000 - 2.0 < about.extra_seconds
    # Codings change samples and delay them; the course of the level stays.
    wanted, found = levels_db(expected), levels_db(samples)
    alike = [
        np.corrcoef(wanted[max(0, -d) : 380 - max(0, d)], found[max(0, d) : 380 - max(0, -d)])[0, 1]
        for d in range(-8, 30)
    ]
    assert max(alike) > 0.97
    assert found.max() == pytest.approx(wanted.max(), abs=3.5)


@pytest.mark.parametrize("kind", ALL)
def test_a_file_that_is_cut_off_anywhere_is_refused(files, kind):
    data = files[kind]
    fractions = [0.02, 0.1, 0.25, 0.41, 0.5, 0.66, 0.75, 0.9, 0.97]
    ends = [int(len(data) * fraction) + 1 for fraction in fractions]
    ends += [len(data) - missing for missing in (1, 2, 3, 4, 5, 8, 13)]
    passed, reasons = [], []
    for end in ends:
        try:
            passed.append((end, len(decode(data[:end], named(kind)))))
        except decoding.AudioError as error:
            reasons.append(str(error))
    assert [r for r in reasons if not r.startswith(("cut off", "unreadable", "damaged"))] == []
    if kind in audio_kinds.KINDS and audio_kinds.KINDS[kind].tells_end:
        assert not passed
    else:  # Between two frames, nothing tells.
        assert len(passed) <= 2


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "m4a", "webm", "wma", "mov", "aac"])
def test_channels_come_side_by_side(kind):
    left = audio_kinds.speech()
    right = left[::-1] * 0.5
    data = audio_kinds.make(kind, np.stack([left, right], axis=1))
    with decoding.Recording(io.BytesIO(data), 16_000, 0.1) as opened:
        assert opened.channel_names == ("left", "right")
        assert opened.agreement.kind == "different"
        both = np.concatenate(list(opened.channel_blocks()))
        for place, name in enumerate(opened.channel_names):
            np.testing.assert_array_equal(both[:, place], np.concatenate(list(opened.blocks(name))))
        mean = np.concatenate(list(opened.blocks()))
    assert np.abs(mean - both.mean(axis=1)).max() <= 2  # The mean is taken before rounding.
    assert np.abs(both[:, 0]).max() > 1.5 * np.abs(both[:, 1]).max()
    np.testing.assert_array_equal(decode(data), mean)
    np.testing.assert_array_equal(decode(data, channel="right"), both[:, 1])


@pytest.mark.parametrize("channels", [3, 6, 8])
@pytest.mark.parametrize(("container", "coding"), [("matroska", "aac"), ("mp4", "pcm_s16le")])
def test_more_than_two_channels(container, coding, channels):
    import av

    layout = {3: "2.1", 6: "5.1", 8: "7.1"}[channels]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mov" if container == "mp4" else container) as out:
        stream = out.add_stream(coding, rate=16_000)
        stream.layout = layout
        packed = av.AudioFrame.from_ndarray(
            np.tile(np.arange(1, channels + 1) * 2_000, 16_000)[None].astype(np.int16),
            format="s16",
            layout=layout,
        )
        packed.sample_rate, packed.pts = 16_000, 0
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name, frame_size=stream.codec_context.frame_size
        )
        for frame in [*resampler.resample(packed), *resampler.resample(None), None]:
            for packet in stream.encode(frame):
                out.mux(packet)
    with decoding.Recording(io.BytesIO(buffer.getvalue()), 16_000, 0.1) as opened:
        samples = np.concatenate(list(opened.channel_blocks()))
    assert samples.shape == (pytest.approx(16_000, abs=3_000), channels)
    if coding == "pcm_s16le":
        assert sorted(samples[8_000].tolist()) == [2_000 * (i + 1) for i in range(channels)]


def with_size(data, place, size, width=4, order="little"):
    changed = bytearray(data)
    changed[place : place + width] = size.to_bytes(width, order)
    return bytes(changed)


UNKNOWN = {
    "wav": (40, "little", 4, (0, 10**9, 2 * 10**9, 0x7FFF_FFFF, 0x7FFF_F000, 0xFFFF_FFFF)),
    "aiff": (42, "big", 4, (0, 10**9, 0x7FFF_FFFF, 0xFFFF_FFFF)),
    "au": (8, "big", 4, (0, 10**9, 0xFFFF_FFFF)),
    "w64": (96, "little", 8, (0, 24, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)),
    "rf64": (28, "little", 8, (0, 0xFFFF_FFFF_FFFF_FFFF)),
    "caf": (4084, "big", 8, (0xFFFF_FFFF_FFFF_FFFF,)),
}


@pytest.mark.parametrize(
    ("kind", "size"), [(kind, size) for kind, (*_, sizes) in UNKNOWN.items() for size in sizes]
)
def test_what_does_not_know_its_size_is_read_to_its_end(files, kind, size):
    place, order, width, _ = UNKNOWN[kind]
    data = files[kind]
    own = int.from_bytes(data[place : place + width], order)
    assert 64_000 <= own <= 64_100, "this is not where the size of the samples stands"
    found = decode(with_size(data, place, size, width, order))
    np.testing.assert_array_equal(found, decode(data))


@pytest.mark.parametrize("size", [64_002, 128_000, 10**8 + 2, 0x4000_0000 + 2])
def test_a_size_that_is_not_round_is_a_promise(files, size):
    with pytest.raises(decoding.AudioError, match=f"cut off: {size - 64_000} bytes fewer"):
        decode(with_size(files["wav"], 40, size))


def test_an_empty_wav_with_a_chunk_behind_is_empty(files):
    data = with_size(files["wav"], 40, 0)[:44] + b"LIST\x04\0\0\0INFO"
    with pytest.raises(decoding.AudioError, match="holds no samples"):
        decode(data)


def test_matroska_of_unknown_sizes_is_read_to_its_last_block(files):
    data = files["webm-live"]
    assert containers.inspect(sources.Source(io.BytesIO(data))).seconds is None
    assert len(decode(data)) == pytest.approx(32_000, abs=500)


def test_one_reader_or_the_other_gives_the_same_samples(files):
    """FLAC and WAV, which both read."""
    from bonafide.audio import ffmpeg

    for kind in ("wav", "flac", "wav-24", "wav-float", "wav-8", "wav-ulaw", "wav-alaw"):
        source = sources.Source(io.BytesIO(files[kind]))
        demuxer = kind.partition("-")[0]
        container = containers.Container(kind, ((0, len(source)),), "ffmpeg", demuxer=demuxer)
        sound = ffmpeg.Sound(source.part(0, len(source)), container)
        block = np.concatenate(list(sound.blocks(1 << 20)))[:, 0]
        sound.close()
        expected = decode(files[kind]) if sound.rate_hz == 16_000 else None
        if expected is not None:
            np.testing.assert_array_equal(np.rint(block * 32_768).clip(-32_768, 32_767), expected)


def test_a_video_is_heard():
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 32
        sound = out.add_stream("aac", rate=16_000)
        sound.layout = "mono"
        resampler = av.AudioResampler(format="fltp", frame_size=1024)
        frame = av.AudioFrame.from_ndarray(audio_kinds.speech()[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        for number in range(40):  # They last longer than the sound.
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            picture.pts = number
            for packet in pictures.encode(picture):
                out.mux(packet)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in sound.encode(part):
                out.mux(packet)
    assert len(decode(buffer.getvalue())) == pytest.approx(32_000, abs=2_000)
