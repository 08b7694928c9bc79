"""Views of a split: the same utterances with other features."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from models.data.splits import Split
from models.features.frontend import remove_mean


@dataclasses.dataclass(frozen=True)
class MeanRemoved:
    """A split whose features have the mean of each whole clip removed (`frontend.remove_mean`).

    Nothing is stored: the means are removed from each batch, before a crop of training.

    Attributes:
        source: The split as it is stored.
    """

    source: Split

    @property
    def labels(self) -> np.ndarray:
        """See `Split.labels`."""
        return self.source.labels

    @property
    def weights(self) -> np.ndarray | None:
        """See `Split.weights`."""
        return self.source.weights

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Frames and bands (T, F)."""
        return self.source.feature_shape

    def batches(self, batch_size: int, *, order_seed: tuple[int, int] | None) -> tf.data.Dataset:
        """See `Split.batches`."""
        batches = self.source.batches(batch_size, order_seed=order_seed)
        return batches.map(lambda features, labels: (remove_mean(features), labels))
