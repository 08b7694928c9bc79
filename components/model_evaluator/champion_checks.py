"""Checks of the champion's compatibility, before anything is computed."""

from __future__ import annotations

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from bonafide.registry import champion as finder
from bonafide.registry import names

SIGNATURE = "serving_default"
OUTPUTS = ("probability", "score")


class ChampionError(Exception):
    """The champion cannot be compared; the message names it and the remedy."""


def check_signature(champion: str, path: str) -> None:
    """Raises ChampionError if the champion lacks the signature or the outputs to compare.

    Reads the graph's description only: no variables are loaded.
    """
    saved = saved_model_pb2.SavedModel()
    try:
        with fileio.open(f"{path}/{names.MODEL_FILE}", "rb") as stream:
            saved.ParseFromString(stream.read())
    except message.DecodeError as error:
        raise ChampionError(_advice(champion, "is damaged", str(error))) from error
    signatures = {
        name: sorted(signature.outputs)
        for graph in saved.meta_graphs
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }
    missing = [name for name in OUTPUTS if name not in signatures.get(SIGNATURE, [])]
    if missing:
        raise ChampionError(
            _advice(
                champion,
                f"has no output {', '.join(map(repr, missing))} in a signature {SIGNATURE!r}",
                f"its signatures are {signatures}",
            )
        )


def check_sample_rate(champion: str, champion_path: str, model_path: str) -> None:
    """Raises ChampionError if the models have different sampling rates.

    The examples have one rate; a model for another rate would receive audio at the wrong speed.
    """
    theirs, ours = (finder.sample_rate(path) for path in (champion_path, model_path))
    if None not in (theirs, ours) and theirs != ours:
        raise ChampionError(
            _advice(champion, "has another sample rate", f"{theirs} Hz, the new model {ours} Hz")
        )


def check_loads(champion: str, path: str) -> None:
    """Raises ChampionError if the champion does not load; called after a failed evaluation."""
    try:
        tf.saved_model.load(path)
    except Exception as error:
        raise ChampionError(_advice(champion, "does not load", str(error))) from error


def _advice(champion: str, what: str, detail: str) -> str:
    return (
        f"The new model cannot be compared: {champion}, {what} ({detail}). Move that version out "
        "of the serving folder, so that the one before it becomes the champion, and run again."
    )
