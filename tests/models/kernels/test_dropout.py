"""The share dropped, the expectation, and the seed."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.kernels.dropout import BranchDropout, ByteDropout

ROOT = pathlib.Path(__file__).resolve().parents[3]
TWO_REPLICAS = """
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from models.kernels.dropout import BranchDropout, ByteDropout
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = ByteDropout(0.5)
draw = tf.function(lambda: strategy.run(lambda: layer(tf.ones([64]), training=True)))
masks = [part.numpy() for _ in range(2) for part in strategy.experimental_local_results(draw())]
assert len(masks) == 4
assert len({mask.tobytes() for mask in masks}) == 4, masks
"""


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.999])
def test_drops_its_share_and_keeps_the_expectation(rate):
    keras.utils.set_random_seed(0)
    dropped = ByteDropout(rate)(tf.ones([100, 1003]), training=True).numpy()
    rounded = round(rate * 256) / 256
    rounded = min(rounded, 255 / 256)
    assert (dropped == 0).mean() == pytest.approx(rounded, abs=0.005)
    assert dropped.max() == pytest.approx(1 / (1 - rounded))
    assert dropped.mean() == pytest.approx(1.0, rel=0.1)
    # Neighbours are independent: no byte decides for two values.
    flat = (dropped == 0).astype(float).ravel()
    for lag in (1, 2, 3, 4, 1003):
        assert abs(np.corrcoef(flat[:-lag], flat[lag:])[0, 1]) < 0.02


@pytest.mark.parametrize(("rate", "training"), [(0.3, False), (0.3, None), (0.0, True)])
def test_otherwise_passes_through(rate, training):
    x = tf.random.stateless_normal([3, 5], [0, 1])
    np.testing.assert_array_equal(ByteDropout(rate)(x, training=training), x)


def test_follows_the_global_seed_and_changes_with_each_call():
    def draw():
        layer = ByteDropout(0.5)
        return [layer(tf.ones([50]), training=True).numpy() for _ in range(2)]

    keras.utils.set_random_seed(5)
    first = draw()
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(first, draw())
    assert not np.array_equal(first[0], first[1])


def test_replicas_drop_different_values():
    command = [sys.executable, "-c", TWO_REPLICAS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]


def test_refuses_an_impossible_rate():
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        ByteDropout(1.0)


def test_branches_are_dropped_for_whole_clips_and_the_others_scaled():
    keras.utils.set_random_seed(1)
    layer = BranchDropout(0.25)
    kept = layer(tf.ones([4000, 3, 2]), training=True).numpy()
    assert (kept == kept[:, :1, :1]).all()
    values = kept[:, 0, 0]
    assert set(np.unique(values)) == {0.0, np.float32(4 / 3)}
    assert (values == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert layer(tf.ones([2, 3]), training=False).numpy().min() == 1.0
