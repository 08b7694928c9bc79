"""Splits without speakers: what stays together, and what is refused."""

import collections

import pytest

from bonafide import corpora
from bonafide.corpora import base, groups, splits
from bonafide.corpora.options import Options


def flat(real, fake):
    """A dictionary of files from names of each class."""
    return {
        f"{folder}/{name}": b"abc"
        for folder, names in (("real", real), ("fake", fake))
        for name in names
    }


def read(files, **options):
    return corpora.reader("folders")(files, corpus_name="c", options=Options(**options))


def group_of(corpus):
    rows = corpus.unsplit
    return dict(zip([row.path for row in rows], groups.name_groups(rows), strict=True))


def numbered(count, prefix="", suffix=".wav"):
    return [f"{prefix}{number}{suffix}" for number in range(count)]


def test_flat_folders_get_splits_with_both_classes(dict_files):
    corpus = read(dict_files(flat(numbered(100, "r"), numbered(100, "f"))))
    counts = collections.Counter((row.split, row.key) for row in corpus.utterances)
    assert counts == {
        ("train", "bonafide"): 60,
        ("train", "spoof"): 60,
        ("dev", "bonafide"): 15,
        ("dev", "spoof"): 15,
        ("eval", "bonafide"): 25,
        ("eval", "spoof"): 25,
    }
    assert {row.speaker_id for row in corpus.utterances} == {base.UNKNOWN_SPEAKER}
    assert "files with related names are 200 groups" in corpus.notes[0]
    assert len(corpus.unsplit) == 200


def test_a_recording_and_what_was_made_of_it_stay_together(dict_files):
    real = numbered(40, "LJ", ".wav") + numbered(40, "LJ", ".mp3")
    corpus = read(dict_files(flat(real, numbered(40, "lj", "_gen.flac"))))
    assert len({row.utterance_id for row in corpus.utterances}) == 120
    split_of = {row.path: row.split for row in corpus.utterances}
    for number in range(40):
        names = [f"real/LJ{number}.wav", f"real/LJ{number}.mp3", f"fake/lj{number}_gen.flac"]
        assert len({split_of[name] for name in names}) == 1


def test_codes_that_look_like_speakers_are_groups(dict_files):
    names = [f"p{speaker}_{number:03}.wav" for speaker in range(8) for number in range(5)]
    corpus = read(dict_files(flat(names, [f"tts{name}" for name in names])))
    assert len({*group_of(corpus).values()}) == 16
    # The same beginning of all names is no speaker.
    names = [f"clip_{number}.wav" for number in range(40)]
    corpus = read(dict_files(flat(names, names)))
    assert len({*group_of(corpus).values()}) == 40


def test_named_speakers_count_where_others_are_not_named(dict_files):
    real = [f"S{number % 6}/{number}.wav" for number in range(30)]
    corpus = read(dict_files(flat(real, numbered(30, "TTS/x") + numbered(30, "y"))))
    of = group_of(corpus)
    assert {of[f"real/{name}"] for name in real} == {f"speaker S{number}" for number in range(6)}
    assert of["fake/TTS/x1.wav"] == "name x1"
    assert {row.system_id for row in corpus.utterances} == {"-", "TTS", "spoof"}


def test_speakers_can_be_ignored_on_demand(dict_files):
    real = numbered(30, "one/")
    files = dict_files(flat(real, numbered(30, "TTS/one/f")))
    with pytest.raises(base.CorpusError, match=r"at least three speakers.*split_by=file"):
        read(files)
    corpus = read(files, split_by="file")
    assert {row.split for row in corpus.utterances} == set(base.SPLITS)
    assert {row.speaker_id for row in corpus.utterances} == {base.UNKNOWN_SPEAKER}


def test_too_few_recordings_are_refused_with_the_number_that_is_needed(dict_files):
    with pytest.raises(base.CorpusError) as caught:
        read(dict_files(flat(numbered(5, "r"), numbered(5, "f"))))
    assert "at least 20 recordings of each class, got 5 bona fide and 5 spoofed" in str(
        caught.value
    )
    assert "from 80 of each class on" in str(caught.value)
    assert len(read(dict_files(flat(numbered(20, "r"), numbered(20, "f")))).utterances) == 40


def test_one_recording_in_many_forms_is_refused(dict_files):
    names = [f"a{suffix}" for suffix in (".wav", ".mp3", *(f" ({n}).wav" for n in range(1, 25)))]
    with pytest.raises(base.CorpusError, match=r"26 bona fide recordings form 1 such groups"):
        read(dict_files(flat(names, numbered(30, "f"))))


def test_pairs_join_groups():
    assert groups.joined(["a", "b", "c", "a"], [(0, 1)]) == ("a", "a", "c", "a")
    assert groups.joined(["a", "b", "c", "d"], [(0, 1), (2, 3), (3, 1)]) == ("a",) * 4
    assert groups.joined(["a", "b"], []) == ("a", "b")


def test_the_order_of_files_does_not_count(dict_files):
    files = flat(numbered(50, "r"), numbered(50, "f"))
    one = read(dict_files(files))
    rows = list(reversed(one.unsplit))
    again, _ = splits.with_splits(rows, Options(), where="x")
    assert {row.path: row.split for row in again} == {row.path: row.split for row in one.utterances}
