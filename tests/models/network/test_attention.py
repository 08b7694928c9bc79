"""Relative self-attention against a loop over every pair of frames."""

import keras
import numpy as np
import tensorflow as tf

from models.network.attention import RelativeSelfAttention, relative_shift

WIDTH, HEADS, FRAMES = 12, 3, 9


def sinusoid(distance):
    frequency = 10000.0 ** (-np.arange(0, WIDTH, 2) / WIDTH)
    return np.concatenate([np.sin(distance * frequency), np.cos(distance * frequency)])


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def naive_attention(layer, x, mask):
    """The formula of the paper, one score at a time."""
    head = WIDTH // HEADS
    weights = {w.path.split("/", 1)[1]: w.numpy().astype(np.float64) for w in layer.weights}
    joint = layer_norm(x) @ weights["query_key_value/kernel"] + weights["query_key_value/bias"]
    query, key, value = (joint[..., i * WIDTH : (i + 1) * WIDTH] for i in range(3))
    output = np.zeros_like(x)
    for b in range(len(x)):
        for h in range(HEADS):
            part = slice(h * head, (h + 1) * head)
            u = weights["content_bias"][h].ravel()
            v = weights["position_bias"][h].ravel()
            for i in range(FRAMES):
                scores = np.full(FRAMES, -np.inf)
                for j in range(FRAMES):
                    if mask[b, j]:
                        position = (sinusoid(i - j) @ weights["position/kernel"])[part]
                        scores[j] = (query[b, i, part] + u) @ key[b, j, part]
                        scores[j] += (query[b, i, part] + v) @ position
                attention = np.exp(scores / np.sqrt(head))
                output[b, i, part] = attention / attention.sum() @ value[b, :, part]
    return output @ weights["output_projection/kernel"] + weights["output_projection/bias"]


def test_equals_the_naive_loop():
    keras.utils.set_random_seed(0)
    layer = RelativeSelfAttention(width=WIDTH, num_heads=HEADS, name="attention")
    layer.build((None, None, WIDTH))
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        if "norm" not in weight.path:
            weight.assign(rng.normal(size=weight.shape) * 0.5)
    x = rng.normal(size=(2, FRAMES, WIDTH)).astype(np.float32)
    mask = np.arange(FRAMES) < np.array([[FRAMES], [5]])

    actual = layer(x, mask=tf.constant(mask), training=False).numpy()

    expected = naive_attention(layer, x.astype(np.float64), mask)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_relative_shift_puts_each_distance_in_its_place():
    # The score of distance r is r itself, so key j of query i must get i - j.
    by_distance = np.broadcast_to(np.arange(FRAMES, -FRAMES, -1.0), (2, FRAMES, 2 * FRAMES))
    shifted = relative_shift(tf.constant(by_distance)).numpy()
    expected = np.arange(FRAMES)[:, None] - np.arange(FRAMES)
    np.testing.assert_array_equal(shifted, np.broadcast_to(expected, (2, FRAMES, FRAMES)))
