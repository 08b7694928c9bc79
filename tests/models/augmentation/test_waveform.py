"""Each operation alone, and everything together inside tf.data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from models.augmentation import rawboost, resynthesis, waveform
from models.augmentation.spectrum import power_of
from models.settings.waveform import WaveformConfig

RATE = 16000
SEED = tf.constant([3, 5])
ROOMS = np.array([[1.0, 0.0, 0.5, 0.0], [0.8, 0.6, 0.0, 0.0]], np.float32)
EVERYTHING = WaveformConfig(
    random_start=True,
    resynthesis_probability=0.5,
    speed_probability=0.5,
    room_probability=0.5,
    room_dir="rooms",
    rawboost_probability=0.5,
    noise_probability=0.5,
    equalizer_probability=0.5,
    band_limit_probability=0.5,
    companding_probability=0.5,
    gain_probability=0.5,
)


def noise(batch=6, samples=8000, seed=0, level=0.1):
    random = np.random.default_rng(seed)
    return tf.constant(level * random.normal(size=(batch, samples)), tf.float32)


def tone(hz, batch=4, samples=8000):
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)
    return tf.constant(np.tile(wave, (batch, 1)), tf.float32)


def level_db(changed, original):
    return 10 * np.log10(power_of(changed).numpy()[:, 0] / power_of(original).numpy()[:, 0])


OPERATIONS = {
    "speed": lambda x, seed: waveform.change_speed(x, seed=seed, limits=(0.9, 1.1)),
    "room": lambda x, seed: waveform.add_room(x, seed=seed, rooms=ROOMS),
    "rawboost": lambda x, seed: rawboost.distort(
        x, seed=seed, order="series", snr_db=(10.0, 40.0), sample_rate=RATE
    ),
    "rawboost in parallel": lambda x, seed: rawboost.distort(
        x, seed=seed, order="parallel", snr_db=(10.0, 40.0), sample_rate=RATE
    ),
    "noise": lambda x, seed: waveform.add_noise(x, seed=seed, snr_db=(10.0, 30.0)),
    "equalizer": lambda x, seed: waveform.equalize(x, seed=seed, max_db=12.0),
    "band limit": lambda x, seed: waveform.limit_band(
        x, seed=seed, highest_hz=(3400.0, 7600.0), sample_rate=RATE
    ),
    "companding": lambda x, seed: waveform.compand(x, seed=seed),
    "gain": lambda x, seed: waveform.change_gain(x, seed=seed, limits_db=(-12.0, 6.0)),
    "resynthesis": lambda x, seed: resynthesis.resynthesise(x, seed=seed),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_changes_clips_by_its_seed_alone(name):
    operation, x = OPERATIONS[name], noise()
    first = operation(x, SEED).numpy()
    assert first.shape == x.shape
    assert np.isfinite(first).all()
    assert not np.allclose(first, x, atol=1e-4)
    np.testing.assert_allclose(tf.function(operation)(x, SEED), first, atol=1e-4)
    if name != "companding":
        assert not np.allclose(operation(x, tf.constant([4, 5])), first, atol=1e-4)


@pytest.mark.parametrize("name", OPERATIONS)
def test_silence_stays_silent(name):
    silent = OPERATIONS[name](tf.zeros([2, 4000]), SEED).numpy()
    assert np.abs(silent).max() == 0


@pytest.mark.parametrize("name", ["noise", "equalizer", "band limit", "rawboost", "room"])
def test_nothing_shifts_a_clip_in_time(name):
    """An impulse stays the largest sample, where it was (rooms begin with the direct sound)."""
    impulse = np.zeros((8, 4000), np.float32)
    impulse[:, 1500] = 1.0
    changed = OPERATIONS[name](tf.constant(impulse), SEED).numpy()
    assert set(np.abs(changed).argmax(axis=1)) <= {1500, 1501}


@pytest.mark.parametrize("name", ["rawboost", "rawboost in parallel", "room", "resynthesis"])
def test_what_must_keep_the_level_keeps_it(name):
    x = noise()
    np.testing.assert_allclose(level_db(OPERATIONS[name](x, SEED), x), 0, atol=1e-3)


def test_speed_moves_a_tone():
    fast = waveform.change_speed(tone(1000), seed=SEED, limits=(1.25, 1.25)).numpy()
    spectrum = np.abs(np.fft.rfft(fast[0][:6000]))  # before the clip begins again
    assert spectrum.argmax() * RATE / 6000 == pytest.approx(1250, abs=3)
    same = waveform.change_speed(tone(1000), seed=SEED, limits=(1.0, 1.0))
    np.testing.assert_allclose(same, tone(1000), atol=1e-6)


def test_a_faster_clip_begins_again():
    ramp = tf.constant(np.arange(100, dtype=np.float32)[None])
    fast = waveform.change_speed(ramp, seed=SEED, limits=(2.0, 2.0)).numpy()[0]
    np.testing.assert_allclose(fast[1:48], np.arange(2, 96, 2), atol=1e-4)
    np.testing.assert_allclose(fast[51:98], np.arange(2, 96, 2), atol=1e-4)


def test_a_room_is_a_convolution():
    x = noise(batch=3)
    wet = waveform.add_room(x, seed=SEED, rooms=ROOMS[:1]).numpy()
    for dry, row in zip(x.numpy(), wet, strict=True):
        expected = np.convolve(dry, ROOMS[0])[: len(dry)]
        expected *= np.sqrt(np.mean(dry**2) / np.mean(expected**2))
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_noise_has_the_ratio_that_was_asked_for():
    x = tone(500)
    added = waveform.add_noise(x, seed=SEED, snr_db=(20.0, 20.0)) - x
    np.testing.assert_allclose(level_db(added, x), -20, atol=0.01)


def test_noise_is_anything_from_white_to_brown():
    x = tone(500, batch=64, samples=16000)
    added = (waveform.add_noise(x, seed=SEED, snr_db=(10.0, 10.0)) - x).numpy()
    spectrum = np.abs(np.fft.rfft(added)) ** 2
    low, high = spectrum[:, 100:1000].mean(axis=1), spectrum[:, 4000:8000].mean(axis=1)
    slopes = np.log10(low / high)
    assert slopes.min() < 0.3  # white
    assert slopes.max() > 1.5  # nearly brown


def test_the_equalizer_keeps_its_limits_and_uses_them():
    changed = waveform.equalize(noise(batch=16, samples=16000), seed=SEED, max_db=6.0).numpy()
    before = np.abs(np.fft.rfft(noise(batch=16, samples=16000).numpy())) ** 2
    gains = np.abs(np.fft.rfft(changed)) ** 2 / before
    smooth = np.array([np.convolve(row, np.ones(101) / 101, "valid") for row in gains])
    decibels = 10 * np.log10(smooth[:, 200:-200:50])
    assert decibels.max() < 8
    assert decibels.min() > -8
    assert decibels.max() - decibels.min() > 6


def test_a_band_limit_removes_what_is_outside():
    for hz, expected in ((1000, 0.0), (7000, -60.0), (15, -60.0)):
        changed = waveform.limit_band(
            tone(hz, samples=16000), seed=SEED, highest_hz=(3400.0, 3400.0), sample_rate=RATE
        )
        inner = slice(4000, 12000)  # the ends of a cut tone hold other frequencies
        found = level_db(changed[:, inner], tone(hz, samples=16000)[:, inner])
        if expected == 0.0:
            np.testing.assert_allclose(found, 0, atol=0.1)
        else:
            assert (found < (-40 if hz > 1000 else -3)).all()


def test_companding_has_255_levels_dense_at_zero():
    x = tf.constant(np.linspace(-0.5, 0.5, 20001, dtype=np.float32)[None])
    changed = waveform.compand(x).numpy()[0]
    levels = np.unique(changed)
    assert len(levels) == 255
    assert levels.max() == pytest.approx(0.5, abs=1e-6)
    steps = np.diff(levels)
    assert steps[127] == pytest.approx(0.5 * (256 ** (1 / 127) - 1) / 255, rel=1e-3)
    assert steps[-1] == pytest.approx(0.5 * (256 - 256 ** (126 / 127)) / 255, rel=1e-3)
    # The largest error is half a step, relative to the sample about the same everywhere.
    large = np.abs(x.numpy()[0]) > 0.05
    assert np.abs(changed[large] / x.numpy()[0][large] - 1).max() < 0.03


def test_gain_stays_in_its_range():
    x = noise(batch=50)
    found = level_db(waveform.change_gain(x, seed=SEED, limits_db=(-12.0, 6.0)), x)
    assert found.min() >= -12.001
    assert found.max() <= 6.001
    assert found.max() - found.min() > 10


def test_the_settings_decide_how_many_clips_are_changed():
    x, labels = noise(batch=400, samples=600), tf.constant([1.0, 0.0] * 200)
    for probability in (0.0, 0.25, 1.0):
        config = WaveformConfig(gain_probability=probability, gain_db=(-6.0, -6.0))
        changed, same = waveform.augment_waveforms(
            x, labels, config=config, sample_rate=RATE, seed=SEED
        )
        share = np.mean(~np.isclose(changed, x).all(axis=1))
        assert share == pytest.approx(probability, abs=0.08)
        np.testing.assert_array_equal(same, labels)


def test_only_bona_fide_clips_are_resynthesised_and_they_become_spoofs():
    x, labels = noise(batch=40, samples=2000), tf.constant([1.0, 0.0] * 20)
    config = WaveformConfig(resynthesis_probability=0.5)
    changed, new = waveform.augment_waveforms(x, labels, config=config, sample_rate=RATE, seed=SEED)
    moved = ~np.isclose(changed, x).all(axis=1)
    assert 4 < moved.sum() < 16
    assert not moved[1::2].any()
    np.testing.assert_array_equal(new, np.where(moved, 0.0, labels))


def test_resynthesis_keeps_what_is_said_and_not_the_wave():
    random = np.random.default_rng(1)
    voiced = np.sin(2 * np.pi * 150 * np.arange(16000) / RATE) * (np.arange(16000) % 4000 < 2000)
    x = tf.constant((voiced + 0.01 * random.normal(size=16000))[None], tf.float32)
    y = resynthesis.resynthesise(x, seed=SEED)
    dry, made = x.numpy()[0], y.numpy()[0]
    loudness = [np.sqrt((wave.reshape(-1, 500) ** 2).mean(axis=1)) for wave in (dry, made)]
    assert np.corrcoef(*loudness)[0, 1] > 0.95
    assert np.abs(dry - made).max() > 0.1


def test_nothing_leaves_full_scale():
    config = WaveformConfig(gain_probability=1.0, gain_db=(40.0, 40.0))
    changed, _ = waveform.augment_waveforms(
        noise(), tf.ones([6]), config=config, sample_rate=RATE, seed=SEED
    )
    assert np.abs(changed).max() == 1.0


def test_inside_tf_data_everything_is_the_same_with_any_number_of_threads():
    x, labels = noise(batch=12), tf.constant([1.0, 0.0] * 6)

    def augment(index):
        return waveform.augment_waveforms(
            x,
            labels,
            config=EVERYTHING,
            sample_rate=RATE,
            seed=tf.random.experimental.stateless_fold_in(SEED, index),
            rooms=ROOMS,
        )

    runs = [
        list(tf.data.Dataset.range(3).map(augment, num_parallel_calls=threads))
        for threads in (1, 4)
    ]
    for one, two in zip(*runs, strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)
    eager, _ = augment(tf.constant(1, tf.int64))
    np.testing.assert_allclose(runs[0][1][0], eager, atol=1e-4)
    assert not np.allclose(runs[0][0][0], runs[0][1][0])


def test_a_clip_does_not_depend_on_what_is_off():
    """Turning one operation on changes no other clip: each draws from a seed of its own."""
    x, labels = noise(batch=8), tf.ones([8])
    one = WaveformConfig(gain_probability=0.5)
    both = dataclasses.replace(one, companding_probability=0.0, noise_probability=0.0)
    first, second = (
        waveform.augment_waveforms(x, labels, config=c, sample_rate=RATE, seed=SEED)[0]
        for c in (one, both)
    )
    np.testing.assert_array_equal(first, second)
