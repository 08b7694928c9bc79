"""Titles of the measures, and how to remove each from the data."""

from __future__ import annotations

from collections.abc import Callable

from bonafide.dataset.listing import CONDITIONS
from components.data_gate.in_force import InForce
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
    "roughness_db": ("roughness of the spectrum", "dB"),
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
_FILE = "No setting removes the traces of an encoder: encode both classes in the same way."
_METADATA = (
    "No setting helps: the model can learn its traces in the sound in place of synthesis. Add "
    "recordings of each value to both classes."
)
_MEASURED = "docs/measurements/recipes.md"
# What depends neither on the figures nor on the settings.
_FIXED = {
    "clipped_share": "No setting removes clipping: exclude such recordings, or lower the level "
    "before the corpus is made.",
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


def advice(found: Separation, in_force: InForce) -> str:
    """How to remove a measure that separates the classes.

    Only settings that exist, that are not in force already, and that measurements do not show to
    cost more than they remove.

    Args:
        found: The measure and how well it separates.
        in_force: Settings of the run.
    """
    if found.number in _FIXED:
        return _FIXED[found.number]
    return _BY_NUMBER[found.number](found, in_force)


def _dc(found: Separation, in_force: InForce) -> str:
    del found
    if in_force.remove_dc:
        return (
            "features.remove_dc=true, which is in force, removes it: the detector does not see it."
        )
    return "Set features.remove_dc=true."


def _level(found: Separation, in_force: InForce) -> str:
    del found
    if in_force.normalisation in ("utterance", "utterance_mean"):
        scope = f"features.normalisation={in_force.normalisation}"
        return f"{scope}, which is in force, removes the level of a clip."
    if in_force.relative_floor_db:
        return "features.relative_floor_db, which is in force, removes the level of a clip."
    if in_force.gain_probability >= 1:
        remedy = (
            "waveform.gain_probability=1, which is in force, varies it in training. To remove it, "
            "bring both classes to the same levels when the corpus is made."
        )
    else:
        remedy = "Set waveform.gain_probability=1 to vary it in training."
    return f"{remedy} {_NOT_BY_UTTERANCE}"


def _noise_floor(found: Separation, in_force: InForce) -> str:
    del found
    if in_force.relative_floor_db:
        remedies = [
            f"raise features.relative_floor_db ({in_force.relative_floor_db:g}, which is in force)"
        ]
    else:
        remedies = ["raise features.log_floor above the noise"]
    if in_force.noise_probability < 1:
        remedies.append("add noise to both classes (waveform.noise_probability=1)")
    if not in_force.degraded_copies:
        remedies.append("train on degraded copies (utterances.degraded_copies=2)")
    text = " or ".join(filter(None, [", ".join(remedies[:-1]), remedies[-1]]))
    advised = f"{text[0].upper()}{text[1:]}."
    return advised if in_force.normalisation == "utterance" else f"{advised} {_NOT_BY_UTTERANCE}"


def _silence(found: Separation, in_force: InForce) -> str:
    del found
    reduced = (
        "waveform.random_start=true, which is in force, reduces its effect"
        if in_force.random_start
        else "waveform.random_start=true reduces its effect"
    )
    return (
        f"No setting trims silence: trim all recordings of the corpus in the same way ({reduced})."
    )


def _seconds(found: Separation, in_force: InForce) -> str:
    if found.medians and in_force.clip_seconds <= min(found.medians):
        return (
            f"Most recordings are cropped to the {in_force.clip_seconds:g} s of "
            "features.clip_samples, which is in force: shorter ones are repeated, which reveals "
            "their length. Exclude them (utterances.min_seconds)."
        )
    return (
        "Set features.clip_samples to at most the length of the shortest recordings: longer clips "
        "repeat short recordings, which reveals their length. Measure the cost: clips of 2 s in "
        f"place of 6 s took the EER from 5.2 to 6.9 % ({_MEASURED})."
    )


def _file_rate(found: Separation, in_force: InForce) -> str:
    if found.medians and in_force.fmax_hz <= min(found.medians) / 2:
        return (
            f"features.fmax_hz={in_force.fmax_hz:g}, which is in force, is below half of the lower "
            "median: lower it if some recordings have a lower rate."
        )
    return "Set features.fmax_hz to no more than half of the lowest rate."


def _bandwidth(found: Separation, in_force: InForce) -> str:
    copies = (
        ""
        if in_force.degraded_copies
        else ", or train on copies with other bands (utterances.degraded_copies=2)"
    )
    if not found.medians:
        return f"Set features.fmax_hz to a frequency below which both classes have sound{copies}."
    lower = 100 * int(min(found.medians) // 100)
    if in_force.fmax_hz <= lower:
        return (
            f"features.fmax_hz={in_force.fmax_hz:g}, which is in force, is below both medians: "
            "what is above it is not seen."
        )
    return f"Set features.fmax_hz={lower}, below which both classes have sound{copies}."


_NOT_BY_UTTERANCE = (
    "features.normalisation=utterance removes it too, but cost far more than it removed: macro EER "
    f"32.9 in place of 5.2 % on unseen systems of known pages ({_MEASURED})."
)
_BY_NUMBER: dict[str, Callable[[Separation, InForce], str]] = {
    "seconds": _seconds,
    "leading_silence_seconds": _silence,
    "trailing_silence_seconds": _silence,
    "level_dbfs": _level,
    "peak_dbfs": _level,
    "noise_floor_dbfs": _noise_floor,
    "dc_dbfs": _dc,
    "bandwidth_hz": _bandwidth,
    "file_rate_hz": _file_rate,
}
