"""An utterance as a tf.Example; the names are a contract with schema/, models/ and metrics/."""

import numpy as np
import tensorflow as tf

from components.utterance_gen import corpora


def to_example(
    utterance: corpora.Utterance,
    samples: np.ndarray,
    *,
    sample_rate: int,
    attack_pool: tuple[str, ...],
) -> bytes:
    """Serializes one example; the same input gives the same bytes.

    Args:
        utterance: The protocol row.
        samples: int16 [N], mono at `sample_rate`.
        sample_rate: In Hz.
        attack_pool: All attack ids of the split, for bona fide. One feature that holds its own
            attack for a spoof and all attacks for bona fide speech makes TFMA compare each attack
            with all bona fide speech when it slices on it. Where a split has no attack at all, the
            pool is `-`, since the schema wants a value.

    Returns:
        A serialized tf.train.Example.
    """
    is_bonafide = utterance.key == corpora.BONAFIDE
    pool = (attack_pool or (corpora.NO_ATTACK,)) if is_bonafide else (utterance.system_id,)
    feature = {
        "utterance_id": _texts(utterance.utterance_id),
        "speaker_id": _texts(utterance.speaker_id),
        "system_id": _texts(utterance.system_id),
        "attack_pool": _texts(*pool),
        "key": _texts(utterance.key),
        "label": _integer(int(is_bonafide)),
        "pcm16": _bytes(samples.astype("<i2", copy=False).tobytes()),
        "sample_rate": _integer(sample_rate),
        "num_samples": _integer(len(samples)),
        "corpus": _texts(utterance.corpus),
        **{name: _texts(value) for name, value in utterance.extra},
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def _texts(*values: str) -> tf.train.Feature:
    return _bytes(*(value.encode() for value in values))


def _bytes(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integer(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
