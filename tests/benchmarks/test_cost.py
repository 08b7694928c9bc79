"""The cost of an epoch: what is repeated, and what the ratios mean."""

import numpy as np

from benchmarks.cost import ratios, repeat_files
from benchmarks.peers.epochs import measure_epochs
from models.data.splits import ArraySplit
from models.settings.trainer import TrainerConfig


def test_files_are_repeated_under_other_names(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a-00000-of-00002", "a-00001-of-00002.gz"):
        (source / name).write_text(name)
    repeat_files(source, tmp_path / "target", 3)
    found = sorted((tmp_path / "target").iterdir())
    assert len(found) == 6
    assert sum(path.name.endswith(".gz") for path in found) == 3
    assert all(path.name.endswith(path.read_text()) for path in found)


def test_what_is_linear_and_flat_has_ratios_of_one():
    def figures(times, seconds_each, mebibytes):
        return {
            "examples": 10 * times,
            "epoch_seconds": 10 * times * seconds_each,
            "epoch_cpu_seconds": 10 * times * seconds_each,
            "open_seconds": 10 * times * seconds_each,
            "peak_mebibytes": mebibytes,
        }

    found = ratios(
        {
            "disk": {"1x": figures(1, 2.0, 500), "16x": figures(16, 2.0, 500)},
            "memory": {"1x": figures(1, 2.0, 500), "16x": figures(16, 4.0, 1000)},
        }
    )
    assert all(value == 1 for name, value in found.items() if name.endswith("disk"))
    assert all(value == 0.5 for name, value in found.items() if name.endswith("memory"))
    assert len(found) == 8


def test_epochs_are_measured():
    features = np.random.default_rng(0).normal(size=(9, 20, 12)).astype(np.float32)
    split = ArraySplit(features, np.arange(9) % 2)
    found = measure_epochs(split, TrainerConfig(batch_size=4), 2)
    assert found["examples"] == 9
    assert min(found.values()) > 0
