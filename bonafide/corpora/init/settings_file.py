"""The file of settings that `bonafide init` writes, for `local_runner.py --config`."""

import json
from collections.abc import Mapping

from bonafide.corpora.init.look import Look
from bonafide.trials import ids

_DEFAULT_NAME = "corpus"


def run_yaml(look: Look, options: Mapping[str, object]) -> str:
    """Returns the settings of a first run, with comments.

    Args:
        look: At the corpus.
        options: Options of its layout that differ from their defaults.
    """
    pairs = [f"{name}={value}" for name, value in options.items()]
    name = ids.as_id(look.root.rstrip("/").rpartition("/")[2]) or _DEFAULT_NAME
    overlap = look.attacks.get("train", frozenset()) & look.attacks.get("eval", frozenset())
    return f"""\
# Settings of a run, for: local_runner.py --config FILE
# What is not here is as the preset says; --print-config shows everything, docs/settings.md explains
# it, and --set wins over this file.
preset: {look.preset}

corpus:
  root: {json.dumps(look.root, ensure_ascii=False)}
  layout: {look.layout}
  name: {json.dumps(name, ensure_ascii=False)}
  options: {json.dumps(pairs, ensure_ascii=False)}  # docs/corpora.md

utterances:
  # Share of recordings that may be missing or broken before the run stops.
  max_rejected_fraction: 0.01

trainer:
  # The seed of the weights and of the order of training.
  seed: 0

gate:
  # Eval holds {"attacks" if overlap else "no attack"} of train. True may push a model that was
  # measured on attacks it was trained on.
  allow_attack_overlap: false
  # A model is pushed only if the upper end of the 95 % interval of its EER is at most this. The
  # preset's is a guess: set it from your own first runs.
  # max_eer: 0.25
"""
