import dataclasses
import json
import math

import pytest

from models.settings.waveform import WaveformConfig


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
        ({"noise_probability": 1.5}, r"from 0 to 1, got 1.5 \(waveform.noise_probability\)"),
        ({"noise_snr_db": (30.0, 10.0)}, r"two numbers of dB.*\(waveform.noise_snr_db\)"),
        ({"noise_snr_db": (30.0,)}, r"two numbers of dB.*\(waveform.noise_snr_db\)"),
        ({"gain_db": (0.0, math.inf)}, r"two numbers of dB.*\(waveform.gain_db\)"),
        ({"gain_db": (math.nan, 1.0)}, r"two numbers of dB.*\(waveform.gain_db\)"),
        ({"speed_range": (0.1, 1.0)}, r"two numbers from 0.5 to 2, .*\(waveform.speed_range\)"),
        ({"band_limit_hz": (0.0, 100.0)}, r"above 0, .*\(waveform.band_limit_hz\)"),
        ({"equalizer_db": math.nan}, r"a finite number .*\(waveform.equalizer_db\)"),
        ({"rawboost_order": "random"}, r"one of series, parallel, .*\(waveform.rawboost_order\)"),
        ({"room_probability": 0.5}, r"a folder .*room_probability .*\(waveform.room_dir\)"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        WaveformConfig(**changes)
