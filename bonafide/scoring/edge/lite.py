"""Converts to LiteRT (TFLite), and runs what came out."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import numpy as np

from bonafide.scoring.edge.graph import INPUT, OUTPUT
from bonafide.scoring.model import ModelError

QUANTIZE = ("none", "dynamic", "float16")
SIGNATURE = "score"


def convert(module: Any, quantize: str) -> bytes:
    """Returns a model of LiteRT's own operations, with one signature `score`.

    Args:
        module: See `graph.waveform_scorer`.
        quantize: `none`; `dynamic` (weights of 8 bit, sums in floating point); or `float16`
            (weights of 16 bit, which are widened when the model is loaded).

    Raises:
        ModelError: The model has an operation that LiteRT has not.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        # From a SavedModel, and not from the function, so that inputs and outputs keep their names.
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.score})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            content: bytes = converter.convert()
        except Exception as error:  # the converter's own kinds are not public
            raise ModelError(f"it cannot be converted to LiteRT: {_reason(error)}") from error
    return content


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0] if lines else repr(error))


def interpreter(content: bytes, threads: int) -> Any:
    """Returns TensorFlow's interpreter of a LiteRT model."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # That it will move to a package of its own (ai-edge-litert), which is not needed here.
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(model_content=content, num_threads=threads)


class Lite:
    """A loaded LiteRT model: samples of one clip -> score.

    Args:
        content: Of the file.
        threads: How many compute.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        self._interpreter = interpreter(content, threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        # Whatever is said and made once is said and made here.
        shape = self._run.get_input_details()[INPUT]["shape"]
        self(np.zeros(shape[1:], np.float32))

    def __call__(self, waveform: np.ndarray) -> float:
        """Scores samples [clip_samples] float32 of full scale 1."""
        return float(self._run(**{INPUT: waveform[None]})[OUTPUT][0])
