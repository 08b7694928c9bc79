import sys

from models.settings.waveform import WaveformConfig
from scripts import draw_augmentations


def test_every_operation_is_drawn(tmp_path, monkeypatch):
    path = tmp_path / "augmentations.svg"
    monkeypatch.setattr(sys, "argv", ["draw", str(path)])
    draw_augmentations.main()
    drawn = path.read_text()
    titles = draw_augmentations.operations()
    # The recording itself, and RawBoost in both orders.
    names = [name for name in vars(WaveformConfig()) if name.endswith("_probability")]
    assert len(titles) == len(names) + 2
    for title in titles:
        assert title in drawn
