"""Separation of the classes by all measures together, estimated with a small model."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from bonafide.metrics.detection import Floats
from components.data_gate.separation import SHORTCUTS, Separation, separate
from components.data_gate.table import Table

_FOLDS = 5
_LEAST_GROUPS = 2
_TREES = 50  # a hundred take twice as long, with the same result


def separate_by_all(table: Table, split: str, rows: np.ndarray) -> Separation | None:
    """Returns how well all measures together separate the classes of a split.

    Randomised trees, cross-validated by speaker: each utterance is scored by a model that was
    not trained on its speaker (nor on itself, if speakers are not known).

    Args:
        table: The utterances.
        split: Name of the split.
        rows: Of it, from `separation.samples_of`.

    Returns:
        None if a class has too few speakers to hold any out.
    """
    scores = _held_out_scores(table, rows)
    return None if scores is None else separate(table, split, rows, "all", scores)


def _held_out_scores(table: Table, rows: np.ndarray) -> Floats | None:
    bonafide = table.is_bonafide[rows]
    names = np.where(table.has_speaker[rows], table.speakers[rows], table.utterances[rows])
    _, groups = np.unique(names, return_inverse=True)
    folds = min(_FOLDS, *(np.unique(groups[flags]).size for flags in (bonafide, ~bonafide)))
    if folds < _LEAST_GROUPS:
        return None
    _, encodings = np.unique(table.measured.encodings[rows], return_inverse=True)
    features = np.column_stack([*(table.number(name)[rows] for name in SHORTCUTS), encodings])
    scores = np.zeros(rows.size)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fitted, held in splitter.split(features, bonafide, groups):
        if np.unique(bonafide[fitted]).size < 2:
            return None
        model = ExtraTreesClassifier(
            n_estimators=_TREES,
            max_depth=10,
            min_samples_leaf=5,
            class_weight="balanced",
            random_state=0,
        )
        model.fit(features[fitted], bonafide[fitted])
        scores[held] = model.predict_proba(features[held])[:, 1]
    return scores
