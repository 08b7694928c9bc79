"""Neural vocoders in ONNX: a mel spectrogram in, a waveform out.

Beside `vocoder.onnx` lies `vocoder.yaml` with the settings of its mel spectrogram
(`VocoderSettings`). They must be those of its training, or it makes noise.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import soxr

from bonafide.settings import Bounds, Section, SettingsError
from bonafide.settings.yaml_file import read_yaml
from bonafide.synthesis import analysis
from bonafide.synthesis.engine import CopySynthesis, Kind, Made, SynthesisError
from bonafide.trials import ids

_Samples = Annotated[int, Bounds(ge=2, le=16_384, unit="samples")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class VocoderSettings(Section, section="vocoder"):
    """The mel spectrogram that a vocoder was trained on. Defaults: HiFi-GAN's, at 22,050 Hz.

    Attributes:
        sample_rate: Sampling rate in Hz.
        window_samples: Length of the Hann window.
        fft_length: Length of the transform; not shorter than the window.
        hop_samples: Distance of frames.
        num_bands: Number of mel bands.
        fmin_hz: Lower edge of the first band.
        fmax_hz: Upper edge of the last band; 0 for half the sampling rate.
        mel_scale: `slaney` or `htk`.
        unit_area: Whether bands have the same area (librosa's `norm="slaney"`) or the same height.
        power: 1 for magnitudes, 2 for powers.
        logarithm: `natural`, `decimal` or `none`.
        floor: Smaller values of the spectrogram are set to this before the logarithm.
        scale: Factor after the logarithm.
        offset: Is added after the factor.
        frames_first: Whether the input is [1, T, bands] rather than [1, bands, T].
        peak: Peak that the recording gets before the analysis; 0 leaves its level.
        licence: Licence of the vocoder, for the manifest.
    """

    sample_rate: Annotated[int, Bounds(ge=4_000, le=192_000, unit="Hz")] = 22_050
    window_samples: _Samples = 1_024
    fft_length: _Samples = 1_024
    hop_samples: _Samples = 256
    num_bands: Annotated[int, Bounds(ge=1, le=1_024, unit="bands")] = 80
    fmin_hz: Annotated[float, Bounds(ge=0, unit="Hz")] = 0.0
    fmax_hz: Annotated[float, Bounds(ge=0, unit="Hz")] = 8_000.0
    mel_scale: Literal["slaney", "htk"] = "slaney"
    unit_area: bool = True
    power: Annotated[int, Bounds(ge=1, le=2, unit="(exponent)")] = 1
    logarithm: Literal["natural", "decimal", "none"] = "natural"
    floor: Annotated[float, Bounds(gt=0, unit="")] = 1e-5
    scale: float = 1.0
    offset: float = 0.0
    frames_first: bool = False
    peak: Annotated[float, Bounds(ge=0, le=1, unit="(full scale 1)")] = 0.95
    licence: str = "that of the model"

    def __post_init__(self) -> None:
        """Validates the settings.

        Raises:
            SettingsError: A setting is invalid, or two contradict each other.
        """
        super().__post_init__()
        if self.fft_length < self.window_samples:
            raise self.refused("fft_length", f"at least window_samples ({self.window_samples})")
        top = self.fmax_hz or self.sample_rate / 2
        if not self.fmin_hz < top <= self.sample_rate / 2:
            raise self.refused("fmax_hz", f"above fmin_hz, up to {self.sample_rate / 2:g}")

    def mel(self, samples: np.ndarray) -> np.ndarray:
        """Returns the mel spectrogram of float samples [N] at `sample_rate`, float32 [T, bands].

        N is a multiple of the hop, T is N / hop. As in HiFi-GAN, the samples are reflected at both
        ends and frames begin with multiples of the hop, `(fft_length - hop) / 2` before them.
        """
        pad = (self.fft_length - self.hop_samples) // 2
        padded = np.pad(samples, (pad, self.fft_length - self.hop_samples - pad), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft_length)
        lead = (self.fft_length - self.window_samples) // 2
        window = np.zeros(self.fft_length, np.float32)
        window[lead : lead + self.window_samples] = analysis.hann(self.window_samples)
        spectra = np.abs(np.fft.rfft(frames[:: self.hop_samples] * window, axis=1))
        bands = analysis.mel_bands(
            self.sample_rate,
            self.fft_length,
            self.num_bands,
            self.fmin_hz,
            self.fmax_hz or None,
            scale=self.mel_scale,
            unit_area=self.unit_area,
        )
        mel = np.maximum(spectra**self.power @ bands, self.floor)
        if self.logarithm != "none":
            mel = np.log(mel) if self.logarithm == "natural" else np.log10(mel)
        return np.asarray(mel * self.scale + self.offset, np.float32)


class OnnxVocoder(CopySynthesis):
    """Copy-synthesis by a neural vocoder of the user's.

    Args:
        path: The ONNX file; the settings are in a file of the same name that ends in `.yaml`.

    Raises:
        SettingsError: There is no such file, or its settings are missing or invalid.
    """

    kind: Kind = "neural vocoder"

    def __init__(self, path: pathlib.Path) -> None:
        if not path.is_file():
            raise SettingsError("an ONNX file", "none", place=str(path))
        beside = path.with_suffix(".yaml")
        if not beside.is_file():
            raise SettingsError(
                f"the settings of its mel spectrogram in {beside}", "no such file", place=str(path)
            )
        content, places = read_yaml(beside)
        try:
            self.settings = VocoderSettings.from_mapping(content)
        except SettingsError as error:
            raise error.at({"vocoder": str(beside), **_below(places)}) from None
        self.path = path
        self.name = "onnx_" + ids.as_id(path.stem)
        self.licence = self.settings.licence
        self.top_hz = self.settings.sample_rate / 2 * 0.97

    def missing(self) -> str:
        """See `Engine.missing`."""
        if importlib.util.find_spec("onnxruntime"):
            return ""
        return "the package onnxruntime. Run: pip install 'bonafide[synthesis]'"

    def identity(self) -> Mapping[str, Any]:
        """See `Engine.identity`."""
        settings = dataclasses.asdict(self.settings)
        return {"name": self.name, "sha256": _sha256(str(self.path)), "settings": settings}

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        settings = self.settings
        inside = np.asarray(soxr.resample(samples, rate, settings.sample_rate, "HQ"))
        if settings.peak and (peak := np.abs(inside).max()):
            inside = inside * (settings.peak / peak)
        hop = settings.hop_samples
        whole = np.pad(inside, (0, -len(inside) % hop + settings.fft_length))
        whole = whole[: len(whole) // hop * hop]
        mel = settings.mel(whole)[None]
        if not settings.frames_first:
            mel = mel.transpose(0, 2, 1)
        session = _session(str(self.path))
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(each.name for each in inputs)
            raise SynthesisError(f"expected a vocoder with one input, the mel, got {names}")
        try:
            [made, *_] = session.run(None, {inputs[0].name: np.ascontiguousarray(mel)})
        except Exception as error:
            raise SynthesisError(f"the vocoder failed: {str(error).splitlines()[0]}") from error
        flat = np.asarray(made, np.float64).reshape(-1)
        if len(flat) < len(inside) or not np.isfinite(flat).all():
            raise SynthesisError(
                f"expected {len(inside):,} finite samples or more from the vocoder, got "
                f"{len(flat):,}. Check sample_rate and hop_samples"
            )
        return Made(flat[: len(inside)], settings.sample_rate, {})


def _below(places: Mapping[str, str]) -> dict[str, str]:
    return {f"{VocoderSettings.section}.{name}": place for name, place in places.items()}


@functools.lru_cache(maxsize=8)
def _session(path: str) -> Any:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    # One thread: the files are made in parallel, and sums do not depend on the number of cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise SynthesisError(f"{path}: not a usable ONNX file: {error}") from error


@functools.lru_cache(maxsize=8)
def _sha256(path: str) -> str:
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
