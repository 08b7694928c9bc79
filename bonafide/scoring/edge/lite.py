"""Conversion to LiteRT (TFLite), and its interpreter."""

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
    """Returns a model of built-in LiteRT operations with one signature `score`.

    Args:
        module: See `graph.waveform_scorer`.
        quantize: `none`; `dynamic` (weights of 8 bit, sums in floating point); or `float16`
            (weights of 16 bit, which are converted to 32 bit at loading).

    Raises:
        ModelError: The model has an operation that LiteRT lacks.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        # From a SavedModel, not from the function, to keep the names of inputs and outputs.
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.score})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            content: bytes = converter.convert()
        except Exception as error:  # the converter's exceptions are not public
            raise ModelError(f"it cannot be converted to LiteRT: {_reason(error)}") from error
    return content


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0] if lines else repr(error))


def interpreter(content: bytes, threads: int) -> Any:
    """Returns TensorFlow's interpreter of a LiteRT model."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # The warning that it will move to the package ai-edge-litert, which is not needed here.
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(model_content=content, num_threads=threads)


class Lite:
    """A loaded LiteRT model: from samples of one clip to its score.

    Args:
        content: Content of the file.
        threads: Number of threads.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        self._interpreter = interpreter(content, threads)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        # The first call includes initialisation.
        shape = self._run.get_input_details()[INPUT]["shape"]
        self(np.zeros(shape[1:], np.float32))

    def __call__(self, waveform: np.ndarray) -> float:
        """Scores samples [clip_samples] float32 of full scale 1."""
        return float(self._run(**{INPUT: waveform[None]})[OUTPUT][0])
