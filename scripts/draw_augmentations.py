"""Draws what each augmentation of the waveform does to a recording of the bundled corpus.

    python -m scripts.draw_augmentations docs/images/augmentations.png

Log-mel spectrograms on one colour scale, of the recording and of each operation alone, at the
stronger end of its range.
"""

from __future__ import annotations

import io
import pathlib
import sys
from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd
import soundfile
import tensorflow as tf

from models.augmentation import rawboost, resynthesis, waveform
from models.features.frontend import log_bands
from models.settings.features import FeatureConfig
from scripts.pictures import save

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
RECORDING = REPOSITORY / "samples/LA/ASVspoof2019_LA_train/flac"
FEATURES = FeatureConfig(clip_samples=24_000, num_bands=64, fmin_hz=0.0, fmax_hz=8000.0)
SEED = tf.constant([3, 4])
ROOM = np.concatenate([[1.0], 0.35 * np.random.default_rng(1).normal(size=4000)])
ROOM *= np.exp(-np.arange(len(ROOM)) / 900)
COLUMNS = 3


def operations() -> dict[str, Callable[[tf.Tensor], tf.Tensor]]:
    """Returns title -> operation on waveforms [1, N]."""
    rate = FEATURES.sample_rate
    return {
        "recording": lambda x: x,
        "RawBoost, in series": lambda x: rawboost.distort(
            x, seed=SEED, order="series", snr_db=(10.0, 15.0), sample_rate=rate
        ),
        "RawBoost, in parallel": lambda x: rawboost.distort(
            x, seed=SEED, order="parallel", snr_db=(10.0, 15.0), sample_rate=rate
        ),
        "coloured noise": lambda x: waveform.add_noise(x, seed=SEED, snr_db=(10.0, 10.0)),
        "equalizer": lambda x: waveform.equalize(x, seed=SEED, max_db=20.0),
        "band limit": lambda x: waveform.limit_band(
            x, seed=SEED, highest_hz=(3400.0, 3400.0), sample_rate=rate
        ),
        "8 bits, mu-law": waveform.compand,
        "speed 1.1": lambda x: waveform.change_speed(x, seed=SEED, limits=(1.1, 1.1)),
        "room": lambda x: waveform.add_room(x, seed=SEED, rooms=ROOM[None].astype(np.float32)),
        "gain -12 dB": lambda x: waveform.change_gain(x, seed=SEED, limits_db=(-12.0, -12.0)),
        "resynthesis (becomes a spoof)": lambda x: resynthesis.resynthesise(x, seed=SEED),
    }


def panel(title: str, features: np.ndarray) -> alt.Chart:
    """Returns a spectrogram of log power [T, F] in natural logarithms."""
    features = features[::2]  # a frame of every 20 ms
    times, bands = np.meshgrid(np.arange(features.shape[0]), np.arange(features.shape[1]))
    table = pd.DataFrame(
        {"time": 0.02 * times.ravel(), "band": bands.ravel(), "power": features.T.ravel()}
    )
    scale = alt.Scale(scheme="magma", domain=[-13, 3], clamp=True)
    nothing = alt.Axis(title=None, labels=False, ticks=False)
    # Whole pixels for each cell, or seams show between them.
    width, height = 4 * features.shape[0], 2 * features.shape[1]
    return (
        alt.Chart(table, title=title, width=width, height=height)
        .mark_rect()
        .encode(
            alt.X("time:O", axis=nothing),
            alt.Y("band:O", sort="descending", axis=nothing),
            alt.Color("power:Q", scale=scale, legend=None),
        )
    )


def main() -> None:
    """Draws all of them."""
    alt.data_transformers.disable_max_rows()
    path = sorted(RECORDING.glob("*.flac"))[5]
    samples, _ = soundfile.read(path, dtype="float32")
    clip = tf.constant(np.resize(samples, FEATURES.clip_samples)[None])
    panels = [
        panel(title, log_bands(operation(clip), FEATURES).numpy()[0])
        for title, operation in operations().items()
    ]
    rows = [
        alt.hconcat(*panels[start : start + COLUMNS]) for start in range(0, len(panels), COLUMNS)
    ]
    picture, path = alt.vconcat(*rows), pathlib.Path(sys.argv[1])
    if path.suffix != ".png":
        picture.save(path)
        return
    drawn = io.BytesIO()
    picture.save(drawn, format="png", ppi=72)
    save(drawn.getvalue(), path)


if __name__ == "__main__":
    main()
