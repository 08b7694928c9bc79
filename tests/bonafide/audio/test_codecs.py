import shutil
import subprocess

import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr

from bonafide.audio import coding
from bonafide.audio.codecs import CodecMissingError, degrade
from bonafide.audio.degradation_specs import CODECS, STEPS, DegradationError
from bonafide.audio.measures import speech_of

RATE = 16_000
ALL_RATES = [
    f"{name}:{rate}" if rate else name
    for name, codec in CODECS.items()
    for rate in codec.rates or ("",)
]
DISTORTIONS = (
    *("lowpass:4000", "lowpass:7000", "lowpass:7800", "highpass:300", "resample:8000"),
    *("resample:22050", "noise:30", "pink:20", "room:0.4", "gain:-6", "level:-26"),
)


def speech_like(seconds=1.5, rate=RATE, seed=0):
    """Bursts of a buzz with formants and of hiss, int16 [N], with silence between."""
    random = np.random.default_rng(seed)
    n = round(seconds * rate)
    buzz = np.zeros(n)
    buzz[:: rate // 120] = 1.0
    for formant in (500, 1500, 2500):
        buzz += scipy.signal.lfilter(*scipy.signal.iirpeak(formant, 8, fs=rate), buzz)
    hiss = random.normal(size=n) * 0.05
    loudness = np.clip(np.sin(2 * np.pi * 2.5 * np.arange(n) / rate), 0, None)
    sound = (buzz / np.abs(buzz).max() + hiss) * loudness
    return np.rint(sound * 9000 / np.abs(sound).max()).astype(np.int16)


def lag(changed, samples, most=400):
    """By how many samples the first comes later than the second."""
    padded = np.pad(changed.astype(float), most)
    return int(np.argmax(np.correlate(padded, samples.astype(float), "valid"))) - most


def power_db(samples, low, high, rate=RATE):
    frequencies, power = scipy.signal.welch(samples.astype(float), rate, nperseg=2048)
    return 10 * np.log10(power[(frequencies >= low) & (frequencies <= high)].mean() + 1e-12)


@pytest.mark.parametrize("spec", [*ALL_RATES, *DISTORTIONS])
def test_every_degradation_keeps_length_and_time_and_repeats_itself(spec):
    samples = speech_like()
    changed = degrade(samples, spec, seed=3)
    assert changed.dtype == np.int16
    assert len(changed) == len(samples)
    assert not np.array_equal(changed, samples)
    assert abs(lag(changed, samples)) <= 1  # a vocoder's phase moves AMR's peak by a sample
    np.testing.assert_array_equal(degrade(samples, spec, seed=3), changed)


@pytest.mark.parametrize("spec", [*CODECS, *DISTORTIONS, "amrnb:12.2k|lowpass:3400|noise:30"])
def test_the_shortest_recordings_pass(spec):
    for count in (1, 7, 161):
        assert len(degrade(speech_like()[:count], spec, seed=0)) == count
    assert len(degrade(np.zeros(161, np.int16), spec, seed=0)) == 161


@pytest.mark.parametrize("spec", ["wma:64k", "mp3:64k", "aac:64k", "opus:48k", "vorbis:q5"])
def test_nothing_is_lost_at_either_end(spec):
    samples = np.rint(3000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)
    changed = degrade(samples, spec, seed=0).astype(float)
    for part in (slice(0, 800), slice(-800, None)):
        assert np.corrcoef(changed[part], samples[part])[0, 1] > 0.97


def test_what_is_random_hangs_on_the_seed_alone():
    samples = speech_like()
    for spec in ("noise:30", "pink:30", "room:0.3"):
        assert not np.array_equal(degrade(samples, spec, 1), degrade(samples, spec, 2))
    np.testing.assert_array_equal(degrade(samples, "mp3:64k", 1), degrade(samples, "mp3:64k", 2))
    # Two steps of a chain draw apart, or the second noise would double the first.
    twice = degrade(samples, "noise:20|noise:20", 1).astype(float) - samples
    once = degrade(samples, "noise:20", 1).astype(float) - samples
    assert np.mean(twice**2) / np.mean(once**2) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("cut", [4000, 7000, 7800])
def test_a_low_pass_is_a_cliff(cut):
    noise = np.rint(np.random.default_rng(0).normal(size=4 * RATE) * 2000).astype(np.int16)
    changed = degrade(noise, f"lowpass:{cut}", seed=0)
    before = power_db(noise, 1000, cut - 150)
    assert power_db(changed, 1000, cut - 150) == pytest.approx(before, abs=0.05)
    assert power_db(changed, cut + 120, 8000) < before - 60  # rounding to 16 bit is the floor


def test_a_narrow_band_has_nothing_above_4_khz():
    for spec in ("resample:8000", "alaw", "mulaw", "g726:32k", "amrnb:12.2k"):
        changed = degrade(speech_like(), spec, seed=0)
        assert power_db(changed, 4200, 8000) < power_db(changed, 300, 3000) - 50


@pytest.mark.parametrize(("name", "ratio"), [("noise", 30), ("noise", 5), ("pink", 20)])
def test_noise_is_as_far_below_the_speech_as_asked_for(name, ratio):
    samples = np.concatenate([np.zeros(RATE, np.int16), speech_like()])
    _, power = speech_of(samples, RATE)
    noise = degrade(samples, f"{name}:{ratio}", seed=0).astype(float) - samples
    assert 10 * np.log10(power / np.mean(noise**2)) == pytest.approx(ratio, abs=0.2)
    if name == "pink":
        assert power_db(noise, 100, 200) - power_db(noise, 3200, 6400) == pytest.approx(15, abs=2)


def test_gain_clips_at_full_scale():
    samples = np.array([100, -100, 30_000, -30_000], np.int16)
    np.testing.assert_array_equal(
        degrade(samples, "gain:20", 0), np.array([1000, -1000, 32_767, -32_768])
    )


def test_a_room_rings_after_the_sound_and_not_before():
    click = np.zeros(RATE, np.int16)
    click[4000] = 20_000
    changed = degrade(click, "room:0.3", seed=0)
    assert np.argmax(np.abs(changed)) == 4000
    assert not changed[:4000].any()
    assert np.abs(changed[4400:5000]).max() > 20 * max(1, np.abs(changed[12_000:]).max())


@pytest.mark.parametrize("spec", ["none", " none "])
def test_none_leaves_the_samples(spec):
    samples = speech_like()
    assert degrade(samples, spec, 0) is samples


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mp4:64k", "expected a degradation (mp3, aac, opus"),
        ("mp3:64k|", "got '' in 'mp3:64k|'"),
        ("mp3:63k", "expected mp3:RATE with RATE one of 64k, 16k"),
        ("alaw:64k", "expected alaw, got 'alaw:64k'"),
        ("mp3:64k@44000", "at a sampling rate of 8000, 11025"),
        ("lowpass", "expected lowpass:NUMBER, 200 to 96000 Hz, got 'lowpass:'"),
        ("noise:nan", "expected noise:NUMBER"),
        ("noise:loud|alaw", "in 'noise:loud|alaw'"),
    ],
)
def test_a_wrong_spec_is_told_what_there_is(spec, said):
    with pytest.raises(DegradationError) as caught:
        degrade(speech_like(), spec, 0)
    assert said in str(caught.value)


def test_every_step_that_is_named_is_carried_out():
    values = {"lowpass": 3000, "highpass": 300, "resample": 8000, "room": 0.3}
    for name in STEPS:
        spec = name if name in CODECS else f"{name}:{values.get(name, -10)}"
        assert len(degrade(speech_like(0.1), spec, seed=0)) == RATE // 10


def test_a_missing_encoder_is_named(monkeypatch):
    changed = {**CODECS, "mp3": CODECS["mp3"].__class__("libabsent", "mp3", (16_000,), ("64k",))}
    monkeypatch.setattr(coding, "CODECS", changed)
    coding.delay_samples.cache_clear()
    with pytest.raises(CodecMissingError, match="the encoder libabsent"):
        degrade(speech_like(), "mp3:64k", 0)
    coding.delay_samples.cache_clear()


needs_ffmpeg = pytest.mark.skipif(
    not shutil.which("ffmpeg"), reason="the command ffmpeg is not installed"
)


def by_command(folder, samples, encoder, suffix, rate):
    """What the command ffmpeg makes of samples, encoded and decoded, put in time with them."""
    soundfile.write(folder / "in.wav", samples, rate, "PCM_16")
    for command in (
        f"ffmpeg -v error -i in.wav -c:a {encoder} coded.{suffix}",
        f"ffmpeg -v error -i coded.{suffix} -c:a pcm_s16le -ar {rate} out.wav",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    coded, _ = soundfile.read(folder / "out.wav", dtype="int16")
    coded = np.pad(coded, (0, len(samples)))[: len(samples)]
    delay = lag(coded, samples, most=1000)
    return np.pad(coded, (max(0, -delay), max(0, delay)))[max(0, delay) :][: len(samples)]


@needs_ffmpeg
@pytest.mark.parametrize(
    ("spec", "encoder", "suffix", "rate"),
    [
        ("mulaw", "pcm_mulaw", "wav", 8_000),
        ("alaw", "pcm_alaw", "wav", 8_000),
        ("g726:32k", "g726 -b:a 32k", "wav", 8_000),
        ("g722", "g722", "wav", 16_000),
        ("mp3:64k", "libmp3lame -b:a 64k", "mp3", 16_000),
        ("mp3:32k", "libmp3lame -b:a 32k", "mp3", 16_000),
    ],
)
def test_bit_for_bit_as_the_command_ffmpeg(tmp_path, spec, encoder, suffix, rate):
    samples = speech_like(rate=rate)
    middle = slice(rate // 4, -rate // 4)
    ours = degrade(samples, spec, 0, rate).astype(int)[middle]
    # Two versions of LAME or of the rounding of its output may be one step of 16 bit apart.
    assert np.abs(ours - by_command(tmp_path, samples, encoder, suffix, rate)[middle]).max() <= 1


@needs_ffmpeg
@pytest.mark.parametrize(
    ("spec", "encoder", "suffix"),
    [
        ("wma:64k", "wmav2 -b:a 64k", "wma"),
        ("aac:64k", "aac -b:a 64k", "m4a"),
        ("opus:32k", "libopus -b:a 32k", "ogg"),
    ],
)
def test_the_spectrum_is_that_of_the_command_ffmpeg(tmp_path, spec, encoder, suffix):
    # Encoders of other versions decide otherwise, and fill bands with noise of their own.
    samples = speech_like()
    middle = slice(RATE // 4, -RATE // 4)
    ours = degrade(samples, spec, 0)[middle]
    theirs = by_command(tmp_path, samples, encoder, suffix, RATE)[middle]
    assert abs(lag(ours, theirs)) <= 1
    for low in range(0, 7000, 1000):
        expected = power_db(theirs, low, low + 1000)
        assert power_db(ours, low, low + 1000) == pytest.approx(expected, abs=1.0)


def test_other_sampling_rates_than_the_codecs():
    samples = soxr.resample(speech_like(rate=16_000), 16_000, 44_100).astype(np.int16)
    for spec in ("amrnb:12.2k", "mp3:64k", "opus:24k", "mp3:64k@22050"):
        changed = degrade(samples, spec, 0, 44_100)
        assert len(changed) == len(samples)
        assert abs(lag(changed, samples)) <= 5
