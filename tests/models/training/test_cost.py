import keras

from models.training.cost import count_flops


def test_a_dense_layer_costs_two_operations_a_weight():
    model = keras.Sequential([keras.layers.Dense(7, use_bias=False)])
    model.build((None, 5, 3))
    assert count_flops(model, 5, 3) == 2 * 5 * 3 * 7
    assert count_flops(model, 10, 3) == 2 * 10 * 3 * 7
