"""What all our tf.data pipelines have in common."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset, and all that is made of it, without tf.data's tuning of itself.

    The thread that tunes sleeps for 10 ms, 20 ms, 40 ms and so on, up to a minute, and the end of a
    pass often waits until it wakes (TensorFlow 2.21): a pass of 6.4 s took 10.2 s, and one of
    10 s took 20.3 s. Without it, `AUTOTUNE` calls of a map are as many as there are cores, 16 at
    most, and `prefetch` still finds its own size.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def not_kept(array: np.ndarray) -> Callable[[], np.ndarray]:
    """Returns a function that gives the array for as long as somebody else holds it.

    TensorFlow keeps the functions of a dataset, and what they refer to, until the process ends; the
    evaluation that follows a training should have the memory back.

    Raises (the function):
        ReferenceError: Nobody holds the array any more.
    """
    source = weakref.ref(array)

    def held() -> np.ndarray:
        there = source()
        if there is None:
            raise ReferenceError("hold the split for as long as its batches are read")
        return there

    return held
