"""The model: masks, sizes, golden numbers, saving, determinism."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.conformer import (
    AttentiveStatisticsPooling,
    Conformer,
    ConformerConfig,
    Subsampling,
    halve,
)
from models.settings.conformer import SIZES

TINY = ConformerConfig(
    width=16,
    num_blocks=2,
    num_heads=2,
    kernel_size=5,
    subsampling_channels=4,
    pooling_width=8,
    dropout=0.2,
    attention_dropout=0.1,
)
# What leads to one vector in another way.
OTHERS = {
    "several depths": {"pooled_blocks": 2},
    "halved": {"halved_after": (1,)},
    "token": {"pooling": "token"},
    "token, halved, several depths": {
        "pooling": "token",
        "halved_after": (1,),
        "pooled_blocks": 2,
    },
}
FRAMES, BANDS = 45, 20


def random_features(batch=3, frames=FRAMES, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, frames, BANDS)).astype(np.float32)


def make_model(config=TINY, seed=1):
    keras.utils.set_random_seed(seed)
    model = Conformer(config)
    model.build((None, None, BANDS))
    return model


def scramble(model, seed=2):
    """Moves every weight off its initial value, so that no bias hides behind a zero."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))


def test_golden_logits():
    model = make_model()
    for i, weight in enumerate(model.trainable_variables):
        # Numbers that depend on no library's generator, of the size of a usual initial weight.
        size = int(np.prod(weight.shape))
        values = np.sin(0.7 * np.arange(size, dtype=np.float64) ** 2 + i).reshape(weight.shape)
        if "gamma" in weight.path:
            weight.assign(1.0 + 0.1 * values)
        else:
            weight.assign(values / np.sqrt(max(1, size // weight.shape[-1]) / 2))
    cells = np.arange(2 * FRAMES * BANDS, dtype=np.float64).reshape(2, FRAMES, BANDS)
    clips = np.sin(0.01 * cells**2).astype(np.float32)  # the two clips differ
    logits = model(clips, training=False).numpy()
    np.testing.assert_allclose(logits, GOLDEN, atol=1e-4)


GOLDEN = [-0.147888, -0.121414]


def test_parameter_count():
    assert make_model().count_params() == 9_949
    default = Conformer()
    default.build((None, None, 80))
    assert default.count_params() == 683_905


# TensorFlow's own `same` padding would fail wherever the parity of a length changes. Making a model
# takes longer than all the rest, so that one goes through several paddings.
@pytest.mark.parametrize(
    ("time_reduction", "paddings"), [(1, (3,)), (2, (1, 2)), (4, (1, 2, 3, 17))]
)
def test_padding_does_not_change_the_logit(time_reduction, paddings):
    model = make_model(dataclasses.replace(TINY, time_reduction=time_reduction))
    scramble(model)
    clip = random_features(1)
    alone = model(clip, training=False).numpy()
    for padding in paddings:
        rng = np.random.default_rng(9)
        padded = np.concatenate([clip, rng.normal(size=(1, padding, BANDS)) * 50], axis=1)
        neighbour = random_features(1, FRAMES + padding, seed=5)
        batch = np.concatenate([padded, neighbour]).astype(np.float32)
        mask = np.ones((2, FRAMES + padding), bool)
        mask[0, FRAMES:] = False

        together = model(batch, mask=tf.constant(mask), training=False).numpy()

        assert together[0] == pytest.approx(alone[0], abs=1e-5), padding
        unmasked = model(batch, training=False).numpy()
        assert abs(unmasked[0] - alone[0]) > 1e-3, padding  # the mask is what makes them equal


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_padding_does_not_change_other_poolings_either(changes):
    model = make_model(dataclasses.replace(TINY, **changes))
    scramble(model)
    clip = random_features(1)
    alone = model(clip, training=False).numpy()
    for padding in (3, 4, 17):
        padded = np.concatenate([clip, random_features(1, padding, seed=8) * 50], axis=1)
        mask = tf.sequence_mask([FRAMES], FRAMES + padding)
        found = model(padded, mask=mask, training=False).numpy()
        assert found == pytest.approx(alone, abs=1e-5), padding
        assert abs(model(padded, training=False).numpy() - alone).max() > 1e-3, padding


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_every_weight_of_other_poolings_learns(changes):
    model = make_model(dataclasses.replace(TINY, **changes))
    scramble(model)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(random_features(), training=True) ** 2)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    silent = [
        v.path
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if g is None or not np.any(g)
    ]
    assert silent == []


def test_halving_takes_means_of_pairs_and_leaves_tokens():
    x = tf.reshape(tf.range(12, dtype=tf.float32), [1, 6, 2])
    halved, mask = halve(x, None, tokens=1)
    np.testing.assert_array_equal(halved, [[[0, 1], [3, 4], [7, 8], [10, 11]]])
    assert mask.numpy().all()
    halved, mask = halve(x, tf.constant([[True, True, True, True, False, False]]))
    np.testing.assert_array_equal(halved, [[[1, 2], [5, 6], [0, 0]]])
    np.testing.assert_array_equal(mask, [[True, True, False]])


@pytest.mark.parametrize(("size", "millions"), [("S", 8.4), ("M", 26.1), ("L", 110.0)])
def test_sizes_of_the_paper(size, millions):
    """A little less than the paper's 10.3, 30.7 and 118.8, which count a decoder too.

    All blocks are alike, so two of them tell how large sixteen are.
    """
    one, two = (parameters(dataclasses.replace(SIZES[size], num_blocks=n)) for n in (1, 2))
    total = one + (SIZES[size].num_blocks - 1) * (two - one)
    assert total / 1e6 == pytest.approx(millions, rel=0.05)


def parameters(config):
    model = Conformer(config)
    model.build((None, None, 80))
    return model.count_params()


def test_neighbours_do_not_change_the_logit():
    model = make_model()
    features = random_features(4)
    together = model(features, training=False).numpy()
    alone = [model(clip[None], training=False).numpy()[0] for clip in features]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_full_mask_equals_no_mask_and_an_empty_one_is_finite():
    model = make_model()
    features = random_features(2)
    mask = np.ones((2, FRAMES), bool)
    np.testing.assert_allclose(model(features, mask=tf.constant(mask)), model(features), atol=1e-6)
    mask[1] = False
    assert np.isfinite(model(features, mask=tf.constant(mask))).all()


@pytest.mark.parametrize(("reduction", "expected"), [(1, 10), (2, 5), (4, 3)])
def test_subsampled_mask(reduction, expected):
    layer = Subsampling(dataclasses.replace(TINY, time_reduction=reduction))
    mask = tf.sequence_mask([10, 1, 0], 45)
    x, subsampled = layer(random_features(3), mask=mask)
    assert x.shape == (3, -(-45 // reduction), TINY.width)
    assert subsampled.shape == x.shape[:2]
    np.testing.assert_array_equal(tf.reduce_sum(tf.cast(subsampled, tf.int32), 1), [expected, 1, 0])


def test_pooling_is_a_weighted_mean_and_deviation():
    keras.utils.set_random_seed(0)
    layer = AttentiveStatisticsPooling(TINY)
    x = np.random.default_rng(0).normal(size=(2, 7, TINY.width)).astype(np.float32)
    mask = np.arange(7) < np.array([[7], [4]])
    pooled = layer(x, mask=tf.constant(mask)).numpy()

    hidden = np.tanh(x @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy())
    energy = np.exp(hidden @ layer.energy.kernel.numpy()) * mask[..., None]
    weights = energy / energy.sum(axis=1, keepdims=True)
    mean = (weights * x).sum(axis=1)
    deviation = np.sqrt((weights * x**2).sum(axis=1) - mean**2)
    np.testing.assert_allclose(pooled, np.concatenate([mean, deviation], 1), atol=1e-4)


def test_gradient_reaches_every_weight():
    model = make_model()
    scramble(model)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(random_features(), training=True) - 1.0))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert len(gradients) > 50
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.abs(gradient.numpy()).max() > 0, weight.path
        assert np.isfinite(gradient.numpy()).all(), weight.path


def test_config_round_trip():
    model = make_model()
    config = json.loads(json.dumps(model.get_config()))
    again = Conformer.from_config(config)
    assert again.config == TINY
    assert again.name == model.name


def test_weights_round_trip(tmp_path):
    model = make_model()
    scramble(model)
    path = tmp_path / "conformer.weights.h5"
    model.save_weights(path)
    other = make_model(seed=77)
    assert not np.allclose(other(random_features()), model(random_features()))
    other.load_weights(path)
    np.testing.assert_array_equal(other(random_features()), model(random_features()))


def test_whole_model_round_trip(tmp_path):
    model = make_model()
    expected = model(random_features()).numpy()
    model.save(tmp_path / "conformer.keras")
    again = keras.saving.load_model(tmp_path / "conformer.keras")
    np.testing.assert_array_equal(again(random_features()), expected)


def train_some_steps(count):
    model = make_model(dataclasses.replace(TINY, num_blocks=1), seed=3)
    optimizer = keras.optimizers.AdamW(3e-3)
    optimizer.build(model.trainable_variables)
    labels = np.tile([0.0, 1.0], 4).astype(np.float32)
    features = random_features(8) + labels[:, None, None]

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            logits = model(features, training=True)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return [float(step()) for _ in range(count)]


def test_training_learns_and_repeats_with_the_seed():
    losses = train_some_steps(30)
    assert train_some_steps(5) == losses[:5]
    assert np.mean(losses[-5:]) < 0.5 * losses[0]


def test_dropout_only_in_training():
    model = make_model()
    features = random_features()
    np.testing.assert_array_equal(model(features, training=False), model(features, training=False))
    assert not np.allclose(model(features, training=True), model(features, training=True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_float32_logits(policy):
    model = make_model()
    expected = model(random_features(), training=False).numpy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        mixed = make_model()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    mask = tf.constant(np.arange(FRAMES) < np.array([[FRAMES], [30], [0]]))

    @tf.function(jit_compile=False)
    def run(features):
        return mixed(features, training=False), mixed(features, mask=mask, training=True)

    logits, masked = run(random_features())
    assert logits.dtype == tf.float32
    assert logits.shape == (3,)
    assert np.isfinite(masked).all()
    np.testing.assert_allclose(logits, expected, atol=0.1)
    assert all(w.dtype == "float32" for w in mixed.trainable_variables)


def test_dynamic_batch_and_length():
    model = make_model()

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, BANDS]), tf.TensorSpec([None, None], tf.bool)]
    )
    def run(features, mask):
        return model(features, mask=mask, training=False)

    for batch, frames in ((1, 1), (2, 45), (5, 8)):
        features = random_features(batch, frames)
        logits = run(features, tf.ones([batch, frames], tf.bool))
        np.testing.assert_allclose(logits, model(features, training=False), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 97}, "width"),
        ({"width": 98}, "num_heads"),
        ({"kernel_size": 14}, "kernel_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"num_blocks": 0}, "num_blocks"),
        ({"time_reduction": 3}, "time_reduction"),
        ({"frequency_reduction": 8}, "frequency_reduction"),
    ],
)
def test_config_refuses_what_cannot_work(change, message):
    with pytest.raises(ValueError, match=message):
        ConformerConfig(**change)


@pytest.mark.parametrize(("head", "largest"), [("cosine", 1.0), ("cosine_pair", 2.0)])
def test_cosine_heads_give_cosines(head, largest):
    model = make_model(dataclasses.replace(TINY, head=head, embedding_width=6))
    scramble(model)
    pooled = model.poolings[0](model.blocks[0](model.subsampling(random_features())[0]))
    weights = {weight.name: weight.numpy() for weight in model.logit.weights}
    embedding = pooled.numpy() @ weights["kernel"] + weights["bias"]
    embedding /= np.linalg.norm(embedding, axis=-1, keepdims=True)
    directions = weights["directions"] / np.linalg.norm(weights["directions"], axis=0)
    cosines = embedding @ directions
    expected = cosines[:, 0] if head == "cosine" else cosines[:, 0] - cosines[:, 1]
    np.testing.assert_allclose(model.logit(pooled).numpy()[:, 0], expected, atol=1e-5)
    outputs = model(100 * random_features(), training=False).numpy()
    assert outputs.shape == (3,)
    assert np.abs(outputs).max() <= largest


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match=r"one of logit, cosine.* \(conformer\.head\)"):
        ConformerConfig(head="sphere")


def test_each_of_the_last_blocks_is_pooled_by_itself():
    model = make_model(dataclasses.replace(TINY, pooled_blocks=2))
    scramble(model)
    features = random_features()
    first = model.blocks[0](model.subsampling(features)[0])
    second = model.blocks[1](first)
    pooled = np.concatenate([model.poolings[0](second), model.poolings[1](first)], axis=-1)
    expected = pooled @ model.logit.kernel.numpy() + model.logit.bias.numpy()
    np.testing.assert_allclose(model(features, training=False), expected[:, 0], atol=1e-5)
    with pytest.raises(ValueError, match=r"at most conformer\.num_blocks.*got 3 .*pooled_blocks"):
        ConformerConfig(num_blocks=2, pooled_blocks=3)


def test_stochastic_depth_grows_with_depth_and_is_off_at_inference():
    config = dataclasses.replace(TINY, dropout=0.0, attention_dropout=0.0)
    model, deep = make_model(config), make_model(dataclasses.replace(config, stochastic_depth=0.5))
    assert [block.branch_dropout.rate for block in deep.blocks] == [0.25, 0.5]
    for weight, other in zip(deep.weights[: len(model.weights)], model.weights, strict=False):
        if weight.shape == other.shape and "seed" not in weight.path:
            weight.assign(other)
    features = random_features()
    np.testing.assert_allclose(
        deep(features, training=False), model(features, training=False), atol=1e-6
    )
    first, second = deep(features, training=True), deep(features, training=True)
    assert not np.allclose(first, second)
