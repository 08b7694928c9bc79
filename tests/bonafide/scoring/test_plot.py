import base64
import html.parser
import re
import sys

import numpy as np
import pytest
import scored
import tensorflow as tf

from bonafide.scoring import plot
from bonafide.scoring.reading import Track
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import Threshold

RATE = 16_000
READING = Reading(RATE, RATE, Threshold("eer", 0.5, accept_equal=False), 0.5)


def recording(path, samples, starts, scores):
    return scored.recording(path, samples, starts, scores, clip=RATE, rate_hz=RATE)


LONG = recording("talks/a & <b>.wav", 2 * RATE, [0, RATE // 2, RATE], [2.0, 1.25, -0.75])


def drawn_by(reading, samples):
    picture = plot.Plot(reading)
    blocks = [samples[:1000], samples[1000:]]
    passed = list(picture.watch(Track("mono", blocks)).blocks)
    assert all(np.array_equal(*pair) for pair in zip(passed, blocks, strict=True))
    return picture


@pytest.fixture
def picture():
    noise = np.random.default_rng(0).integers(-5000, 5000, 2 * RATE).astype(np.int16)
    return drawn_by(READING, noise)


def test_the_spectrogram_is_a_picture_with_low_frequencies_at_its_foot():
    decibels = np.full((3, 4), -200.0)
    decibels[0, 0], decibels[1, 3], decibels[2, 1] = 0.0, -40.0, -79.0
    url = plot.spectrogram_url(decibels)
    kind, content = url.split(",")
    assert kind == "data:image/png;base64"
    pixels = tf.io.decode_png(base64.b64decode(content)).numpy()
    assert pixels.shape == (4, 3, 3)
    darkness = 255 - pixels.mean(axis=2)
    assert np.argwhere(darkness > 0).tolist() == [[0, 1], [2, 2], [3, 0]]
    assert darkness[3, 0] > darkness[0, 1] > darkness[2, 2] > 0


def test_silence_is_a_picture_too():
    assert plot.spectrogram_url(np.full((2, 2), -120.0)).startswith("data:image/png")


def test_a_png(tmp_path, picture):
    picture.write(str(tmp_path / "out.png"), LONG)
    image = tf.io.decode_png((tmp_path / "out.png").read_bytes(), channels=3).numpy()
    assert image.shape[1] > 1800
    for colour in ((0x0B, 0x62, 0xA8), (0xB8, 0x48, 0x0A)):  # both decisions are drawn
        assert (image == colour).all(axis=-1).any()
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_a_page_loads_nothing_and_a_name_is_no_markup(tmp_path, picture):
    picture.write(str(tmp_path / "out.HTML"), LONG)
    text = (tmp_path / "out.HTML").read_text()
    seen = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            seen.append(tag)
            for name, value in attributes:
                if name in ("src", "href", "xlink:href"):
                    assert value.startswith("data:image/png"), (tag, name)

    Reader().feed(text)
    assert {"svg", "image", "table"} <= set(seen)
    assert not {"script", "link", "iframe", "b"} & set(seen)
    assert "<title>talks/a &amp; &lt;b&gt;.wav: bona fide, score 0.83</title>" in text
    assert re.findall(r"<td>([-.0-9]+)</td><td>spoof \(lowest\)", text) == ["-0.750"]


def test_an_svg(tmp_path, picture):
    picture.write(str(tmp_path / "out.svg"), LONG)
    assert (tmp_path / "out.svg").read_text().startswith("<svg")


def test_what_cannot_be_drawn_is_refused_before(tmp_path, monkeypatch):
    for path, reason in (
        ("out.jpg", "must end in one of .png, .svg, .html"),
        (f"{tmp_path}/none/out.png", "there is no folder"),
    ):
        with pytest.raises(plot.PlotError, match=reason):
            plot.refuse_impossible(path)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(plot.PlotError, match="pip install vl-convert-python"):
        plot.refuse_impossible(str(tmp_path / "out.png"))


def test_a_full_disk_is_told(tmp_path, picture):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(plot.PlotError, match=r"cannot write .*out\.png: Is a directory"):
        picture.write(str(tmp_path / "out.png"), LONG)
