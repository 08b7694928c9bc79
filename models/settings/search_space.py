"""Search space of tuning, as dotted names of settings. Imports no framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

# Sections of settings, each field -> value, as in a component's configuration.
Sections = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Range:
    """Range of a random value.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Whether the value is log-uniform instead of uniform.
        whole: Whether the value is a whole number.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


def search_space(*, frames: int, bands: int) -> dict[str, Range]:
    """Returns every searchable setting with its range.

    Sizes of the model are excluded: they determine the cost per clip, which tuning must not
    increase, and a larger model nearly always looks better on the dev split.

    Args:
        frames: Frames of a clip in a training step.
        bands: Features of a frame.
    """
    probability = Range(0.0, 0.8)
    return {
        "trainer.learning_rate": Range(2e-4, 4e-3, log=True),
        "trainer.weight_decay": Range(1e-3, 0.2, log=True),
        "trainer.warmup_fraction": Range(0.02, 0.3),
        "trainer.label_smoothing": Range(0.0, 0.2),
        "conformer.dropout": Range(0.0, 0.4),
        "conformer.attention_dropout": Range(0.0, 0.3),
        "conformer.stochastic_depth": Range(0.0, 0.3),
        "augment.spec_augment_probability": Range(0.0, 1.0),
        "augment.max_time_mask_frames": Range(0, max(1, frames // 4), whole=True),
        "augment.max_frequency_mask_bands": Range(0, max(1, bands // 3), whole=True),
        "augment.mixup_probability": probability,
        "augment.cutmix_probability": probability,
        "waveform.resynthesis_probability": Range(0.0, 0.5),
        "waveform.speed_probability": probability,
        "waveform.rawboost_probability": probability,
        "waveform.noise_probability": probability,
        "waveform.equalizer_probability": probability,
        "waveform.band_limit_probability": probability,
        "waveform.companding_probability": probability,
        "waveform.gain_probability": probability,
    }


SEARCHABLE = tuple(search_space(frames=1, bands=1))
DEFAULT_SPACE = (
    "trainer.learning_rate",
    "trainer.weight_decay",
    "conformer.dropout",
    "conformer.stochastic_depth",
    "augment.spec_augment_probability",
    "augment.max_time_mask_frames",
    "augment.max_frequency_mask_bands",
    "augment.mixup_probability",
)


def value_of(config: Sections, name: str) -> Any:
    """Returns the value of `section.field`."""
    section, field = name.split(".")
    return config[section][field]


def apply_values(config: Sections, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of the settings with changed values.

    Args:
        config: Sections of settings; other entries are kept.
        values: `section.field` -> value.

    Raises:
        KeyError: There is no such setting.
    """
    changed = dict(config)
    for name, value in values.items():
        value_of(config, name)
        section, field = name.split(".")
        changed[section] = {**changed[section], field: value}
    return changed


def values_text(values: Mapping[str, Any]) -> str:
    """Returns the values on one line: `learning_rate 0.00123  dropout 0.2`."""
    return "  ".join(f"{name.partition('.')[2]} {value:.3g}" for name, value in values.items())
