import json
import sys

from benchmarks import kernels
from models.kernels import layers


def test_both_sides_are_timed_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "SHAPE", (2, 3, 4))
    monkeypatch.setattr(kernels, "kernels", lambda: {"swish": lambda: layers.swish})
    monkeypatch.setattr(kernels, "timed_step", lambda: lambda: None)
    monkeypatch.setattr(sys, "argv", ["kernels", "--json", str(tmp_path / "f"), "--rounds", "2"])
    kernels.main()
    written = json.loads((tmp_path / "f").read_text())
    assert written["ratios"].keys() == {
        "swish_keras_over_ours",
        "training_step_keras_over_ours",
    }
    figures = written["figures"]
    assert figures["swish_fused_ms"] > 0
    ratio = figures["swish_keras_ms"] / figures["swish_fused_ms"]
    assert written["ratios"]["swish_keras_over_ours"] == ratio
