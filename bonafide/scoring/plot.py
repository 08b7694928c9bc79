"""A picture of a recording: its score over time above its spectrogram."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator

import numpy as np

from bonafide.scoring.chart import GRID, INK, WIDTH, Spec, chart, segments, title
from bonafide.scoring.engine import Recording
from bonafide.scoring.reading import Track
from bonafide.scoring.rows import Reading
from bonafide.scoring.spectrogram import Spectrogram
from bonafide.storage import files

ENDINGS = (".png", ".svg", ".html")
_PNG_SCALE = 2
_RANGE_DB = 80.0
# From quiet to loud, with uniform lightness; dark on white like the rest of the picture.
_RAMP = np.array([[255, 255, 255], [196, 211, 224], [106, 148, 184], [37, 84, 128], [8, 25, 48]])


class PlotError(Exception):
    """A picture cannot be drawn or written; the message states the remedy."""


def refuse_impossible(path: str) -> None:
    """Raises PlotError if a picture cannot be written, before any work is done."""
    if not path.lower().endswith(ENDINGS):
        raise PlotError(f"--plot {path}: the name must end in one of {', '.join(ENDINGS)}")
    try:
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise PlotError(
            "--plot needs vl-convert, which is not installed: pip install vl-convert-python"
        ) from error
    if reason := files.why_not_writable(path):
        raise PlotError(f"cannot write {path}: {reason}")


class Plot:
    """Collects the data of one recording during scoring, and draws it afterwards.

    If channels are scored separately, it draws the decisive one.

    Args:
        reading: How scores are read.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._spectrograms: dict[str, Spectrogram] = {}

    def watch(self, track: Track) -> Track:
        """Returns a track whose blocks, int16 samples [M], are collected when they are read."""
        spectrogram = Spectrogram(self._reading.sample_rate)
        self._spectrograms[track.channel] = spectrogram

        def watched() -> Iterator[np.ndarray]:
            for block in track.blocks:
                spectrogram.add(block)
                yield block

        return track._replace(blocks=watched())

    def svg(self, recording: Recording, *, width: int = WIDTH, titled: bool = True) -> str:
        """Returns the picture as SVG; see `chart`."""
        import vl_convert

        return vl_convert.vegalite_to_svg(self._chart(recording, width, titled))

    def write(self, path: str, recording: Recording) -> None:
        """Writes the picture to a file, PNG, SVG or an HTML page by its extension.

        Raises:
            PlotError: The file cannot be written.
        """
        import vl_convert

        if path.lower().endswith(".png"):
            content = vl_convert.vegalite_to_png(self._chart(recording), scale=_PNG_SCALE)
        else:
            drawn = self.svg(recording)
            is_page = path.lower().endswith(".html")
            text = page(recording, self._reading, drawn) if is_page else drawn
            content = text.encode("utf-8")
        try:
            with files.replacing(path) as part:
                part.write_bytes(content)
        except OSError as error:
            raise PlotError(f"cannot write {path}: {error.strerror}") from error

    def _chart(self, recording: Recording, width: int = WIDTH, titled: bool = True) -> Spec:
        spectrogram = self._spectrograms[self._reading.verdict(recording).channel]
        image = spectrogram_url(spectrogram.decibels())
        return chart(recording, self._reading, image, width=width, titled=titled)


def spectrogram_url(decibels: np.ndarray) -> str:
    """Returns a spectrogram [T, F] in dB as the data URL of a PNG, low frequencies lowest."""
    from bonafide.scoring.model import import_tensorflow

    top = decibels.max()
    share = np.clip((decibels - top) / _RANGE_DB + 1.0, 0.0, 1.0).T[::-1]  # [F, T]
    stops = np.linspace(0.0, 1.0, len(_RAMP))
    rgb = np.stack([np.interp(share, stops, channel) for channel in _RAMP.T], axis=-1)
    png = import_tensorflow().io.encode_png(np.rint(rgb).astype(np.uint8)).numpy()
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def page(recording: Recording, reading: Reading, drawn: str) -> str:
    """Returns a self-contained HTML page with the picture and a table of the segments."""
    name = html.escape(title(recording, reading))
    cells = "".join(
        f"<tr><td>{row['start']:.2f}</td><td>{row['end']:.2f}</td><td>{row['score']:.3f}</td>"
        f"<td>{row['decision']}{' (lowest)' if row['lowest'] else ''}</td></tr>\n"
        for row in segments(recording, reading)
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ margin: 1rem auto; max-width: 62rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: {INK}; background: #fff; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .1rem .8rem; text-align: right; border-bottom: 1px solid {GRID}; }}
</style>
</head>
<body>
<main>
<figure role="img" aria-label="{name}" style="margin: 0">
{drawn}
</figure>
<details>
<summary>Segments</summary>
<table>
<thead><tr><th>start (s)</th><th>end (s)</th><th>score</th><th>decision</th></tr></thead>
<tbody>
{cells}</tbody>
</table>
</details>
</main>
</body>
</html>
"""
