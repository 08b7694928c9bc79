"""Views of a split against its own features."""

import numpy as np
import pytest

from models.data.batches import evaluation_batches, training_batches
from models.data.splits import ArraySplit
from models.data.views import MeanRemoved


@pytest.fixture
def split():
    features = np.random.default_rng(0).normal([3.0, -1.0, 0.5], size=(9, 40, 3))
    return ArraySplit(features.astype(np.float32), np.arange(9) % 2, np.linspace(1, 2, 9))


def read(batches):
    return [np.concatenate(parts) for parts in zip(*batches.as_numpy_iterator(), strict=True)]


def test_each_clip_loses_its_mean_and_nothing_else_changes(split):
    view = MeanRemoved(split)
    assert (view.labels is split.labels, view.feature_shape) == (True, (40, 3))
    assert view.weights is split.weights
    features, labels = read(view.batches(4, order_seed=None))
    expected = split.features - split.features.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert labels.tolist() == split.labels.tolist()
    _, drawn = read(split.batches(4, order_seed=(1, 2)))
    assert read(view.batches(4, order_seed=(1, 2)))[1].tolist() == drawn.tolist()


def test_training_removes_the_mean_of_the_whole_clip_before_it_crops(split):
    """As in serving, where nothing is cropped: the mean of a crop is another one."""
    arguments = {"batch_size": 9, "seed": 3, "epoch": 1, "crop_frames": 10}
    crops, _, _ = read(training_batches(MeanRemoved(split), **arguments))
    plain, _, _ = read(training_batches(split, **arguments))
    constant = plain - crops  # [9, 10, 3]: the same crop, and the mean of its clip
    np.testing.assert_allclose(constant, np.broadcast_to(constant[:, :1], (9, 10, 3)), atol=1e-5)
    assert np.abs(crops.mean(axis=1)).max() > 0.1
    means = split.features.mean(axis=1)
    assert all(np.isclose(means, row, atol=1e-4).all(axis=1).any() for row in constant[:, 0])
    whole, _, _ = read(evaluation_batches(MeanRemoved(split), batch_size=9))
    np.testing.assert_allclose(whole.mean(axis=1), 0.0, atol=1e-5)
