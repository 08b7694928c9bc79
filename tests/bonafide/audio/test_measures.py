import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from bonafide.audio import decoding, measures
from bonafide.audio.codecs import degrade
from bonafide.dataset import measure_files

RATE = 16_000
FACTS = decoding.FileFacts(44_100, 2, "WAV/PCM_24", 12_000)


def measure(*clips, facts=FACTS):
    made = [measures.Clip(f"u{i}", np.asarray(c, np.int16), facts) for i, c in enumerate(clips)]
    return measures.measure(made, RATE)


def numbers(clip, **options):
    return dict(zip(measures.NUMBERS, measure(clip, **options).numbers[0].tolist(), strict=True))


def sine(hertz=1000, seconds=1.0, size=8192.0):
    return size * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def speech(seed=0, seconds=3.0):
    """Noise whose spectrum and level wander, as those of syllables do; int16 [N]."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(round(seconds / 0.25)):
        low = random.uniform(200, 2500)
        band = signal.butter(2, [low, low * random.uniform(1.2, 2.0)], "band", fs=RATE)
        parts.append(signal.lfilter(*band, random.normal(size=RATE // 4)) * np.hanning(RATE // 4))
    wave = np.concatenate(parts) + random.normal(size=RATE // 4 * len(parts)) * 1e-3
    return np.rint(wave / np.abs(wave).max() * 12_000).astype(np.int16)


def test_numbers_of_a_tone_with_silence_around_it():
    found = numbers(np.concatenate([np.zeros(3200), sine(), np.zeros(1600)]))
    assert found["seconds"] == pytest.approx(1.3)
    assert found["leading_silence_seconds"] == pytest.approx(0.2)
    assert found["trailing_silence_seconds"] == pytest.approx(0.1)
    # A quarter of full scale is -12.04 dB; the power of a sine is 3.01 dB below that of its peak.
    assert found["peak_dbfs"] == pytest.approx(-12.04, abs=0.01)
    assert found["level_dbfs"] == pytest.approx(-15.05, abs=0.01)
    # Silence before and after is no noise; every frame of the tone has the same power.
    assert found["noise_floor_dbfs"] == pytest.approx(-15.05, abs=0.01)
    assert found["clipped_share"] == 0
    assert (found["file_rate_hz"], found["file_channels"]) == (44_100, 2)
    assert found["file_bytes_per_second"] == pytest.approx(12_000 / 1.3)
    assert measure(sine()).encodings.tolist() == ["WAV/PCM_24"]


def test_an_offset_is_measured_and_counts_as_nothing_else():
    plain = np.concatenate([np.zeros(1600), sine()])
    with_offset, without = numbers(plain + 328), numbers(plain)
    assert with_offset["dc_dbfs"] == pytest.approx(20 * np.log10(328 / 32768), abs=0.05)
    assert without["dc_dbfs"] < -90
    assert with_offset["leading_silence_seconds"] == pytest.approx(0.1)
    assert with_offset["level_dbfs"] == pytest.approx(without["level_dbfs"], abs=0.01)


@given(before=st.integers(0, 8000), after=st.integers(0, 8000), offset=st.integers(-2000, 2000))
@settings(max_examples=20)
def test_speech_is_what_lies_between_the_measured_silences(before, after, offset):
    clip = np.concatenate([np.zeros(before), speech(seconds=0.5), np.zeros(after)]) + offset
    clip = clip.astype(np.int16)
    found = numbers(clip)
    kept, power = measures.speech_of(clip, RATE)
    assert kept.start / RATE == pytest.approx(found["leading_silence_seconds"])
    # What does not fill a frame at the end is measured as nothing and kept as nothing.
    rest = len(clip) % 160 / RATE
    assert (len(clip) - kept.stop) / RATE - rest == pytest.approx(
        found["trailing_silence_seconds"], abs=1e-6
    )
    level = 10 * np.log10(power / 32768**2)
    assert level == pytest.approx(found["level_dbfs"], abs=0.01)


@pytest.mark.parametrize("length", [1, 100, 16_000])
def test_all_of_digital_silence_is_kept(length):
    assert measures.speech_of(np.zeros(length, np.int16), RATE) == (slice(0, length), 0.0)


def test_the_noise_floor_is_that_of_pauses():
    quiet = sine(seconds=0.3, size=8.192)
    found = numbers(np.rint(np.concatenate([sine(), quiet, sine(seconds=0.5)])))
    assert found["noise_floor_dbfs"] == pytest.approx(-75, abs=1)
    louder = numbers(np.concatenate([sine(), sine(seconds=0.1), sine(seconds=0.5)]))
    assert louder["noise_floor_dbfs"] == pytest.approx(-15.05, abs=0.01)


def test_the_share_at_full_scale():
    clip = sine()
    clip[100:260] = 32_767
    clip[300:460] = -32_768
    assert numbers(clip)["clipped_share"] == pytest.approx(320 / 16_000)


def test_bandwidth_of_what_was_filtered():
    clip = speech().astype(float)
    assert numbers(clip)["bandwidth_hz"] > 7000
    low = signal.sosfilt(signal.butter(12, 3000, output="sos", fs=RATE), clip)
    assert 2900 < numbers(np.rint(low))["bandwidth_hz"] < 4300


@pytest.mark.parametrize("length", [1, 100, 160, 1920])
def test_digital_silence_of_any_length(length):
    found = numbers(np.zeros(length))
    assert found["leading_silence_seconds"] == pytest.approx(length / RATE)
    assert found["trailing_silence_seconds"] == pytest.approx(length / RATE)
    for name in ("level_dbfs", "dc_dbfs", "peak_dbfs", "noise_floor_dbfs"):
        assert found[name] == measures.FLOOR_DB
    assert found["bandwidth_hz"] == 0
    assert measure(np.zeros(length)).marks.codes.size == 0


@given(
    st.lists(st.tuples(st.integers(1, 6000), st.integers(0, 2**32 - 1)), min_size=1, max_size=5),
)
@settings(max_examples=30, deadline=None)
def test_a_clip_is_measured_as_if_it_were_alone(clips):
    made = [
        np.random.default_rng(seed).integers(-20_000, 20_000, length).astype(np.int16)
        for length, seed in clips
    ]
    together = measure(*made)
    alone = measures.join([measure(clip) for clip in made])
    # The sum over a frame may be taken in another order.
    np.testing.assert_allclose(together.numbers, alone.numbers, rtol=1e-4, atol=1e-3)
    assert np.isfinite(together.numbers).all()
    np.testing.assert_array_equal(together.digests, alone.digests)
    np.testing.assert_array_equal(together.marks.counts, alone.marks.counts)
    np.testing.assert_array_equal(together.marks.places, alone.marks.places)


def test_only_the_same_samples_have_the_same_digest():
    clip = speech()
    other = clip.copy()
    other[-1] += 1
    same, changed, shorter = measure(clip, other, clip[:-1]).digests
    assert same.tolist() == measure(clip).digests[0].tolist()
    assert same.tolist() != changed.tolist()
    assert same.tolist() != shorter.tolist()


def test_landmarks_do_not_depend_on_the_level():
    one, other = measure(speech()), measure(np.rint(speech() * 0.5))
    np.testing.assert_array_equal(one.marks.places, other.marks.places)
    differ = np.bitwise_count(one.marks.codes ^ other.marks.codes)
    assert differ.mean() < 1  # of 24 bits


def test_other_recordings_have_other_landmarks():
    assert measure(speech(1)).marks.counts[0] >= 8
    assert not np.isin(measure(speech(1)).marks.codes, measure(speech(2)).marks.codes).any()


def test_the_file_holds_what_was_measured():
    collector = measure_files.Collector(RATE)
    clips = [speech(seed) for seed in range(3)]
    for number, clip in enumerate(clips):
        collector.add(measures.Clip(f"u{number}", clip, FACTS))
    found = collector.finish()
    data = measure_files.to_bytes(found)
    read = measure_files.from_bytes(data)
    assert measure_files.to_bytes(read) == data
    np.testing.assert_array_equal(read.numbers, measure(*clips).numbers)
    assert read.utterances.tolist() == ["u0", "u1", "u2"]
    assert read.marks.codes.sum() == found.marks.codes.sum() > 0


def test_a_shard_of_which_nothing_was_read_has_a_file_too():
    empty = measure_files.Collector(RATE).finish()
    assert len(measure_files.from_bytes(measure_files.to_bytes(empty))) == 0
    assert len(measures.join([empty, measure(speech())])) == 1


def test_files_of_another_version_are_refused(monkeypatch):
    data = measure_files.to_bytes(measure(speech()))
    monkeypatch.setattr(measures, "NUMBERS", ("seconds",))
    with pytest.raises(ValueError, match="run UtteranceGen again"):
        measure_files.from_bytes(data)


def test_where_there_are_no_measures(tmp_path):
    with pytest.raises(FileNotFoundError, match="Run UtteranceGen again"):
        next(measure_files.read(str(tmp_path)))


def rough(samples, rate=RATE):
    clip = measures.Clip("u", np.asarray(samples, np.int16), FACTS)
    place = measures.NUMBERS.index("roughness_db")
    return float(measures.measure([clip], rate).numbers[0, place])


def wavering_noise(seed=0, seconds=4.0, rate=RATE):
    """White noise with four peaks a second, so that there are landmarks."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=time.size)
    return 2000 * noise * (1 + np.sin(2 * np.pi * 4 * time))


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
def test_roughness_of_white_noise(rate):
    # Steady noise through the same bands, computed here without any of that code.
    window = np.hanning(513)[:-1]
    noise = np.random.default_rng(1).normal(size=(2000, 512))
    power = np.abs(np.fft.rfft(noise * window)) ** 2
    bands = power[:, 96:222].reshape(2000, 42, 3).sum(axis=2)
    steady = np.diff(10 * np.log10(bands)).std()
    # Few windows, and a level that changes inside them.
    assert rough(wavering_noise(rate=rate), rate) == pytest.approx(steady, abs=0.45)


def test_roughness_by_definition():
    # Windows of 512 samples whose spectrum is known: a comb of impulses of period 64 has a line in
    # every eighth bin, so that the bands of three bins are full or empty.
    comb = np.zeros(4 * RATE)
    comb[::64] = 8000
    comb *= 1 + np.sin(2 * np.pi * 4 * np.arange(comb.size) / RATE)
    assert rough(comb) > 25


def test_a_lossy_codec_makes_a_spectrum_rougher_and_smoothing_does_not():
    noise = wavering_noise().clip(-32768, 32767).astype(np.int16)
    assert rough(degrade(noise, "mp3:24k", 0)) > rough(noise) + 2
    assert rough(degrade(noise, "mp3:96k", 0)) == pytest.approx(rough(noise), abs=0.5)


@given(gain=st.floats(0.05, 1.0))
@settings(max_examples=10)
def test_roughness_does_not_depend_on_the_level(gain):
    noise = wavering_noise(seconds=2.0)
    assert rough(gain * noise) == pytest.approx(rough(noise), abs=0.05)


def test_roughness_of_silence_is_0_and_of_each_clip_its_own():
    assert rough(np.zeros(RATE)) == 0
    clips = [wavering_noise(1), np.zeros(RATE), speech(2)]
    place = measures.NUMBERS.index("roughness_db")
    together = measure(*clips).numbers[:, place].tolist()
    assert together == pytest.approx([rough(clip) for clip in clips])
