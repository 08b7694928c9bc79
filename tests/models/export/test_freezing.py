"""A frozen network gives what the model gives, and holds nothing that training needs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.export.freezing import freeze
from models.network.conformer import Conformer
from models.settings.conformer import ConformerConfig

SMALL = {
    "width": 8,
    "num_blocks": 2,
    "num_heads": 2,
    "kernel_size": 3,
    "subsampling_channels": 2,
    "pooling_width": 4,
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"pooling": "token", "halved_after": (1,), "head": "cosine_pair", "pooled_blocks": 2},
        {"halved_after": (1,), "head": "cosine", "stochastic_depth": 0.5},
    ],
)
def test_it_gives_what_the_model_gives_and_holds_no_variables(more):
    keras.utils.set_random_seed(1)
    model = Conformer(ConformerConfig(**SMALL, **more))
    model.build((None, 21, 6))
    frozen = freeze(model, 21, 6)
    kinds = {node.op for node in frozen.graph.node}
    assert "MatMul" in kinds
    assert not {"IdentityN", "ReadVariableOp", "VarHandleOp"} & kinds
    assert not [name for node in frozen.graph.node for name in node.input if name[0] == "^"]
    # Any batch; twice in one graph, as two members are.
    features = np.random.default_rng(2).normal(size=(3, 21, 6)).astype(np.float32)
    twice = tf.function(lambda x: (frozen(x), frozen(2 * x)))
    expected = [model(features, training=False), model(2 * features, training=False)]
    for found, value in zip(twice(features), expected, strict=True):
        assert np.allclose(found, value, atol=1e-5)
        assert np.std(value) > 1e-4
    # A copy: a model that is trained on does not change it.
    model.set_weights([weight + 0.5 for weight in model.get_weights()])
    assert np.allclose(tf.function(lambda x: frozen(x))(features), expected[0], atol=1e-5)
