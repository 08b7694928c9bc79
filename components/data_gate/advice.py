"""Titles of the measures, and how to remove each from the data."""

from __future__ import annotations

from bonafide.dataset.listing import CONDITIONS
from components.data_gate.separation import Separation

TITLES = {
    "seconds": ("duration", "s"),
    "leading_silence_seconds": ("leading silence", "s"),
    "trailing_silence_seconds": ("trailing silence", "s"),
    "level_dbfs": ("level of speech", "dBFS"),
    "peak_dbfs": ("peak", "dBFS"),
    "noise_floor_dbfs": ("noise floor", "dBFS"),
    "dc_dbfs": ("DC offset", "dBFS"),
    "clipped_share": ("share of clipped samples", ""),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "file_rate_hz": ("sampling rate of the file", "Hz"),
    "file_channels": ("channels of the file", ""),
    "file_bytes_per_second": ("bytes per second of the file", "bytes/s"),
    "file_encoding": ("encoding of the file", ""),
    "corpus": ("corpus", ""),
    "codec": ("codec", ""),
    "transmission": ("transmission", ""),
    "environment": ("environment", ""),
    "source": ("source", ""),
    "language": ("language", ""),
    "gender": ("gender", ""),
    "all": ("all measures together", ""),
}
_TRIM = (
    "No setting trims silence: trim all recordings of the corpus in the same way "
    "(waveform.random_start=true reduces its effect)."
)
_LEVEL = (
    "Set features.normalisation=utterance, which removes the level of every clip, or "
    "waveform.gain_probability=1 to vary it."
)
_FILE = "No setting removes the traces of an encoder: encode both classes in the same way."
_METADATA = (
    "No setting helps: the model can learn its traces in the sound in place of synthesis. Add "
    "recordings of each value to both classes."
)
_ADVICE = {
    "seconds": "Set features.clip_samples to at most the length of the shortest recordings: "
    "longer clips repeat short recordings, which reveals their length.",
    "leading_silence_seconds": _TRIM,
    "trailing_silence_seconds": _TRIM,
    "level_dbfs": _LEVEL,
    "peak_dbfs": _LEVEL,
    "noise_floor_dbfs": "Set features.normalisation=utterance, raise features.log_floor above the "
    "noise, or add noise to both classes (waveform.noise_probability=1).",
    "dc_dbfs": "Set features.remove_dc=true.",
    "clipped_share": "No setting removes clipping: exclude such recordings, or lower the level "
    "before the corpus is made.",
    "file_rate_hz": "Set features.fmax_hz to no more than half of the lowest rate.",
    "file_channels": _FILE,
    "file_bytes_per_second": _FILE,
    "file_encoding": _FILE,
    **dict.fromkeys(CONDITIONS, _METADATA),
    "all": "Remove the strongest single measures, and compare the EER of a trained detector with "
    "this one: if it is not lower, the detector may have learnt nothing about speech.",
}


def title(number: str) -> str:
    """The name of a measure for people."""
    return TITLES[number][0]


def value_text(number: str, value: float) -> str:
    """A value with its unit."""
    unit = TITLES[number][1]
    return (
        f"{value:,.4g}{' ' if unit else ''}{unit}" if abs(value) < 1e4 else f"{value:,.0f} {unit}"
    )


def advice(found: Separation) -> str:
    """How to remove a measure that separates the classes: only settings that exist."""
    if found.number == "bandwidth_hz" and found.medians:
        lower = 100 * int(min(found.medians) // 100)
        return (
            f"Set features.fmax_hz={lower}, below which both classes have sound, or vary it with "
            "waveform.band_limit_probability=1."
        )
    return _ADVICE[found.number]
