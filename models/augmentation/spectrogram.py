"""Augmentation of feature batches: SpecAugment, MixUp and CutMix, in pure TensorFlow.

Every function takes a stateless seed (int32 [2]) and works on the whole batch at once, so the same
seed gives the same batch in eager mode, in a graph and in tf.data with any number of threads.
Features are expected to be normalised, so 0 is the mean of a band.
"""

import tensorflow as tf

from models.settings.augment import AugmentConfig


def augment_batch(
    features: tf.Tensor, labels: tf.Tensor, *, config: AugmentConfig, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies CutMix, MixUp and then SpecAugment to a training batch.

    Masks come last so that a masked stretch stays masked.

    Args:
        features: Normalised features [B, T, F].
        labels: Labels in [0, 1], [B].
        config: What to apply.
        seed: Stateless seed, int32 [2]; a new one for every batch.

    Returns:
        Features [B, T, F] and labels [B], float32 in [0, 1].
    """
    labels = tf.cast(labels, tf.float32)
    cutmix_seed, mixup_seed, mask_seed = tf.unstack(tf.random.split(seed, 3))
    if config.cutmix_probability > 0.0:
        features, labels = cutmix(
            features,
            labels,
            seed=cutmix_seed,
            alpha=config.cutmix_alpha,
            axes=config.cutmix_axes,
            probability=config.cutmix_probability,
        )
    if config.mixup_probability > 0.0:
        features, labels = mixup(
            features,
            labels,
            seed=mixup_seed,
            alpha=config.mixup_alpha,
            probability=config.mixup_probability,
        )
    if config.spec_augment_probability > 0.0:
        features = spec_augment(
            features,
            seed=mask_seed,
            num_time_masks=config.num_time_masks,
            max_time_mask_frames=config.max_time_mask_frames,
            num_frequency_masks=config.num_frequency_masks,
            max_frequency_mask_bands=config.max_frequency_mask_bands,
            fill=config.mask_fill,
            probability=config.spec_augment_probability,
        )
    return features, labels


def spec_augment(
    features: tf.Tensor,
    *,
    seed: tf.Tensor,
    num_time_masks: int = 2,
    max_time_mask_frames: int = 40,
    num_frequency_masks: int = 2,
    max_frequency_mask_bands: int = 12,
    fill: str = "zero",
    probability: float = 1.0,
) -> tf.Tensor:
    """Masks stretches of time and bands of frequency (Park et al. 2019, without time warping).

    With `num_time_masks=0` this is plain frequency masking, and the other way round.

    Args:
        features: [B, T, F].
        seed: Stateless seed, int32 [2].
        num_time_masks: Time masks per clip.
        max_time_mask_frames: Longest time mask; at most T is used.
        num_frequency_masks: Frequency masks per clip.
        max_frequency_mask_bands: Widest frequency mask; at most F is used.
        fill: `zero`, or `mean` for each clip's mean.
        probability: Share of clips that are masked.

    Returns:
        [B, T, F], same type as `features`.
    """
    batch, frames, bands = tf.unstack(tf.shape(features))
    time_seed, frequency_seed, gate_seed = tf.unstack(tf.random.split(seed, 3))
    in_time = _stretches(batch, frames, num_time_masks, max_time_mask_frames, time_seed)
    in_bands = _stretches(
        batch, bands, num_frequency_masks, max_frequency_mask_bands, frequency_seed
    )
    masked = in_time[:, :, None] | in_bands[:, None, :]  # [B, T, F]
    masked &= _chosen(batch, probability, gate_seed)[:, None, None]
    value = tf.zeros([], features.dtype)
    if fill == "mean":
        value = tf.reduce_mean(features, axis=[1, 2], keepdims=True)
    return tf.where(masked, value, features)


def mixup(
    features: tf.Tensor,
    labels: tf.Tensor,
    *,
    seed: tf.Tensor,
    alpha: float = 0.4,
    probability: float = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blends each clip and its label with another clip of the batch (Zhang et al. 2018).

    x = w x_i + (1 - w) x_j and y = w y_i + (1 - w) y_j, with w drawn from Beta(alpha, alpha) for
    each clip.

    Args:
        features: [B, T, F].
        labels: [B], in [0, 1].
        seed: Stateless seed, int32 [2].
        alpha: Parameter of the Beta distribution, above 0.
        probability: Share of clips that are blended.

    Returns:
        Features [B, T, F] and labels [B] (float32).
    """
    batch = tf.shape(features)[0]
    weight_seed, partner_seed, gate_seed = tf.unstack(tf.random.split(seed, 3))
    chosen = _chosen(batch, probability, gate_seed)
    weight = tf.where(chosen, _symmetric_beta(batch, alpha, weight_seed), 1.0)  # [B]
    partner = _partners(batch, partner_seed)
    scale = tf.cast(weight, features.dtype)[:, None, None]
    mixed = scale * features + (1 - scale) * tf.gather(features, partner)
    return mixed, _mix_labels(labels, partner, weight)


def cutmix(
    features: tf.Tensor,
    labels: tf.Tensor,
    *,
    seed: tf.Tensor,
    alpha: float = 1.0,
    axes: str = "both",
    probability: float = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces a box of each clip by the same box of another clip (Yun et al. 2019).

    The share to keep is drawn from Beta(alpha, alpha); the box is rounded to whole frames and bands
    and always lies inside the clip. The label weight of a clip is the share of its cells that was
    really kept, 1 - box area / (T F), so features and label agree exactly.

    Args:
        features: [B, T, F].
        labels: [B], in [0, 1].
        seed: Stateless seed, int32 [2].
        alpha: Parameter of the Beta distribution, above 0.
        axes: `time` (the box spans every band), `frequency` (every frame), or `both`.
        probability: Share of clips that get a box.

    Returns:
        Features [B, T, F] and labels [B] (float32).
    """
    batch, frames, bands = tf.unstack(tf.shape(features))
    seeds = tf.unstack(tf.random.split(seed, 5))
    share = 1.0 - _symmetric_beta(batch, alpha, seeds[0])  # of the area to be replaced, [B]
    share = tf.where(_chosen(batch, probability, seeds[1]), share, 0.0)
    side = tf.sqrt(share) if axes == "both" else share
    whole = tf.where(share > 0.0, 1.0, 0.0)
    box_frames = _round_share(whole if axes == "frequency" else side, frames)  # [B]
    box_bands = _round_share(whole if axes == "time" else side, bands)  # [B]
    in_time = _stretch(box_frames, frames, _uniform(batch, seeds[2]))  # [B, T]
    in_bands = _stretch(box_bands, bands, _uniform(batch, seeds[3]))  # [B, F]
    partner = _partners(batch, seeds[4])
    box = in_time[:, :, None] & in_bands[:, None, :]  # [B, T, F]
    mixed = tf.where(box, tf.gather(features, partner), features)
    kept = 1.0 - tf.cast(box_frames * box_bands, tf.float32) / tf.cast(frames * bands, tf.float32)
    return mixed, _mix_labels(labels, partner, kept)


def _mix_labels(labels: tf.Tensor, partner: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Labels w y_i + (1 - w) y_j, kept in [0, 1] against rounding; [B]."""
    labels = tf.cast(labels, tf.float32)
    mixed = weight * labels + (1.0 - weight) * tf.gather(labels, partner)
    return tf.clip_by_value(mixed, 0.0, 1.0)


def _partners(batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Index of another clip for each clip of the batch, int32 [B].

    A rotation of the (already shuffled) batch by a random amount: unlike a random permutation it
    never pairs a clip with itself, unless the batch has only one.
    """
    shift = tf.random.stateless_uniform([], seed, 1, tf.maximum(batch, 2), tf.int32)
    return (tf.range(batch) + shift) % batch


def _symmetric_beta(batch: tf.Tensor, alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Draws from Beta(alpha, alpha) as the share of one of two Gamma variables, [B]."""
    gamma = tf.random.stateless_gamma([2, batch], seed, alpha=alpha)
    return tf.math.divide_no_nan(gamma[0], gamma[0] + gamma[1])


def _chosen(batch: tf.Tensor, probability: float, seed: tf.Tensor) -> tf.Tensor:
    """True with the given probability, bool [B]."""
    return _uniform(batch, seed) < probability


def _uniform(batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform([batch], seed)


def _round_share(share: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Nearest whole number of cells to a share of `size`, int32."""
    return tf.cast(tf.round(share * tf.cast(size, tf.float32)), tf.int32)


def _stretches(
    batch: tf.Tensor, size: tf.Tensor, count: int, longest: int, seed: tf.Tensor
) -> tf.Tensor:
    """Union of `count` stretches of uniform length in [0, longest] and position, bool [B, size]."""
    length_seed, start_seed = tf.unstack(tf.random.split(seed, 2))
    longest = tf.minimum(longest, size)
    length = tf.random.stateless_uniform([batch, count], length_seed, 0, longest + 1, tf.int32)
    position = tf.random.stateless_uniform([batch, count], start_seed)
    return tf.reduce_any(_stretch(length, size, position), axis=1)


def _stretch(length: tf.Tensor, size: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Marks `length` cells in a row, wholly inside [0, size).

    Args:
        length: Cells to mark, int32 [...], at most `size`.
        size: Cells in the axis.
        position: Where the stretch lies, uniform in [0, 1), [...].

    Returns:
        bool [..., size], with exactly `length` cells marked.
    """
    start = tf.cast(position * tf.cast(size - length + 1, tf.float32), tf.int32)
    start = tf.minimum(start, size - length)[..., None]  # float rounding may reach the end
    cells = tf.range(size)
    return (cells >= start) & (cells < start + length[..., None])
