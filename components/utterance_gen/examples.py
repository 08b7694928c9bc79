"""Converts utterances to tf.Examples; schema/, models/ and metrics/ rely on the feature names."""

import numpy as np

from bonafide import corpora
from bonafide.storage import records


def to_example(
    utterance: corpora.Utterance,
    samples: np.ndarray,
    *,
    sample_rate: int,
    attack_pool: tuple[str, ...],
    degradation: str = "",
) -> bytes:
    """Serializes one example; the same input gives the same bytes.

    Args:
        utterance: The protocol row.
        samples: int16 [N], mono at `sample_rate`.
        sample_rate: In Hz.
        attack_pool: All attack ids of the split, for bona fide speech. A spoof has only its own
            attack in this feature, so a TFMA slice has the spoofs of one attack and all bona fide
            speech. Without attacks in the split, the value is `-`, because the schema requires one.
        degradation: Degradation of a copy (see `bonafide.audio.chains`). A copy has the ids of its
            utterance; original utterances do not have this feature.

    Returns:
        A serialized tf.train.Example.
    """
    is_bonafide = utterance.key == corpora.BONAFIDE
    pool = (attack_pool or (corpora.NO_ATTACK,)) if is_bonafide else (utterance.system_id,)
    return records.encode_example(
        {
            "utterance_id": _texts(utterance.utterance_id),
            "speaker_id": _texts(utterance.speaker_id),
            "system_id": _texts(utterance.system_id),
            "attack_pool": _texts(*pool),
            "key": _texts(utterance.key),
            "label": [int(is_bonafide)],
            "pcm16": [samples.astype("<i2", copy=False).tobytes()],
            "sample_rate": [sample_rate],
            "num_samples": [len(samples)],
            "corpus": _texts(utterance.corpus),
            **{name: _texts(value) for name, value in utterance.extra},
            **({"degradation": _texts(degradation)} if degradation else {}),
        }
    )


def _texts(*values: str) -> list[bytes]:
    return [value.encode() for value in values]
