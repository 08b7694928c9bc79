"""Engines that are programs of their own: Debian's text-to-speech, Codec 2, and any command.

Each call writes into a folder of its own, which is removed afterwards. Nothing passes a shell.
"""

from __future__ import annotations

import abc
import functools
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import soundfile
import soxr

from bonafide.settings import SettingsError
from bonafide.synthesis.engine import FULL_SCALE, CopySynthesis, Engine, Kind, Made, SynthesisError

_SECONDS = 120  # after which a program is ended
_LEAST_SECONDS = 0.1
_SHOWN = 200


def run(arguments: Sequence[str], given: bytes = b"", *, folder: str) -> bytes:
    """Runs a program and returns its standard output.

    Raises:
        SynthesisError: It does not exist, fails, or takes more than two minutes.
    """
    name = pathlib.Path(arguments[0]).name
    try:
        done = subprocess.run(
            arguments, input=given, capture_output=True, cwd=folder, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SynthesisError(f"{name} took more than {_SECONDS} s") from error
    except OSError as error:
        raise SynthesisError(f"cannot run {name}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        reason = said[-1][:_SHOWN] if said else "it wrote no message"
        raise SynthesisError(f"{name} ended with code {done.returncode}: {reason}")
    return done.stdout


def read_wave(path: pathlib.Path, name: str) -> tuple[np.ndarray, int]:
    """Reads what a program wrote: float64 [M], the mean of the channels, and its rate in Hz.

    Raises:
        SynthesisError: There is no such file, or it holds no audio.
    """
    try:
        samples, rate = soundfile.read(path, always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SynthesisError(f"{name} wrote no audio that can be read") from error
    if len(samples) < _LEAST_SECONDS * rate or not np.any(samples):
        raise SynthesisError(f"{name} wrote {len(samples) / rate:.2f} s of audio, or only silence")
    return samples.mean(axis=1), rate


class TextToSpeech(Engine):
    """A text-to-speech program that writes a WAV file."""

    kind: Kind = "text to speech"
    needs_text = True
    aligned = False
    program: str
    package: str

    def missing(self) -> str:
        """See `Engine.missing`."""
        if not shutil.which(self.program):
            return f"the program {self.program}. Run: apt install {self.package}"
        return (
            "" if self.voices() else f"a voice of {self.program}. Run: apt install {self.package}"
        )

    def identity(self) -> Mapping[str, Any]:
        """See `Engine.identity`."""
        return {"name": self.name, "voices": list(self.voices())}

    @abc.abstractmethod
    def voices(self) -> tuple[str, ...]:
        """Returns the names of its voices here, sorted."""

    @abc.abstractmethod
    def speak(
        self,
        text: str,
        voice: str,
        language: str,
        random: np.random.Generator,
        out: pathlib.Path,
    ) -> Mapping[str, Any]:
        """Writes `out`, a WAV file; returns what was drawn."""

    def make(
        self,
        pcm: np.ndarray,
        rate: int,
        text: str | None = None,
        voice: np.ndarray | None = None,
        *,
        seed: int,
        language: str = "",
    ) -> Made:
        """Speaks the text; see `Engine.make`."""
        if not text:
            raise SynthesisError("expected a text, got none")
        random = np.random.default_rng(seed)
        voices = self.voices()
        name = voices[int(random.integers(len(voices)))]
        with tempfile.TemporaryDirectory(prefix="bonafide-") as folder:
            out = pathlib.Path(folder) / "out.wav"
            drawn = self.speak(text, name, language, random, out)
            samples, out_rate = read_wave(out, self.program)
        return Made(samples, out_rate, {"voice": name, **drawn})


class EspeakNg(TextToSpeech):
    """eSpeak NG: formant synthesis by rules."""

    name = "espeak_ng"
    licence = "GPL-3.0-or-later (eSpeak NG)"
    program = package = "espeak-ng"
    _variants = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")

    def voices(self) -> tuple[str, ...]:
        """See `TextToSpeech.voices`."""
        return self._variants

    def speak(
        self,
        text: str,
        voice: str,
        language: str,
        random: np.random.Generator,
        out: pathlib.Path,
    ) -> Mapping[str, Any]:
        """See `TextToSpeech.speak`."""
        speed, height = int(random.integers(130, 190)), int(random.integers(25, 75))
        code = language.replace("_", "-").lower() or "en"
        options = ["-v", f"{code}+{voice}", "-s", str(speed), "-p", str(height)]
        command = [self.program, *options, "-w", str(out), "--stdin"]
        run(command, text.encode(), folder=str(out.parent))
        return {"language": code, "words_per_minute": speed, "pitch": height}


class Flite(TextToSpeech):
    """Flite: diphones and statistical parametric voices (CMU)."""

    name = "flite"
    licence = "BSD-like (Flite)"
    program = package = "flite"
    languages = ("en",)

    def voices(self) -> tuple[str, ...]:
        """See `TextToSpeech.voices`."""
        return _flite_voices()

    def speak(
        self,
        text: str,
        voice: str,
        language: str,
        random: np.random.Generator,
        out: pathlib.Path,
    ) -> Mapping[str, Any]:
        """See `TextToSpeech.speak`."""
        stretch = round(float(random.uniform(0.9, 1.15)), 3)
        options = ["-voice", voice, "--setf", f"duration_stretch={stretch}"]
        run([self.program, *options, "-t", text, "-o", str(out)], folder=str(out.parent))
        return {"duration_factor": stretch}


class Festival(TextToSpeech):
    """Festival: diphones, unit selection and HTS, by the voices that are installed."""

    name = "festival"
    licence = "BSD-like (Festival); voices have their own licences"
    program = "text2wave"
    package = "festival festvox-kallpc16k"
    languages = ("en",)

    def voices(self) -> tuple[str, ...]:
        """See `TextToSpeech.voices`."""
        return _festival_voices()

    def speak(
        self,
        text: str,
        voice: str,
        language: str,
        random: np.random.Generator,
        out: pathlib.Path,
    ) -> Mapping[str, Any]:
        """See `TextToSpeech.speak`."""
        stretch = round(float(random.uniform(0.9, 1.15)), 3)
        setting = f"(Parameter.set 'Duration_Stretch {stretch})"
        command = [self.program, "-o", str(out), "-eval", f"(voice_{voice})", "-eval", setting]
        run(command, text.encode("latin-1", "ignore"), folder=str(out.parent))
        return {"duration_factor": stretch}


class Pico(TextToSpeech):
    """SVOX Pico: hidden Markov models."""

    name = "pico"
    licence = "Apache-2.0 (SVOX Pico)"
    program = "pico2wave"
    package = "libttspico-utils (in Debian's non-free)"
    languages = ("en", "de", "es", "fr", "it")

    def voices(self) -> tuple[str, ...]:
        """See `TextToSpeech.voices`."""
        return ("en-GB", "en-US")

    def speak(
        self,
        text: str,
        voice: str,
        language: str,
        random: np.random.Generator,
        out: pathlib.Path,
    ) -> Mapping[str, Any]:
        """See `TextToSpeech.speak`."""
        run([self.program, "-l", voice, "-w", str(out), text], folder=str(out.parent))
        return {}


class Codec2(CopySynthesis):
    """Codec 2 (Rowe): a sinusoidal vocoder for radio, 700 to 3,200 bit/s, at 8 kHz."""

    name = "codec2"
    licence = "LGPL-2.1 (Codec 2)"
    aligned = False  # It is late by its frames.
    top_hz = 3_700.0
    _rate = 8_000
    _modes = ("3200", "2400", "1600", "1300", "700C")

    def missing(self) -> str:
        """See `Engine.missing`."""
        absent = [name for name in ("c2enc", "c2dec") if not shutil.which(name)]
        return f"the program {' and '.join(absent)}. Run: apt install codec2" if absent else ""

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        mode = str(random.choice(self._modes))
        low = soxr.resample(samples * FULL_SCALE, rate, self._rate, "HQ")
        # The last frame is coded only when it is full: 40 ms of silence at most.
        whole = np.pad(low, (0, self._rate // 10))
        with tempfile.TemporaryDirectory(prefix="bonafide-") as folder:
            given = np.clip(np.rint(whole), -32_768, 32_767).astype("<i2")
            bits = run(["c2enc", mode, "-", "-"], given.tobytes(), folder=folder)
            coded = run(["c2dec", mode, "-", "-"], bits, folder=folder)
        made = np.frombuffer(coded, "<i2")[: len(low)] / FULL_SCALE
        if not len(made):
            raise SynthesisError("c2dec wrote no audio")
        return Made(made, self._rate, {"mode": mode})


_PLACEHOLDERS = ("text", "in", "voice", "out", "seed", "rate")


class Command(Engine):
    """A command of the user's, such as `my_tts --text {text} --out {out}`.

    Args:
        name: Id of the attack.
        template: The command with `{text}`, `{in}` (the recording), `{voice}` (a recording of
            another speaker), `{out}` (the WAV file to write), `{seed}` and `{rate}`. The text is
            on its standard input, too.

    Raises:
        SettingsError: `{out}` is missing, or there is another placeholder.
    """

    kind: Kind = "external"
    licence = "that of the command"
    aligned = False

    def __init__(self, name: str, template: str) -> None:
        try:
            self.parts = shlex.split(template)
        except ValueError as error:
            raise SettingsError("a command", f"{template!r}: {error}", "--command") from error
        used = set(re.findall(r"\{(\w*)\}", template))
        if strange := sorted(used - set(_PLACEHOLDERS)):
            allowed = ", ".join(f"{{{each}}}" for each in _PLACEHOLDERS)
            raise SettingsError(f"{allowed} in a command", f"{{{strange[0]}}}", "--command")
        if "out" not in used:
            raise SettingsError("{out}, the WAV file to write", repr(template), "--command")
        self.name, self.template = name, template
        self.needs_text = "text" in used
        self.needs_voice = "voice" in used

    def missing(self) -> str:
        """See `Engine.missing`."""
        if shutil.which(self.parts[0]):
            return ""
        return f"the program {self.parts[0]} of --command {self.name}"

    def identity(self) -> Mapping[str, Any]:
        """See `Engine.identity`."""
        return {"name": self.name, "command": self.template}

    def make(
        self,
        pcm: np.ndarray,
        rate: int,
        text: str | None = None,
        voice: np.ndarray | None = None,
        *,
        seed: int,
        language: str = "",
    ) -> Made:
        """Runs the command; see `Engine.make`."""
        with tempfile.TemporaryDirectory(prefix="bonafide-") as folder:
            place = pathlib.Path(folder)
            soundfile.write(place / "in.wav", pcm, rate, "PCM_16")
            if voice is not None:
                soundfile.write(place / "voice.wav", voice, rate, "PCM_16")
            values = {
                "text": text or "",
                "in": str(place / "in.wav"),
                "voice": str(place / "voice.wav"),
                "out": str(place / "out.wav"),
                "seed": str(seed % 2**31),
                "rate": str(rate),
            }
            arguments = [
                re.sub(r"\{(\w+)\}", lambda match: values[str(match[1])], part)
                for part in self.parts
            ]
            run(arguments, (text or "").encode(), folder=folder)
            samples, out_rate = read_wave(place / "out.wav", self.name)
        return Made(samples, out_rate, {})


@functools.cache
def _flite_voices() -> tuple[str, ...]:
    """The voices at 16 kHz that say any text."""
    with tempfile.TemporaryDirectory(prefix="bonafide-") as folder:
        try:
            said = run(["flite", "-lv"], folder=folder).decode(errors="replace")
        except SynthesisError:
            return ()
    found = sorted(set(said.partition(":")[2].split()))
    return tuple(name for name in found if name not in ("kal", "awb_time"))


@functools.cache
def _festival_voices() -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="bonafide-") as folder:
        try:
            listing = b"(print (voice.list))"
            said = run(["festival", "--pipe"], listing, folder=folder).decode(errors="replace")
        except SynthesisError:
            return ()
    found = re.findall(r"[\w-]+", said.partition("(")[2].partition(")")[0])
    english = ("kal_", "ked_", "cmu_us", "don_", "rab_", "en1_", "us1_", "us2_", "us3_", "slt")
    return tuple(sorted(name for name in found if name.startswith(english)))
