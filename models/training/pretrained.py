"""Warm start: the weights of an earlier detector, or of an encoder trained for recognition."""

from __future__ import annotations

import dataclasses
import io
import logging
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bonafide.registry.names import WEIGHTS_FILE
from bonafide.registry.warm_start import CHAMPION, weights_path
from bonafide.storage import uris
from models.network.conformer import Conformer, ConformerConfig
from models.training.asr_weights import in_our_layout

_LOG = logging.getLogger("bonafide")
_BLOCK = re.compile(r"^block_(\d+)/")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What a warm start took from a file.

    Attributes:
        uri: The setting `trainer.pretrained`.
        kind: `detector` (a model of ours) or `recogniser` (an ASR encoder).
        loaded: Names of the weights that were taken.
        mismatched: Name -> its shape in the file and in the model, of those of another shape.
        missing: Names of the model's weights that the file lacks.
        unused: Weights of the file that the model lacks, but for those of further blocks.
        blocks: How many blocks the file has.
    """

    uri: str
    kind: str
    loaded: tuple[str, ...]
    mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    blocks: int

    def facts(self) -> dict[str, Any]:
        """For the record beside the exported model."""
        return {
            "uri": self.uri,
            "kind": self.kind,
            "weights": len(self.loaded) + len(self.mismatched) + len(self.missing),
            "loaded": len(self.loaded),
            "mismatched": sorted(self.mismatched),
            "missing": sorted(self.missing),
        }


def load_pretrained(model: Conformer, uri: str) -> Loaded | None:
    """Gives a built model the weights of a file, as far as they fit; the log says which do not.

    Args:
        model: A built model; what is not in the file keeps its values.
        uri: As the setting `trainer.pretrained`: a folder or file. `champion` means that the
            pipeline has found none.

    Returns:
        What was loaded; None without `trainer.pretrained`, or without a champion.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no weights file of a known layout, no weight of a block fits, or it is one
            of ours and a weight of a block does not fit. The message lists what does not fit and
            names settings that would. The model is as it was.
    """
    if not uri:
        return None
    if uri == CHAMPION:
        _LOG.info("warm start: no model has been pushed yet, training starts from scratch")
        return None
    datasets = _read(weights_path(uri), uri)
    weights = {_name(v): v for v in model.weights}
    unused: list[str] = []
    arrays = in_our_layout(datasets)
    if arrays is not None:
        kind = "recogniser"
        blocks = len({m[1] for name in arrays if (m := _BLOCK.match(name))})
    elif any(path.endswith("/vars/0") for path in datasets):
        kind = "detector"
        blocks = len({path.split("/")[1] for path in datasets if path.startswith("blocks/")})
        names = _names_in_files(model)
        arrays = {names[path]: array for path, array in datasets.items() if path in names}
        further = [_block_folder(i) for i in range(model.config.num_blocks, blocks)]
        unused = [p for p in datasets if p not in names and not p.startswith(tuple(further))]
    else:
        raise ValueError(
            f"trainer.pretrained={uri} holds neither the weights of a detector of this project nor "
            "those of a TensorFlowASR Conformer encoder (no conformer_encoder_block_0); the first "
            f"of its {len(datasets)} datasets: {', '.join(sorted(datasets)[:3]) or 'none'}"
        )

    fitting = _fitting_settings(arrays, blocks, model.config)
    mismatched = {
        name: (arrays[name].shape, tuple(variable.shape))
        for name, variable in weights.items()
        if name in arrays
        and (arrays[name].shape != tuple(variable.shape) or _other_heads(name, fitting))
    }
    missing = tuple(name for name in weights if name not in arrays)
    taken = tuple(name for name in weights if name in arrays and name not in mismatched)
    loaded = Loaded(uri, kind, taken, mismatched, missing, tuple(unused), blocks)
    _require_blocks(loaded, fitting)

    for name in taken:
        weights[name].assign(arrays[name])
    if blocks > model.config.num_blocks:
        fitting.pop("num_blocks")  # the model has fewer, and the first ones fit
    _LOG.info("%s", _summary(loaded, fitting))
    return loaded


def _read(path: str, uri: str) -> dict[str, np.ndarray]:
    """All datasets of an HDF5 file by their paths."""
    content = uris.read_bytes(path)
    try:
        return _datasets(content)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"trainer.pretrained={uri} is not a readable HDF5 file ({error}; it has {len(content)} "
            f"bytes and begins with {content[:16]!r}); is the download complete?"
        ) from error


def _datasets(content: bytes) -> dict[str, np.ndarray]:
    datasets = {}

    def keep(path: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.floating):
            datasets[path] = item[()].astype(np.float32)

    with h5py.File(io.BytesIO(content)) as file:
        # A whole model saved by Keras 2 has its optimizer beside its weights.
        file.get("model_weights", file).visititems(keep)
    return datasets


def _name(variable: Any) -> str:
    """`block_0/norm/gamma`: without the name of the model."""
    return variable.path.partition("/")[2]


def _names_in_files(model: Conformer) -> dict[str, str]:
    """Path of each weight in a file that Keras saves of such a model -> its name.

    Keras names what it saves after classes and attributes, and has no public way to ask. So a copy
    of the model whose weights are their own numbers is saved, and the file says where each is.
    """
    copy = type(model).from_config(model.get_config())
    copy.build_from_config(model.get_build_config())
    names = [_name(variable) for variable in copy.weights]
    for number, variable in enumerate(copy.weights):
        variable.assign(np.full(variable.shape, number, np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS_FILE
        copy.save_weights(path)
        numbers = _datasets(path.read_bytes())
    return {path: names[int(array.flat[0])] for path, array in numbers.items()}


def _block_folder(number: int) -> str:
    """Where Keras saves a block."""
    return f"blocks/conformer_block_{number}/" if number else "blocks/conformer_block/"


def _fitting_settings(
    arrays: Mapping[str, np.ndarray], blocks: int, config: ConformerConfig
) -> dict[str, int]:
    """Sizes of the file, by their settings, where they are not those of the model."""
    sizes = {"num_blocks": blocks}
    for setting, name, axis in (
        ("width", "block_0/norm/gamma", 0),
        ("num_heads", "block_0/attention/content_bias", 0),
        ("kernel_size", "block_0/convolution/depthwise/kernel", 0),
        ("ff_multiplier", "block_0/first_feed_forward/expand/kernel", 1),
        ("subsampling_channels", "subsampling/convolution_1/kernel", 3),
        ("pooling_width", "pooling/hidden/kernel", 1),
    ):
        if name in arrays:
            sizes[setting] = arrays[name].shape[axis]
    if "ff_multiplier" in sizes:
        sizes["ff_multiplier"] //= arrays["block_0/first_feed_forward/expand/kernel"].shape[0]
    return {k: size for k, size in sizes.items() if size != getattr(config, k)}


def _other_heads(name: str, fitting: Mapping[str, int]) -> bool:
    """Whether a kernel of attention is split over another number of heads, whatever its shape."""
    return "num_heads" in fitting and "/attention/" in name and name.endswith("/kernel")


def _require_blocks(loaded: Loaded, fitting: Mapping[str, int]) -> None:
    """Raises ValueError where too little of the blocks fits; see `load_pretrained`."""
    problems = [n for n in (*loaded.mismatched, *loaded.missing) if _BLOCK.match(n)]
    if loaded.kind == "detector":
        if not problems:
            return
        what = "does not fit into this model's blocks"
    else:
        if any(_BLOCK.match(name) for name in loaded.loaded):
            return
        what = "has nothing that fits into this model's blocks"
    if fitting:
        settings = " ".join(f"--set conformer.{name}={size}" for name, size in fitting.items())
        what += f"; {settings} would give the file's sizes"
    # The list last: it may be long.
    raise ValueError(
        f"trainer.pretrained={loaded.uri} {what}. In the file: {_others(loaded, only=problems)}"
    )


def _summary(loaded: Loaded, fitting: Mapping[str, int]) -> str:
    weights = len(loaded.loaded) + len(loaded.mismatched) + len(loaded.missing)
    text = f"warm start: {len(loaded.loaded)} of {weights} weights from {loaded.uri}"
    taken = len({m[1] for name in loaded.loaded if (m := _BLOCK.match(name))})
    if taken < loaded.blocks:
        text += f", the first {taken} of its {loaded.blocks} blocks"
    if others := _others(loaded):
        text += f" (the others: {others})"
    if loaded.mismatched and fitting:
        text += "; the file has " + ", ".join(f"conformer.{k}={v}" for k, v in fitting.items())
    return text


def _others(loaded: Loaded, only: Iterable[str] | None = None) -> str:
    """Describes the weights that were not loaded; equal ones of several blocks are listed once."""
    chosen = set(only) if only is not None else {*loaded.mismatched, *loaded.missing}
    parts = _grouped(
        f"{name} is {_text(shapes[0])}, here {_text(shapes[1])}"
        + (" for other heads" if shapes[0] == shapes[1] else "")
        for name, shapes in loaded.mismatched.items()
        if name in chosen
    )
    missing = _grouped(name for name in loaded.missing if name in chosen)
    if missing:
        parts.append(f"not there: {', '.join(missing)}")
    if loaded.unused and only is None:
        parts.append(f"only there: {', '.join(loaded.unused)}")
    return "; ".join(parts)


def _grouped(lines: Iterable[str]) -> list[str]:
    """Lines that differ in the block only become one."""
    groups: dict[str, list[str]] = {}
    for line in lines:
        groups.setdefault(_BLOCK.sub("block_*/", line), []).append(line)
    return [
        f"{same} ({len(group)} blocks)" if len(group) > 1 else group[0]
        for same, group in groups.items()
    ]


def _text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
