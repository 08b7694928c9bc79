"""Helpers of all tf.data pipelines."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset with tf.data's autotuning disabled.

    The autotuning thread sleeps for 10 ms, 20 ms, 40 ms and so on, up to a minute, and the end of a
    pass often waits for it (TensorFlow 2.21): a pass of 6.4 s took 10.2 s, and one of 10 s took
    20.3 s. Without it, `AUTOTUNE` means one parallel call per core in a map, at most 16, and
    `prefetch` still chooses its size.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def not_kept(array: np.ndarray) -> Callable[[], np.ndarray]:
    """Returns a function that returns the array while another reference to it exists.

    TensorFlow keeps the functions of a dataset, and their references, until the process ends; the
    memory should be free for the evaluation after the training.

    Raises (the function):
        ReferenceError: No other reference to the array exists.
    """
    source = weakref.ref(array)

    def held() -> np.ndarray:
        there = source()
        if there is None:
            raise ReferenceError("keep a reference to the split while its batches are read")
        return there

    return held
