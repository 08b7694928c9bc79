"""On real recordings of the bundled corpus: copies are found, and nothing else."""

import io
import pathlib

import numpy as np
import pytest
import soundfile

from bonafide.audio import copies, decoding, landmarks, measures

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "samples/LA/ASVspoof2019_LA_train/flac"
NUMBER = 60
FACTS = decoding.FileFacts(16_000, 1, "FLAC/PCM_16", 1)


def marks_of(clips):
    return measures.measure([measures.Clip("", clip, FACTS) for clip in clips], 16_000)


def encoded(clip, **options):
    file = io.BytesIO()
    soundfile.write(file, clip, 16_000, **options)
    return decoding.decode(file.getvalue(), 16_000, 0.1)


@pytest.fixture(scope="module")
def clips():
    paths = sorted(FOLDER.glob("*.flac"))[:NUMBER]
    return [soundfile.read(path, dtype="int16")[0] for path in paths]


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda clip: np.rint(clip * 0.4).astype(np.int16), 0.95),
        (lambda clip: clip[1500:-700], 0.75),
        (lambda clip: np.concatenate([np.zeros(3333, np.int16), clip]), 0.8),
        (lambda clip: encoded(clip // 2, format="OGG", subtype="VORBIS"), 0.75),
    ],
    ids=["quieter", "trimmed", "lengthened", "vorbis"],
)
def test_copies_are_found_and_nothing_else(clips, change, least):
    found = measures.join([marks_of(clips), marks_of([change(clip) for clip in clips])])
    splits = np.repeat([0, 1], NUMBER)
    pairs = copies.find_copies(found.marks, np.zeros(2 * NUMBER, int), splits, max_bit_errors=0.15)
    assert {pair.second - pair.first for pair in pairs} == {NUMBER}
    long_enough = np.count_nonzero(found.marks.counts[:NUMBER] >= 4)
    assert len(pairs) >= least * long_enough


def test_only_across_splits_and_inside_of_a_group(clips):
    found = marks_of([*clips[:5], *clips[:5]]).marks
    one, two, apart = np.zeros(10, int), np.repeat([0, 1], 5), np.arange(10)
    counted = np.count_nonzero(found.counts[:5] >= 4)
    assert counted >= 3
    assert len(copies.find_copies(found, one, two, max_bit_errors=0)) == counted
    assert copies.find_copies(found, one, one, max_bit_errors=0) == []
    assert copies.find_copies(found, apart, two, max_bit_errors=1) == []


def test_bits_that_differ_are_counted():
    codes = np.array([1, 2, 4, 8, 1, 2, 4, 8 + 16], np.uint32)
    places = np.array([10, 20, 30, 40, 15, 25, 35, 45], np.uint32)
    marks = landmarks.Landmarks(np.array([4, 4]), codes, places)
    split = np.array([0, 1])
    [pair] = copies.find_copies(marks, np.zeros(2, int), split, max_bit_errors=1)
    assert pair == copies.Copy(0, 1, pytest.approx(1 / (4 * 24)))
    assert copies.find_copies(marks, np.zeros(2, int), split, max_bit_errors=0.01) == []


def test_without_recordings():
    none = np.zeros(0, np.uint32)
    marks = landmarks.Landmarks(np.zeros(0, int), none, none)
    assert copies.find_copies(marks, none, none, max_bit_errors=1) == []
