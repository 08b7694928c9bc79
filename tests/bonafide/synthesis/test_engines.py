"""Every engine that is usable here, on real speech."""

import json
import pathlib
import sys

import numpy as np
import pytest
import soundfile

from bonafide.settings import SettingsError
from bonafide.synthesis import catalogue
from bonafide.synthesis.engine import SynthesisError
from bonafide.synthesis.engines.onnx_vocoder import OnnxVocoder, VocoderSettings
from bonafide.synthesis.engines.partial import PartlySpoofed
from bonafide.synthesis.engines.programs import Command
from bonafide.synthesis.engines.spectral import PhaseDisturbed

RATE = 16_000
TEXT = "Please enter your account number."


@pytest.fixture(scope="module")
def speech(calls):
    paths = sorted(calls.glob("*/*.flac"))
    return [soundfile.read(path, dtype="int16")[0] for path in (paths[0], paths[-1])]


def usable(engine):
    if missing := engine.missing():
        pytest.skip(f"missing: {missing}")
    return engine


@pytest.mark.parametrize("engine", catalogue.built_in(), ids=lambda each: each.name)
def test_an_engine_makes_another_signal_of_the_same_speech(engine, speech):
    usable(engine)
    own, other = speech
    made = engine.make(own, RATE, text=TEXT, voice=other, seed=7, language="en")
    again = engine.make(own, RATE, text=TEXT, voice=other, seed=7, language="en")
    np.testing.assert_array_equal(made.samples, again.samples)
    assert made.parameters == again.parameters
    json.dumps(dict(made.parameters))
    assert np.isfinite(made.samples).all()
    assert np.abs(made.samples).max() > 0.01
    seconds = len(made.samples) / made.rate_hz
    if engine.aligned:
        assert seconds == pytest.approx(len(own) / RATE, abs=0.02)
        envelopes = [
            np.convolve(np.abs(each), np.ones(rate // 20), "same")[:: rate // 100][:150]
            for each, rate in ((own / 32_768, RATE), (made.samples, made.rate_hz))
        ]
        shortest = min(map(len, envelopes))
        assert np.corrcoef(*(each[:shortest] for each in envelopes))[0, 1] > 0.6
    else:
        assert seconds > 0.5
    different = engine.make(own, RATE, text=TEXT, voice=other, seed=8, language="en")
    assert not np.array_equal(different.samples, made.samples)


@pytest.mark.parametrize("engine", catalogue.built_in(), ids=lambda each: each.name)
@pytest.mark.parametrize("kind", ["silence", "short", "loud"])
def test_odd_recordings_give_finite_samples_or_a_reason(engine, kind, speech):
    usable(engine)
    if engine.needs_text:
        pytest.skip("does not use the recording")
    pcm = {
        "silence": np.zeros(8_000, np.int16),
        "short": speech[0][6_000:8_000],
        "loud": np.where(speech[0] > 0, 32_767, -32_768).astype(np.int16),
    }[kind]
    try:
        made = engine.make(pcm, RATE, voice=speech[1], seed=1)
    except SynthesisError:
        return
    assert np.isfinite(made.samples).all()


def test_engines_have_one_name_each_and_say_how_to_get_them():
    engines = catalogue.built_in()
    assert len({each.name for each in engines}) == len(engines)
    for each in engines:
        assert each.missing() == "" or "install" in each.missing()


class TestChoice:
    def test_auto_is_what_is_usable_without_texts(self):
        chosen = catalogue.chosen("auto", catalogue.known(), with_text=False)
        assert {"griffin_lim_linear", "lpc", "frame_selection"} <= {each.name for each in chosen}
        assert not any(each.needs_text for each in chosen)

    def test_names_are_added_and_removed(self):
        chosen = catalogue.chosen(
            "auto,-lpc,partial:sinusoidal", catalogue.known(), with_text=False
        )
        names = {each.name for each in chosen}
        assert "lpc" not in names
        assert "partial_sinusoidal" in names

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("wrold", "expected an engine, got 'wrold' (--engines). Did you mean 'world'?"),
            ("lpc,-lpc", "expected at least one usable engine, got none"),
            ("espeak_ng", "expected texts for espeak_ng, got none. Give --texts FILE"),
        ],
    )
    def test_a_wrong_choice_is_refused(self, names, message, monkeypatch):
        engines = catalogue.known()
        monkeypatch.setattr(type(engines["espeak_ng"]), "missing", lambda self: "")
        with pytest.raises(SettingsError) as refused:
            catalogue.chosen(names, engines, with_text=False)
        assert message in str(refused.value)

    def test_a_missing_engine_that_is_named_is_refused(self, monkeypatch):
        engines = catalogue.known()
        monkeypatch.setattr(type(engines["world"]), "missing", lambda self: "the package pyworld")
        with pytest.raises(SettingsError, match="expected world to be usable, got a machine"):
            catalogue.chosen("world", engines, with_text=False)


SPEAKS = """
import sys, numpy, soundfile
text, out, seed, given = sys.argv[1:5]
assert sys.stdin.read() == text
samples, rate = soundfile.read(given)
random = numpy.random.default_rng(int(seed))
soundfile.write(out, samples * random.uniform(0.5, 0.9), rate)
"""


class TestCommand:
    @pytest.fixture
    def program(self, tmp_path):
        path = tmp_path / "speaks.py"
        path.write_text(SPEAKS)
        return f"{sys.executable} {path}"

    def test_it_gets_text_recording_and_seed(self, program, speech):
        engine = Command("mine", program + " {text} {out} {seed} {in}")
        assert (engine.needs_text, engine.needs_voice, engine.missing()) == (True, False, "")
        text = "it's $HOME; rm -rf"
        made = engine.make(speech[0], RATE, text=text, seed=3)
        again = engine.make(speech[0], RATE, text=text, seed=3)
        np.testing.assert_array_equal(made.samples, again.samples)
        assert len(made.samples) == len(speech[0])

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            ("import sys; sys.exit('no voice')", "ended with code 1: no voice"),
            ("pass", "mine wrote no audio that can be read"),
            (
                "import sys, soundfile; soundfile.write(sys.argv[1], [0.0] * 9000, 8000)",
                "or only silence",
            ),
        ],
    )
    def test_a_program_that_fails_is_named_with_its_reason(self, code, reason, speech):
        engine = Command("mine", f'{sys.executable} -c "{code}" {{out}}')
        with pytest.raises(SynthesisError, match=reason):
            engine.make(speech[0], RATE, seed=1)

    @pytest.mark.parametrize(
        ("template", "message"),
        [
            ("tts --text {text}", "expected {out}, the WAV file to write, got 'tts --text {text}'"),
            ("tts {speaker} {out}", "in a command, got {speaker}"),
            ("tts 'unclosed {out}", "No closing quotation"),
        ],
    )
    def test_a_wrong_template_is_refused(self, template, message):
        with pytest.raises(SettingsError) as refused:
            catalogue.known(commands=[f"mine={template}"])
        assert message in str(refused.value)

    def test_two_commands_of_one_name_are_refused(self):
        with pytest.raises(SettingsError, match="tts twice"):
            catalogue.known(commands=["tts {out}", "/opt/tts {in} {out}"])

    def test_a_program_that_is_not_there_is_missing(self):
        engine = Command("mine", "no-such-program {out}")
        assert "no-such-program" in engine.missing()


class TestPartlySpoofed:
    def test_only_the_segment_differs(self, speech):
        engine = PartlySpoofed(PhaseDisturbed())
        made = engine.make(speech[0], RATE, seed=5)
        [(begin, end)] = made.segments
        real = speech[0] / 32_768 - np.mean(speech[0]) / 32_768
        margin = RATE // 25
        np.testing.assert_allclose(made.samples[: begin - margin], real[: begin - margin])
        np.testing.assert_allclose(made.samples[end + margin :], real[end + margin :])
        inside = slice(begin + margin, end - margin)
        assert np.abs(made.samples[inside] - real[inside]).max() > 0.01
        assert 0.2 < (end - begin) / len(speech[0]) < 0.7

    def test_too_little_speech_is_refused(self, speech):
        with pytest.raises(SynthesisError, match=r"expected 0.8 s of speech"):
            PartlySpoofed(PhaseDisturbed()).make(speech[0][:8_000], RATE, seed=5)


HOP = 64
MEL = "sample_rate: 8000\nwindow_samples: 256\nfft_length: 256\nhop_samples: 64\n"
MEL += "num_bands: 20\nfmax_hz: 4000\nlicence: CC0\n"


@pytest.fixture
def vocoder(tmp_path):
    """A graph that makes a tone as loud as the mel spectrogram; returns its path."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    pytest.importorskip("onnxruntime", reason="pip install 'bonafide[synthesis]'")
    helper, kinds = onnx.helper, onnx.TensorProto
    tone = np.sin(2 * np.pi * np.arange(HOP) / 8).astype(np.float32).reshape(1, 1, HOP)
    nodes = [
        helper.make_node("ReduceMean", ["mel"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Exp", ["mean"], ["loudness"]),
        helper.make_node("ConvTranspose", ["loudness", "tone"], ["audio"], strides=[HOP]),
    ]
    graph = helper.make_graph(
        nodes,
        "vocoder",
        [helper.make_tensor_value_info("mel", kinds.FLOAT, [1, 20, "T"])],
        [helper.make_tensor_value_info("audio", kinds.FLOAT, [1, 1, "N"])],
        [onnx.numpy_helper.from_array(tone, "tone")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "tone.onnx"
    onnx.save(model, path)
    path.with_suffix(".yaml").write_text(MEL)
    return path


class TestOnnxVocoder:
    def test_it_makes_a_waveform_of_the_mel_spectrogram(self, vocoder, speech):
        engine = OnnxVocoder(vocoder)
        assert (engine.name, engine.kind, engine.licence) == ("onnx_tone", "neural vocoder", "CC0")
        made = engine.make(speech[0], RATE, seed=1)
        assert made.rate_hz == 8_000
        assert len(made.samples) == pytest.approx(len(speech[0]) / 2, abs=1)
        own = np.convolve(np.abs(speech[0][::2]), np.ones(400), "same")[: len(made.samples)]
        copy = np.convolve(np.abs(made.samples), np.ones(400), "same")[: len(own)]
        assert np.corrcoef(own, copy)[0, 1] > 0.6
        assert engine.identity()["settings"]["hop_samples"] == HOP

    def test_a_wrong_hop_is_named(self, vocoder, speech):
        settings = vocoder.with_suffix(".yaml")
        settings.write_text(settings.read_text().replace("hop_samples: 64", "hop_samples: 128"))
        with pytest.raises(SynthesisError, match="Check sample_rate and hop_samples"):
            OnnxVocoder(vocoder).make(speech[0], RATE, seed=1)

    def test_a_wrong_number_of_bands_is_a_reason(self, vocoder, speech):
        settings = vocoder.with_suffix(".yaml")
        settings.write_text(settings.read_text().replace("num_bands: 20", "num_bands: 30"))
        with pytest.raises(SynthesisError, match="the vocoder failed"):
            OnnxVocoder(vocoder).make(speech[0], RATE, seed=1)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (None, "expected the settings of its mel spectrogram in"),
            ("hops: 3\n", "hops"),
            ("fft_length: 128\n", "expected at least window_samples (1024), got 128"),
            ("fmin_hz: 9000\n", "above fmin_hz"),
        ],
    )
    def test_wrong_settings_are_refused(self, tmp_path, settings, message):
        path = tmp_path / "v.onnx"
        path.write_bytes(b"")
        if settings is not None:
            path.with_suffix(".yaml").write_text(settings)
        with pytest.raises(SettingsError) as refused:
            OnnxVocoder(path)
        assert message in str(refused.value)

    def test_a_file_that_is_no_graph_is_a_reason(self, tmp_path, speech):
        pytest.importorskip("onnxruntime", reason="pip install 'bonafide[synthesis]'")
        path = tmp_path / "v.onnx"
        path.write_bytes(b"not a graph")
        path.with_suffix(".yaml").write_text("")
        with pytest.raises(SynthesisError, match="not a usable ONNX file"):
            OnnxVocoder(path).make(speech[0], RATE, seed=1)

    def test_no_file(self):
        with pytest.raises(SettingsError, match="expected an ONNX file, got none"):
            OnnxVocoder(pathlib.Path("/nowhere/v.onnx"))


def test_the_mel_spectrogram_is_that_of_hifi_gan():
    """As `meldataset.py` of HiFi-GAN computes it, with librosa's pieces."""
    librosa = pytest.importorskip("librosa")
    settings = VocoderSettings()
    samples = np.random.default_rng(0).normal(scale=0.1, size=256 * 40)
    padded = np.pad(samples, 384, mode="reflect")
    spectra = librosa.stft(padded, n_fft=1024, hop_length=256, win_length=1024, center=False)
    bands = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0, fmax=8_000)
    expected = np.log(np.maximum(bands @ np.abs(spectra), 1e-5)).T
    np.testing.assert_allclose(settings.mel(samples), expected, atol=1e-4)
