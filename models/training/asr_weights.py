"""The weights of a Conformer encoder that was trained for speech recognition, in our layout.

The files are those of TensorFlowASR (github.com/TensorSpeech/TensorFlowASR, `ConformerEncoder`), as
the package `audio_classification_models` publishes one (`conformer-encoder.h5`: LibriSpeech, 16
blocks, width 144, 80 mel bands): HDF5 as Keras 2 wrote it, where a dataset's name ends with the
layer and the weight, `conformer_encoder_block_0_ff_module_1_dense_1/kernel:0`.

What is not the same there, and what becomes of it:

- The two halves of the GLU, the order of time and bands, the sinusoids of the positions (sines
  first, then cosines) and their scale are ours: such weights only change their shape.
- Attention has a kernel [H, D, d] for each of query, key and value, and no bias: ours starts at 0.
  Positions were only trained for the past; for the future, its code reads other numbers.
- The depthwise kernel is 32 wide. TensorFlow pads it with 15 frames before and 16 after, so it is
  exactly an odd kernel of 33 whose first tap is 0.
- Where ours has a LayerNorm inside the convolution module, it has a BatchNorm. Its statistics go
  into the depthwise convolution in front of it, exactly; the LayerNorm then sees channels that are
  standardised already, and gets its scale and shift.
- Convolutions of stride 2 are padded at the end only, not on both sides: a frame and a band of
  difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

# Keras' default, which TensorFlowASR does not change.
_BATCH_NORM_EPSILON = 1e-3
_LAYER = re.compile(r"(?:^|_)(block_\d+(?:_\w+)?|subsampling_\d+|linear)$")
_NORM = ("gamma", "beta")
_DENSE = ("kernel", "bias")
# Layer and weights there -> layer here, where both have the same weights in the same shapes (but
# for the ones in front of a pointwise convolution's kernel).
_SAME = {
    "ff_module_1_ln": ("first_feed_forward/norm", _NORM),
    "ff_module_1_dense_1": ("first_feed_forward/expand", _DENSE),
    "ff_module_1_dense_2": ("first_feed_forward/contract", _DENSE),
    "mhsa_module_ln": ("attention/norm", _NORM),
    "conv_module_ln": ("convolution/norm", _NORM),
    "conv_module_pw_conv_1": ("convolution/expand", _DENSE),
    "conv_module_bn": ("convolution/inner_norm", _NORM),
    "conv_module_pw_conv_2": ("convolution/contract", _DENSE),
    "ff_module_2_ln": ("second_feed_forward/norm", _NORM),
    "ff_module_2_dense_1": ("second_feed_forward/expand", _DENSE),
    "ff_module_2_dense_2": ("second_feed_forward/contract", _DENSE),
    "ln": ("norm", _NORM),
}
_SAME_IN_FRONT = {
    "subsampling_1": "subsampling/convolution_0",
    "subsampling_2": "subsampling/convolution_1",
    "linear": "subsampling/projection",
}


def in_our_layout(datasets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """Translates a file's weights.

    Args:
        datasets: Path of each dataset in the file -> its values.

    Returns:
        Name in `models.network.conformer.Conformer`, such as `block_0/norm/gamma` -> values in the
        shapes that the model has for the file's sizes. None if the file has no such blocks.
    """
    theirs = {key: array for path, array in datasets.items() if (key := _key(path))}
    numbers = sorted({int(n) for key in theirs for n in re.findall(r"^block_(\d+)_", key)})
    if not numbers:
        return None
    ours: dict[str, np.ndarray] = {}
    for there, here in _SAME_IN_FRONT.items():
        for weight in _DENSE:
            _take(ours, f"{here}/{weight}", theirs.get(f"{there}/{weight}"))
    for number in numbers:
        prefix = f"block_{number}_"
        block = {k[len(prefix) :]: v for k, v in theirs.items() if k.startswith(prefix)}
        for name, array in _block(block).items():
            ours[f"block_{number}/{name}"] = array
    return ours


def _key(path: str) -> str | None:
    """`block_0_ff_module_1_ln/gamma`, for any prefix; None for another weight."""
    *parents, layer, weight = ["", "", *path.split("/")]
    if layer.startswith("layer_normalization"):
        layer = f"{parents[-1]}_ln"  # the only layer that they gave no name
    found = _LAYER.search(layer)
    return f"{found[1]}/{weight.removesuffix(':0')}" if found else None


def _block(theirs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights of a block from theirs; weights that the file lacks are omitted."""
    ours: dict[str, np.ndarray] = {}
    for there, (here, weights) in _SAME.items():
        for weight in weights:
            array = theirs.get(f"{there}/{weight}")
            if array is not None and "pw_conv" in there and weight == "kernel":
                array = array.reshape(array.shape[-2:])  # [1, 1, D, C] to [D, C]
            _take(ours, f"{here}/{weight}", array)
    return ours | _attention(theirs) | _convolution(theirs)


def _attention(theirs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights of a block's attention: one kernel for query, key and value."""
    ours: dict[str, np.ndarray] = {}
    attention = {
        key.partition("/")[2]: array
        for key, array in theirs.items()
        if key.startswith("mhsa_module_mhsa/")
    }
    joint = ("query_kernel", "key_kernel", "value_kernel")
    if all(name in attention for name in joint):
        ours["attention/query_key_value/kernel"] = np.concatenate(
            [_heads_joined(attention[name]) for name in joint], axis=1
        )  # [D, 3 H d]
    if "pos_kernel" in attention:
        ours["attention/position/kernel"] = _heads_joined(attention["pos_kernel"])
    if "projection_kernel" in attention:
        kernel = attention["projection_kernel"]  # [H, d, D]
        ours["attention/output_projection/kernel"] = kernel.reshape(-1, kernel.shape[-1])
    _take(ours, "attention/output_projection/bias", attention.get("projection_bias"))
    for there, here in (("pos_bias_u", "content_bias"), ("pos_bias_v", "position_bias")):
        if there in attention:
            ours[f"attention/{here}"] = attention[there][:, None, None, :]  # [H, 1, 1, d]
    return ours


def _convolution(theirs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our depthwise convolution of a block: theirs with the batch normalisation that follows."""
    names = [f"conv_module_dw_conv/{name}" for name in ("depthwise_kernel", "bias")]
    names += [f"conv_module_bn/{name}" for name in ("moving_mean", "moving_variance")]
    if any(name not in theirs for name in names):
        return {}
    kernel, bias, mean, variance = (theirs[name] for name in names)
    scale = 1.0 / np.sqrt(variance + _BATCH_NORM_EPSILON)
    kernel = kernel.reshape(kernel.shape[0], *kernel.shape[-2:])  # [32, 1, D, 1] to [32, D, 1]
    if len(kernel) % 2 == 0:
        kernel = np.pad(kernel, [(1, 0), (0, 0), (0, 0)])
    return {
        "convolution/depthwise/kernel": kernel * scale[:, None],
        "convolution/depthwise/bias": (bias - mean) * scale,
    }


def _heads_joined(kernel: np.ndarray) -> np.ndarray:
    """[H, D, d] to [D, H d]."""
    return kernel.transpose(1, 0, 2).reshape(kernel.shape[1], -1)


def _take(ours: dict[str, np.ndarray], name: str, array: np.ndarray | None) -> None:
    if array is not None:
        ours[name] = array
