import io

import numpy as np
import pytest
from PIL import Image

from scripts import pictures


def png_of(pixels):
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG")
    return packed.getvalue()


def test_a_picture_keeps_its_size_and_few_colours(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
    pictures.save(png_of(np.stack([ramp] * 3, axis=-1)), tmp_path / "ramp.png")
    image = Image.open(tmp_path / "ramp.png")
    assert image.size == (256, 40)
    assert len(image.convert("RGB").getcolors()) <= pictures.COLOURS


def test_a_picture_that_is_too_large_is_not_written(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    with pytest.raises(SystemExit, match="below 200,000 bytes"):
        pictures.save(png_of(noise), tmp_path / "noise.png")
    assert not list(tmp_path.iterdir())
