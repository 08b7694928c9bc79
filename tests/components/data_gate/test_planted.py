"""Faults planted in the bundled corpus: the gate names each, and nothing else."""

import dataclasses
import io
import pathlib

import numpy as np
import pytest
import soundfile
from scipy import signal

from bonafide import corpora
from bonafide.audio import decoding, measures
from bonafide.dataset import listing, measure_files
from bonafide.storage import beam_files
from components.data_gate import checks
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Severity
from components.data_gate.table import make_table

SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "samples"
RATE = 16_000
# The small model takes longer than all the rest; it has a test of its own.
QUICK = DataGateConfig(combined_shortcut="off")


@dataclasses.dataclass
class Recording:
    row: listing.Listed
    clip: measures.Clip

    def with_samples(self, samples):
        samples = np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)
        return Recording(self.row, dataclasses.replace(self.clip, samples=samples))

    def named(self, name, **changes):
        row = self.row._replace(utterance=name, **changes)
        return Recording(row, dataclasses.replace(self.clip, utterance=name))

    @property
    def is_spoof(self):
        return self.row.system != "-"


@pytest.fixture(scope="module")
def recordings():
    files = beam_files.BeamFiles(str(SAMPLES))
    corpus = corpora.reader("asvspoof2019-la")(files, corpus_name="sample")
    found = []
    for row in corpus.utterances:
        decoded = decoding.decode_with_facts(files.read_bytes(row.path), RATE, 0.1)
        found.append(
            Recording(
                listing.Listed(
                    row.split, row.utterance_id, row.speaker_id, row.system_id, row.path
                ),
                measures.Clip(row.utterance_id, *decoded),
            )
        )
    return found


def check(recordings, config=QUICK):
    collector = measure_files.Collector(RATE)
    for one in recordings:
        collector.add(one.clip)
    table = make_table([one.row for one in recordings], [collector.finish()])
    return checks.check(table, config)


@pytest.fixture(scope="module")
def clean(recordings):
    return check(recordings, DataGateConfig())


def planted(recordings, clean):
    """What is found now and was not found in the corpus as it is: rule, split and subject."""
    before = {(one.rule, one.split, one.subject) for one in clean.findings}
    return [
        one
        for one in check(recordings).findings
        if (one.rule, one.split, one.subject) not in before
    ]


def test_the_bundled_corpus_has_no_error_and_one_warning(clean):
    [finding] = clean.findings
    assert (finding.severity, finding.rule) == (Severity.WARNING, "shared_voices")
    assert finding.subject == "LA_1047"
    assert set(clean.figures["numbers"]) == {"train", "dev", "eval"}
    assert clean.figures["numbers"]["eval"]["all"]["eer"] > 0.3


def test_spoofs_with_silence_before_them(recordings, clean):
    silence = np.zeros(RATE // 5)
    changed = [
        one.with_samples(np.concatenate([silence, one.clip.samples])) if one.is_spoof else one
        for one in recordings
    ]
    [finding] = planted(changed, clean)
    assert finding.subject == "leading silence"
    assert finding.rule == "perfect_shortcut"
    assert finding.severity is Severity.ERROR
    assert "No setting trims silence" in finding.message


def test_a_speaker_in_two_splits(recordings, clean):
    speaker = "LA_0005"
    of_speaker = [one for one in recordings if one.row.speaker == speaker]
    assert {one.row.split for one in of_speaker} == {"train"}
    moved = {one.row.utterance for one in of_speaker if not one.is_spoof}
    moved = set(sorted(moved)[::2])
    changed = [
        one.named(one.row.utterance, split="eval") if one.row.utterance in moved else one
        for one in recordings
    ]
    [finding] = planted(changed, clean)
    assert (finding.rule, finding.split) == ("shared_speakers", "train and eval")
    assert finding.subject == speaker
    assert finding.severity is Severity.ERROR


def encoded(samples):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG", subtype="VORBIS")
    return decoding.decode(file.getvalue(), RATE, 0.1)


def test_copies_at_another_level_in_another_split(recordings, clean):
    train = [one for one in recordings if one.row.split == "train" and not one.is_spoof]
    chosen = [one for one in train if len(one.clip.samples) > 1.5 * RATE][:20]
    assert len(chosen) == 20
    copies = [
        one.with_samples(encoded(one.clip.samples // 2)).named(
            f"copy{number}", split="eval", speaker=f"unknown{number}"
        )
        for number, one in enumerate(chosen)
    ]
    [finding] = planted([*recordings, *copies], clean)
    assert (finding.rule, finding.split) == ("near_identical", "train and eval")
    assert finding.severity is Severity.ERROR
    assert 15 <= finding.value <= 20
    assert "copy" in finding.subject


def test_the_same_samples_with_two_labels(recordings, clean):
    one = next(one for one in recordings if one.row.split == "train" and not one.is_spoof)
    spoofed = one.named("again", system="A01", speaker="unknown", split="dev")
    found = planted([*recordings, spoofed], clean)
    assert {finding.rule for finding in found} == {"identical_audio", "conflicting_labels"}
    for finding in found:
        assert finding.subject == f"{one.row.utterance} = again"
        assert finding.severity is Severity.ERROR


def test_the_same_samples_twice_in_a_split(recordings, clean):
    [finding] = planted([*recordings, recordings[0].named("again")], clean)
    assert (finding.rule, finding.severity) == ("repeated_audio", Severity.WARNING)
    assert finding.split == recordings[0].row.split


def test_an_offset_on_one_class(recordings, clean):
    changed = [one.with_samples(one.clip.samples + 200.0 * one.is_spoof) for one in recordings]
    [finding] = planted(changed, clean)
    assert (finding.rule, finding.subject) == ("perfect_shortcut", "DC offset")
    assert "features.remove_dc=true" in finding.message


def test_one_class_without_high_frequencies(recordings, clean):
    low = signal.butter(10, 4000, output="sos", fs=RATE)
    changed = [
        one.with_samples(signal.sosfilt(low, one.clip.samples)) if one.is_spoof else one
        for one in recordings
    ]
    [finding] = planted(changed, clean)
    assert finding.subject == "bandwidth"
    assert finding.rule in ("shortcut", "perfect_shortcut")
    assert "features.fmax_hz=4" in finding.message


def test_what_is_off_is_not_found(recordings):
    off = DataGateConfig(**dict.fromkeys(("shared_voices", "combined_shortcut"), "off"))
    assert check(recordings, off).findings == []


def test_a_small_model_on_all_numbers(recordings, clean):
    # Two clues, each of half of the spoofs.
    changed = [
        one.with_samples(one.clip.samples * 0.25)
        if one.is_spoof and number % 2
        else one.with_samples(one.clip.samples + 60.0)
        if one.is_spoof
        else one
        for number, one in enumerate(recordings)
    ]
    found = check(changed, DataGateConfig()).findings
    [finding] = [one for one in found if one.rule == "combined_shortcut"]
    assert finding.severity is Severity.WARNING
    assert finding.split == "train, dev and eval"
    assert finding.value < 0.15
