import dataclasses
import json
import math

import pytest

from models.augmentation.waveform_config import WaveformConfig


def test_nothing_is_done_unless_asked_for():
    assert not WaveformConfig().enabled
    assert WaveformConfig(random_start=True).enabled
    names = [f.name for f in dataclasses.fields(WaveformConfig) if f.name.endswith("_probability")]
    assert len(names) == 9
    for name in names:
        assert WaveformConfig(**{name: 0.1, "room_dir": "rooms"}).enabled


def test_it_survives_json():
    config = WaveformConfig(speed_range=(0.8, 1.2))
    again = WaveformConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
    assert again == config
    assert hash(again) == hash(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise_probability": 1.5}, r"waveform.noise_probability must be in \[0, 1\], got 1.5"),
        ({"noise_snr_db": (30.0, 10.0)}, "waveform.noise_snr_db must be two numbers"),
        ({"noise_snr_db": (30.0,)}, "waveform.noise_snr_db must be two numbers"),
        ({"gain_db": (0.0, math.inf)}, "waveform.gain_db must be two numbers"),
        ({"gain_db": (math.nan, 1.0)}, "waveform.gain_db must be two numbers"),
        ({"speed_range": (0.1, 1.0)}, "waveform.speed_range must be within 0.5 to 2"),
        ({"band_limit_hz": (0.0, 100.0)}, "waveform.band_limit_hz must be above 0"),
        ({"equalizer_db": math.nan}, "waveform.equalizer_db must be finite"),
        ({"rawboost_order": "random"}, "waveform.rawboost_order must be one of series, parallel"),
        ({"room_probability": 0.5}, "waveform.room_probability needs a folder"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        WaveformConfig(**changes)
