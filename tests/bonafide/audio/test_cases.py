"""Small files as people have them, made with public tools; each gets the right answer."""

import io
import pathlib

import numpy as np
import pytest

from bonafide.audio import decoding

CASES = pathlib.Path(__file__).parent / "cases"
# Seconds, encoding and rate of the file.
READ = {
    "amrwb.awb": (2.0, "AMR/AMR_WB", 16_000),
    "amrwb_dtx.awb": (2.0, "AMR/AMR_WB", 16_000),
    "ape_end.mp3": (6.39, "MP3/MPEG_LAYER_III", 16_000),
    "call.g729": (2.0, "G729/G729", 8_000),
    "call_human_left_tts_right.wav": (4.0, "WAV/ULAW", 8_000),
    "call_left.wav": (4.0, "WAV/ULAW", 8_000),
    "call_right.wav": (4.0, "WAV/ULAW", 8_000),
    "chained_opus.ogg": (13.73, "OGG/OPUS", 16_000),
    "raw.gsm": (6.4, "GSM/GSM610", 8_000),
    "silence.wav": (5.0, "WAVEX/PCM_32", 16_000),
    "size0.wav": (6.39, "WAV/PCM_16", 16_000),
    "size_2e9.wav": (6.39, "WAV/PCM_16", 16_000),
    "speex.spx": (2.0, "OGG/SPEEX", 16_000),
    "tts16.wav": (4.000375, "WAV/PCM_16", 16_000),
}
REFUSED = {
    "cat_wav.wav": "two WAV files in one, the second from byte 204,524: .*Split it .head -c 204524",
    "cut_a.aiff": "cut off: 102284 bytes fewer than its header promises",
    "cut_rf64.wav": "cut off: 102297 bytes fewer than its header promises",
}


def recording(name):
    data = (CASES / name).read_bytes()
    return decoding.Recording(io.BytesIO(data), 16_000, 0.3, name=name)


def decoded(name):
    return decoding.decode((CASES / name).read_bytes(), 16_000, 0.3, name=name)


def test_there_is_an_answer_for_each():
    assert {path.name for path in CASES.iterdir()} == {*READ, *REFUSED}


@pytest.mark.parametrize("name", READ)
def test_it_is_read_to_its_end(name):
    seconds, encoding, rate_hz = READ[name]
    with recording(name) as opened:
        assert (opened.facts.encoding, opened.facts.rate_hz) == (encoding, rate_hz)
        assert opened.facts.notes == ()
        samples = np.concatenate(list(opened.blocks()))
    assert len(samples) == pytest.approx(16_000 * seconds, abs=1)
    assert np.abs(samples).max() > 1_000 or name == "silence.wav"


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(name):
    with pytest.raises(decoding.AudioError, match=REFUSED[name]):
        decoded(name)


def test_a_size_that_nobody_knew_changes_no_sample():
    np.testing.assert_array_equal(decoded("size0.wav"), decoded("size_2e9.wav"))


def test_a_tag_behind_an_mp3_is_no_part_of_it_and_no_warning(capfd):
    assert len(decoded("ape_end.mp3")) == 102_240
    assert capfd.readouterr().err == ""


def test_every_link_of_a_chain_is_read():
    data = (CASES / "chained_opus.ogg").read_bytes()
    second = data.index(b"OpusHead", 100) - 28  # the page's header before it
    links = [decoding.decode(part, 16_000, 0.3) for part in (data[:second], data[second:])]
    np.testing.assert_array_equal(decoded("chained_opus.ogg"), np.concatenate(links))


def test_a_call_is_not_averaged():
    with recording("call_human_left_tts_right.wav") as opened:
        assert opened.agreement.kind == "different"
        assert opened.agreement.to_score == ("left", "right")
        sides = [np.concatenate(list(opened.blocks(side))) for side in opened.channel_names]
    for side, name in zip(sides, ("call_left.wav", "call_right.wav"), strict=True):
        np.testing.assert_array_equal(side, decoded(name))
