"""What all our tf.data pipelines have in common."""

from __future__ import annotations

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
