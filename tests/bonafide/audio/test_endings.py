import pytest

from bonafide.audio import endings


def test_each_ending_is_there_once_in_small_letters():
    assert len(set(endings.AUDIO_SUFFIXES)) == len(endings.AUDIO_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in endings.AUDIO_SUFFIXES)


@pytest.mark.parametrize(
    ("path", "is_audio", "stem"),
    [
        ("a.flac", True, "a"),
        ("a/b.c/d.WAV", True, "a/b.c/d"),
        ("a.v2.opus", True, "a.v2"),
        ("a.txt", False, "a"),
        ("a.b/c", False, "a.b/c"),
        (".flac", False, ".flac"),
        ("a/.flac", False, "a/.flac"),
        ("flac", False, "flac"),
        ("", False, ""),
    ],
)
def test_what_is_audio_and_what_stays_without_the_ending(path, is_audio, stem):
    assert endings.is_audio(path) is is_audio
    assert endings.stem(path) == stem


def test_the_best_ending_of_a_stem_wins_and_other_files_are_left_out():
    files = ["a.mp3", "a.FLAC", "a.wav", "b.ogg", "c.txt", "d", "e.v2.wav"]
    expected = {"a": "a.FLAC", "b": "b.ogg", "e.v2": "e.v2.wav"}
    assert endings.audio_by_stem(files) == expected
    assert endings.audio_by_stem(reversed(files)) == expected
