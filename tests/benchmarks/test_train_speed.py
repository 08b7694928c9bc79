"""The comparison with the peer: both sides answer, and do work of one size."""

import os
import pathlib
import sys

import pytest

from benchmarks.train_speed import MODES, PEER, PINS, Work, compare, installed, ratios, summarise

TINY = Work(
    threads=1,
    batch_size=2,
    frames=21,
    bands=8,
    width=8,
    num_blocks=2,
    num_heads=2,
    kernel_size=3,
    subsampling_channels=2,
    pooling_width=4,
)
OURS = [sys.executable, "-m", "benchmarks.peers.ours"]
PEER_FOLDER = os.environ.get("BONAFIDE_PEER")


def answer(**changes):
    return {
        "steps": 3,
        "per_second": 10.0,
        "per_cpu_second": 5.0,
        "others_share": 0.1,
        "value": 0.5,
        "parameters": 7,
        "imported_mebibytes": 100.0,
        "peak_mebibytes": 150.0,
        "version": "1",
        **changes,
    }


def test_medians_count_and_ratios_are_ours_over_the_peer():
    ours = summarise([answer(per_second=rate) for rate in (90.0, 30.0, 20.0)])
    assert ours["examples_per_second"] == 30.0
    assert (ours["examples_per_second_least"], ours["examples_per_second_most"]) == (20.0, 90.0)
    peer = summarise([answer(peak_mebibytes=200.0)])
    assert ratios({"train": {"ours": ours, "peer": peer}}, "bfloat16") == {
        "train_bfloat16": 3.0,
        "train_bfloat16_cpu": 1.0,
        "memory_train_bfloat16": pytest.approx(4 / 3),
        "memory_above_imports_train_bfloat16": 2.0,
    }


def test_our_side_takes_turns():
    found = compare({"ours": OURS}, TINY, rounds=1, seconds=0.0)
    assert set(found) == set(MODES)
    for sides in found.values():
        assert sides["ours"]["examples_per_second"] > 0
        assert sides["ours"]["above_imports_mebibytes"] > 0
        assert sides["ours"]["version"].startswith("tensorflow")


def test_a_side_that_ends_says_why():
    broken = [sys.executable, "-c", "raise SystemExit('it has no wheels')"]
    with pytest.raises(RuntimeError, match="it has no wheels"):
        compare({"ours": broken}, TINY, rounds=1, seconds=0.0)


def test_an_environment_is_known_by_its_versions(tmp_path):
    assert installed(tmp_path / "bin" / "python") == {}
    assert installed(pathlib.Path(sys.executable)) != PINS


@pytest.mark.skipif(not PEER_FOLDER, reason="BONAFIDE_PEER names no environment of the peer")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_peer_has_a_model_of_the_same_size(precision):
    python = pathlib.Path(PEER_FOLDER) / "bin" / "python"
    assert installed(python) == PINS
    work = Work(precision=precision, threads=1, batch_size=2)
    found = compare({"ours": OURS, "peer": [python, PEER]}, work, rounds=1, seconds=0.0)
    ours, peer = (found["train"][side] for side in ("ours", "peer"))
    # The rest is the peer's learnt tables of distances, less our biases and positions.
    tables = work.num_blocks * 1025 * work.width // work.num_heads
    assert peer["parameters"] - tables == pytest.approx(ours["parameters"], rel=0.06)
    # Cross entropy at the start of training: both are near that of a coin.
    assert 0.3 < peer["last_value"] < 2
