import dataclasses
import functools
import re

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from bonafide.registry.warm_start import weights_digest, weights_path
from models.network.conformer import Conformer, ConformerConfig
from models.training.pretrained import load_pretrained

BANDS = 8
TINY = ConformerConfig(
    width=8, num_blocks=2, num_heads=2, kernel_size=5, subsampling_channels=4, pooling_width=4
)
NOT_IN_BLOCKS = 11  # weights of subsampling, pooling and head
IN_A_BLOCK = 33


@functools.cache
def built(role, bands, changes):
    """A model and its initial weights. Building one takes longer than the tests themselves."""
    keras.utils.set_random_seed(0)
    model = Conformer(dataclasses.replace(TINY, **dict(changes)), name="conformer")
    model.build((None, None, bands))
    return model, model.get_weights()


def build(bands=BANDS, **changes):
    model, initial = built("target", bands, tuple(changes.items()))
    model.set_weights(initial)
    return model


def trained(seed=1, **changes):
    """As training leaves a model: no weight has its initial value."""
    model, initial = built("source", BANDS, tuple(changes.items()))
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0.5, 0.5, w.shape) for w in initial])
    return model


def values(model):
    return {v.path.partition("/")[2]: v.numpy() for v in model.weights}


def pushed(folder, model):
    """A pushed version, as far as a warm start looks at it."""
    (folder / "assets.extra").mkdir(parents=True)
    model.save_weights(folder / "assets.extra/conformer.weights.h5")
    (folder / "assets.extra/bonafide.json").write_text("{}")
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


def messages(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "bonafide"]


@pytest.fixture(autouse=True)
def _log(caplog):
    caplog.set_level("INFO", logger="bonafide")


# ---- our own


@pytest.mark.parametrize(
    ("what", "changes"),
    [("folder", {}), ("file", {}), ("folder", {"head": "cosine_pair", "pooled_blocks": 2})],
)
def test_a_model_of_ours_scores_as_the_one_it_came_from(tmp_path, caplog, what, changes):
    source, model = trained(**changes), build(**changes)
    folder = pushed(tmp_path / "17", source)
    uri = str(folder if what == "folder" else folder / "assets.extra/conformer.weights.h5")
    loaded = load_pretrained(model, uri)
    features = np.random.default_rng(2).normal(size=(3, 20, BANDS)).astype(np.float32)
    assert np.array_equal(model(features), source(features))
    assert np.std(model(features)) > 1e-3
    for name, array in values(source).items():
        assert np.array_equal(values(model)[name], array), name
    assert (loaded.mismatched, loaded.missing, loaded.unused) == ({}, (), ())
    count = len(model.weights)
    assert messages(caplog) == [f"warm start: {count} of {count} weights from {uri}"]
    assert loaded.facts() == {
        "uri": uri,
        "kind": "detector",
        "weights": count,
        "loaded": count,
        "mismatched": [],
        "missing": [],
    }


def test_another_head_and_other_bands_start_afresh_and_are_listed(tmp_path, caplog):
    """What is in front of the blocks and behind them may differ."""
    folder = pushed(tmp_path / "17", trained())
    model = build(bands=16, head="cosine")
    fresh = values(model)
    loaded = load_pretrained(model, str(folder))
    assert loaded.mismatched == {"subsampling/projection/kernel": ((8, 8), (16, 8))}
    assert loaded.missing == ("logit/directions", "logit/embedding/kernel", "logit/embedding/bias")
    assert loaded.unused == ("layers/dense/vars/0", "layers/dense/vars/1")
    changed = {name for name, array in values(model).items() if (array != fresh[name]).any()}
    assert changed == set(loaded.loaded)
    [message] = messages(caplog)
    assert message.endswith(
        "(the others: subsampling/projection/kernel is [8, 8], here [16, 8]; "
        "not there: logit/directions, logit/embedding/kernel, logit/embedding/bias; "
        "only there: layers/dense/vars/0, layers/dense/vars/1)"
    )


def test_the_first_blocks_of_a_deeper_model_are_taken(tmp_path, caplog):
    source, model = trained(), build()
    folder = pushed(tmp_path / "17", source)
    with h5py.File(folder / "assets.extra/conformer.weights.h5", "a") as file:
        for number in range(2, 12):
            file.copy("blocks/conformer_block", f"blocks/conformer_block_{number}")
    loaded = load_pretrained(model, str(folder))
    assert (loaded.unused, loaded.blocks) == ((), 12)
    for name, array in values(source).items():
        assert np.array_equal(values(model)[name], array), name
    [message] = messages(caplog)
    assert message.endswith(", the first 2 of its 12 blocks")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_blocks": 2}, ["not there: block_1/first", "--set conformer.num_blocks=1"]),
        ({"width": 12}, ["block_0/norm/gamma is [8], here [12]"]),
        ({"kernel_size": 3}, ["depthwise/kernel is [5, 8, 1]", "--set conformer.kernel_size=5"]),
        ({"num_heads": 4}, ["content_bias is [2, 1, 1, 4]", "--set conformer.num_heads=2"]),
        ({"ff_multiplier": 3}, ["expand/kernel is [8, 16]", "--set conformer.ff_multiplier=2"]),
        (
            {"width": 16, "ff_multiplier": 1, "subsampling_channels": 6, "pooling_width": 5},
            [
                "--set conformer.width=8 --set conformer.ff_multiplier=2 "
                "--set conformer.subsampling_channels=4 --set conformer.pooling_width=4"
            ],
        ),
    ],
)
def test_blocks_of_ours_that_do_not_fit_are_refused_and_nothing_is_changed(
    tmp_path, changes, words
):
    folder = pushed(tmp_path / "17", trained(num_blocks=1))
    model = build(**{"num_blocks": 1, **changes})
    fresh = model.get_weights()
    with pytest.raises(ValueError, match="does not fit into this model's blocks; ") as caught:
        load_pretrained(model, str(folder))
    for word in [*words, str(folder)]:
        assert word in str(caught.value)
    for before, after in zip(fresh, model.get_weights(), strict=True):
        assert np.array_equal(before, after)


# ---- an encoder that was trained for recognition


def legacy_file(
    path, *, blocks=2, width=8, heads=2, kernel=4, ff=2, filters=4, bands=BANDS, prefix=""
):
    """Writes an encoder's weights as TensorFlowASR's `save_weights` does, and returns them.

    Names and shapes are those of the published file but for the sizes.
    """
    rng = np.random.default_rng(5)
    head = width // heads
    encoder = "conformer_encoder"
    layers = {f"{encoder}_subsampling": {}, f"{encoder}_pe": {}, f"{encoder}_linear": {}}
    front = f"{encoder}_subsampling/{encoder}_subsampling"
    layers[f"{encoder}_subsampling"] = {
        f"{front}_1/kernel": (3, 3, 1, filters),
        f"{front}_1/bias": (filters,),
        f"{front}_2/kernel": (3, 3, filters, filters),
        f"{front}_2/bias": (filters,),
    }
    layers[f"{encoder}_linear"] = {
        f"{encoder}_linear/kernel": (bands // 4 * filters, width),
        f"{encoder}_linear/bias": (width,),
    }
    for i in range(blocks):
        block = f"{encoder}_block_{i}"
        shapes = {f"{block}_ln/gamma": (width,), f"{block}_ln/beta": (width,)}
        for module in (f"{block}_ff_module_1", f"{block}_ff_module_2"):
            shapes |= {
                f"{module}/{module}_ln/gamma": (width,),
                f"{module}/{module}_ln/beta": (width,),
                f"{module}/{module}_dense_1/kernel": (width, ff * width),
                f"{module}/{module}_dense_1/bias": (ff * width,),
                f"{module}/{module}_dense_2/kernel": (ff * width, width),
                f"{module}/{module}_dense_2/bias": (width,),
            }
        module = f"{block}_mhsa_module"
        shapes |= {
            f"{module}/{module}_ln/gamma": (width,),
            f"{module}/{module}_ln/beta": (width,),
            f"{module}/{module}_mhsa/pos_kernel": (heads, width, head),
            f"{module}/{module}_mhsa/pos_bias_u": (heads, head),
            f"{module}/{module}_mhsa/pos_bias_v": (heads, head),
            f"{module}/{module}_mhsa/query_kernel": (heads, width, head),
            f"{module}/{module}_mhsa/key_kernel": (heads, width, head),
            f"{module}/{module}_mhsa/value_kernel": (heads, width, head),
            f"{module}/{module}_mhsa/projection_kernel": (heads, head, width),
            f"{module}/{module}_mhsa/projection_bias": (width,),
        }
        module = f"{block}_conv_module"
        norm = f"layer_normalization_{i}" if i else "layer_normalization"
        shapes |= {
            f"{module}/{norm}/gamma": (width,),
            f"{module}/{norm}/beta": (width,),
            f"{module}/{module}_pw_conv_1/kernel": (1, 1, width, 2 * width),
            f"{module}/{module}_pw_conv_1/bias": (2 * width,),
            f"{module}/{module}_dw_conv/depthwise_kernel": (kernel, 1, width, 1),
            f"{module}/{module}_dw_conv/bias": (width,),
            f"{module}/{module}_bn/gamma": (width,),
            f"{module}/{module}_bn/beta": (width,),
            f"{module}/{module}_bn/moving_mean": (width,),
            f"{module}/{module}_bn/moving_variance": (width,),
            f"{module}/{module}_pw_conv_2/kernel": (1, 1, width, width),
            f"{module}/{module}_pw_conv_2/bias": (width,),
        }
        layers[block] = {f"{block}/{name}": shape for name, shape in shapes.items()}
    weights = {}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.6.0"
        for layer, shapes in layers.items():
            group = file.create_group(layer)
            full = {f"{prefix}{encoder}/{name}:0": name for name in shapes}
            group.attrs["weight_names"] = [name.encode() for name in full]
            for name, short in full.items():
                array = rng.normal(size=shapes[short]).astype(np.float32)
                if short.endswith("moving_variance"):
                    array = np.square(array) + 0.1
                group.create_dataset(name, data=array)
                weights[re.sub(r".*conformer_encoder_", "", short)] = array
                if "layer_normalization" in short:
                    weights[f"block_{i_of(short)}_conv_module_ln/{short.split('/')[-1]}"] = array
    return weights


def i_of(name):
    return re.search(r"block_(\d+)", name)[1]


@pytest.fixture
def recogniser(tmp_path):
    path = tmp_path / "conformer-encoder.h5"
    return str(path), legacy_file(path)


def test_an_encoder_for_recognition_is_taken_whole(recogniser, caplog):
    uri, theirs = recogniser
    model = build()
    fresh = values(model)
    loaded = load_pretrained(model, uri)
    ours = values(model)
    new = ("pooling", "logit")
    assert loaded.mismatched == {}
    assert loaded.missing == (
        "block_0/attention/query_key_value/bias",
        "block_1/attention/query_key_value/bias",
        *(name for name in ours if name.startswith(new)),
    )
    for name in loaded.missing:
        assert np.array_equal(ours[name], fresh[name])
    for here, there in {
        "subsampling/convolution_0": "subsampling_1",
        "subsampling/convolution_1": "subsampling_2",
        "subsampling/projection": "linear",
    }.items():
        for weight in ("kernel", "bias"):
            assert np.array_equal(ours[f"{here}/{weight}"], theirs[f"{there}/{weight}"])
    for i in range(2):
        for here, there in {
            "first_feed_forward/norm/gamma": "ff_module_1_ln/gamma",
            "first_feed_forward/norm/beta": "ff_module_1_ln/beta",
            "first_feed_forward/expand/kernel": "ff_module_1_dense_1/kernel",
            "first_feed_forward/expand/bias": "ff_module_1_dense_1/bias",
            "first_feed_forward/contract/kernel": "ff_module_1_dense_2/kernel",
            "first_feed_forward/contract/bias": "ff_module_1_dense_2/bias",
            "second_feed_forward/norm/gamma": "ff_module_2_ln/gamma",
            "second_feed_forward/expand/kernel": "ff_module_2_dense_1/kernel",
            "second_feed_forward/contract/kernel": "ff_module_2_dense_2/kernel",
            "attention/norm/gamma": "mhsa_module_ln/gamma",
            "attention/norm/beta": "mhsa_module_ln/beta",
            "attention/output_projection/bias": "mhsa_module_mhsa/projection_bias",
            "convolution/norm/gamma": "conv_module_ln/gamma",
            "convolution/norm/beta": "conv_module_ln/beta",
            "convolution/expand/bias": "conv_module_pw_conv_1/bias",
            "convolution/contract/bias": "conv_module_pw_conv_2/bias",
            "convolution/inner_norm/gamma": "conv_module_bn/gamma",
            "convolution/inner_norm/beta": "conv_module_bn/beta",
            "norm/gamma": "ln/gamma",
            "norm/beta": "ln/beta",
        }.items():
            name = f"block_{i}/{here}"
            assert np.array_equal(ours[name], theirs[f"block_{i}_{there}"]), name
        # Head 1 is columns 4 to 7 of each third.
        joint = ours[f"block_{i}/attention/query_key_value/kernel"]
        for third, part in enumerate(("query", "key", "value")):
            kernel = theirs[f"block_{i}_mhsa_module_mhsa/{part}_kernel"]
            assert np.array_equal(joint[:, 8 * third + 4 : 8 * third + 8], kernel[1])
        for here, there in (("expand", "pw_conv_1"), ("contract", "pw_conv_2")):
            kernel = theirs[f"block_{i}_conv_module_{there}/kernel"]
            assert np.array_equal(ours[f"block_{i}/convolution/{here}/kernel"], kernel[0, 0])
    assert messages(caplog) == [
        f"warm start: 70 of 77 weights from {uri} (the others: not there: "
        "block_*/attention/query_key_value/bias (2 blocks), pooling/hidden/kernel, "
        "pooling/hidden/bias, pooling/energy/kernel, logit/kernel, logit/bias)"
    ]
    assert len(ours) == 77 == 2 * IN_A_BLOCK + NOT_IN_BLOCKS
    assert loaded.facts()["kind"] == "recogniser"


def test_attention_looks_back_as_the_recogniser_did(recogniser):
    """The last frame has all others behind it; there, both codes attend alike."""
    uri, theirs = recogniser
    model = build()
    load_pretrained(model, uri)
    x = np.random.default_rng(3).normal(size=(7, 8))
    w = {
        name.partition("mhsa_module_mhsa/")[2]: array.astype(np.float64)
        for name, array in theirs.items()
        if name.startswith("block_1_mhsa_module_mhsa/")
    }
    gamma, beta = (theirs[f"block_1_mhsa_module_ln/{n}"] for n in ("gamma", "beta"))
    normed = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * gamma + beta
    distance = np.arange(6, -1, -1)[:, None]
    angle = distance / 10000 ** (np.arange(0, 8, 2) / 8)
    positions = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    query, key, value = (
        np.einsum("ti,hio->hto", normed, w[f"{part}_kernel"]) for part in ("query", "key", "value")
    )
    position = np.einsum("ti,hio->hto", positions, w["pos_kernel"])
    last = query[:, -1]
    scores = np.einsum("ho,hto->ht", last + w["pos_bias_u"], key)
    scores += np.einsum("ho,hto->ht", last + w["pos_bias_v"], position)
    weights = np.exp(scores / 2)  # the root of a head's width
    weights /= weights.sum(1, keepdims=True)
    context = np.einsum("ht,hti->hi", weights, value)
    expected = np.einsum("hi,hio->o", context, w["projection_kernel"]) + w["projection_bias"]
    found = model.blocks[1].attention(x[None].astype(np.float32))[0, -1]
    assert np.allclose(found, expected, atol=1e-4)


def test_the_even_kernel_and_the_batch_statistics_are_kept_exactly(recogniser):
    uri, theirs = recogniser
    model = build()
    load_pretrained(model, uri)
    x = np.random.default_rng(3).normal(size=(2, 9, 8)).astype(np.float32)
    w = {
        name.partition("conv_module_")[2]: array
        for name, array in theirs.items()
        if name.startswith("block_0_conv_module_")
    }
    convolved = tf.nn.depthwise_conv2d(
        x[:, :, None], w["dw_conv/depthwise_kernel"], [1, 1, 1, 1], "SAME"
    )
    standardised = (convolved[:, :, 0] + w["dw_conv/bias"] - w["bn/moving_mean"]) / np.sqrt(
        w["bn/moving_variance"] + 1e-3
    )
    assert np.allclose(model.blocks[0].convolution.depthwise(x), standardised, atol=1e-5)


@pytest.mark.parametrize("prefix", ["", "conformer/"])
def test_it_does_not_matter_what_the_encoder_was_part_of(tmp_path, prefix):
    legacy_file(tmp_path / "a.h5", prefix=prefix)
    assert len(load_pretrained(build(), str(tmp_path / "a.h5")).loaded) == 70


def test_a_smaller_model_takes_the_first_blocks_and_lists_what_has_another_shape(tmp_path, caplog):
    path = tmp_path / "a.h5"
    theirs = legacy_file(path, blocks=12, kernel=8, filters=6, bands=80)
    model = build(num_blocks=3, ff_multiplier=4)
    loaded = load_pretrained(model, str(path))
    assert {name: shapes for name, shapes in loaded.mismatched.items() if "block_" not in name} == {
        "subsampling/convolution_0/kernel": ((3, 3, 1, 6), (3, 3, 1, 4)),
        "subsampling/convolution_0/bias": ((6,), (4,)),
        "subsampling/convolution_1/kernel": ((3, 3, 6, 6), (3, 3, 4, 4)),
        "subsampling/convolution_1/bias": ((6,), (4,)),
        "subsampling/projection/kernel": ((120, 8), (8, 8)),
    }
    assert loaded.mismatched["block_2/convolution/depthwise/kernel"] == ((9, 8, 1), (5, 8, 1))
    assert np.array_equal(values(model)["block_2/norm/gamma"], theirs["block_2_ln/gamma"])
    [message] = messages(caplog)
    for words in (
        "the first 3 of its 12 blocks",
        "subsampling/projection/kernel is [120, 8], here [8, 8]",
        "block_*/convolution/depthwise/kernel is [9, 8, 1], here [5, 8, 1] (3 blocks)",
        "; the file has conformer.kernel_size=9, conformer.ff_multiplier=2, "
        "conformer.subsampling_channels=6",
    ):
        assert words in message


def test_kernels_for_other_heads_are_not_taken_although_their_shape_is_the_same(recogniser, caplog):
    uri, _ = recogniser
    model = build(num_heads=4)
    fresh = values(model)
    loaded = load_pretrained(model, uri)
    for weight in ("query_key_value/kernel", "position/kernel", "output_projection/kernel"):
        name = f"block_0/attention/{weight}"
        assert name in loaded.mismatched
        assert np.array_equal(values(model)[name], fresh[name])
    assert "conformer.num_heads=2" in messages(caplog)[0]
    assert "is [8, 24], here [8, 24] for other heads (2 blocks)" in messages(caplog)[0]


def test_an_encoder_of_which_no_block_fits_is_refused(tmp_path):
    legacy_file(tmp_path / "a.h5", blocks=3, width=12, kernel=8, heads=3)
    model = build()
    fresh = model.get_weights()
    with pytest.raises(ValueError, match="has nothing that fits into this model's") as caught:
        load_pretrained(model, str(tmp_path / "a.h5"))
    for words in (
        "; --set conformer.num_blocks=3 --set conformer.width=12 --set conformer.num_heads=3 "
        "--set conformer.kernel_size=9 would give the file's sizes. In the file: ",
        "block_*/norm/gamma is [12], here [8] (2 blocks); ",
    ):
        assert words in str(caught.value)
    for before, after in zip(fresh, model.get_weights(), strict=True):
        assert np.array_equal(before, after)


# ---- neither


def test_nothing_asked_for_and_no_champion_leave_the_model_as_it_is(caplog):
    model = build()
    fresh = model.get_weights()
    assert load_pretrained(model, "") is None
    assert messages(caplog) == []
    assert load_pretrained(model, "champion") is None
    assert messages(caplog) == [
        "warm start: no model has been pushed yet, training starts from scratch"
    ]
    for before, after in zip(fresh, model.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"pretrained=.*absent\.h5 does not exist. Name the folder"
    ):
        load_pretrained(build(), str(tmp_path / "absent.h5"))
    pushed(tmp_path / "17", build())
    with pytest.raises(FileNotFoundError, match=r"folder without assets\.extra/conformer\.weigh"):
        weights_path(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x89HDF\r\n\x1a\n" + bytes(50)])
def test_a_file_that_is_no_hdf5_is_told(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.h5 is not a readable HDF5 file .*download complete"):
        load_pretrained(build(), str(tmp_path / "a.h5"))


def test_weights_of_something_else_are_told(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["dense/dense/kernel:0"] = np.zeros([2, 3], np.float32)
    with pytest.raises(ValueError, match=r"neither .* of its 1 datasets: dense/dense/kernel:0"):
        load_pretrained(build(), str(tmp_path / "a.h5"))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "b.weights.h5")
    with pytest.raises(ValueError, match=r"does not fit .*: not there: block_0/first_feed"):
        load_pretrained(build(num_blocks=1), str(tmp_path / "b.weights.h5"))


def test_the_digest_is_that_of_the_weights(tmp_path):
    folder = pushed(tmp_path / "17", trained(1))
    before = weights_digest(str(folder))
    (folder / "assets.extra/bonafide.json").write_text('{"later": 1}')
    assert weights_digest(str(folder)) == before
    assert weights_digest(str(folder / "assets.extra/conformer.weights.h5")) == before
    trained(2).save_weights(folder / "assets.extra/conformer.weights.h5")
    assert weights_digest(str(folder)) != before
