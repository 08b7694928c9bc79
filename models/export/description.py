"""The signature `describe`: a model server tells clients what the model hears and decides by.

A client must send clips of the model's rate and length: of a longer window only the beginning is
heard, without an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bonafide.version import project_version

SIGNATURE = "describe"
INPUT = "request"


def describe_signature(facts: Mapping[str, Any], *, sample_rate: int, clip_samples: int) -> Any:
    """Returns the function of the signature.

    Its input is any string tensor [B], whose content is ignored: servers batch requests along the
    first axis, and REST has no request without inputs. Each output is of shape [B]: `sample_rate`
    in Hz and `clip_samples`, int64; `thresholds`, JSON of name -> score; `version` of this project;
    `training_fingerprint`, empty if it is not known.

    Args:
        facts: Content of `bonafide.json`.
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.
    """
    numbers = {"sample_rate": sample_rate, "clip_samples": clip_samples}
    texts = {
        "thresholds": json.dumps(facts.get("thresholds", {}), sort_keys=True),
        "version": project_version(),
        "training_fingerprint": str(facts.get("training_fingerprint") or ""),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=INPUT)])
    def describe(request: tf.Tensor) -> dict[str, tf.Tensor]:
        size = tf.shape(request)
        found = {name: tf.fill(size, tf.constant(n, tf.int64)) for name, n in numbers.items()}
        return found | {name: tf.fill(size, tf.constant(text)) for name, text in texts.items()}

    return describe
