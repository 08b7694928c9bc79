"""Writes the pictures of the documentation: PNGs with a palette, small enough for a repository."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

MAX_BYTES = 200_000
COLOURS = 96


def save(png: bytes, path: Path) -> None:
    """Writes a picture with 96 colours.

    Args:
        png: The picture as PNG.
        path: Where to write it.

    Raises:
        SystemExit: The file would be larger than 200 kB.
    """
    packed = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    if packed.tell() > MAX_BYTES:
        sys.exit(f"error: expected {path} below {MAX_BYTES:,} bytes, got {packed.tell():,}.")
    path.write_bytes(packed.getvalue())
    print(f"{path}  {packed.tell():,} bytes")
