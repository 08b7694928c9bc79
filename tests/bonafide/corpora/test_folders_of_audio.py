"""In-the-Wild, Fake-or-Real, WaveFake, MLAAD and plain folders."""

import collections

import pytest
from small_corpora import LAYOUTS

from bonafide import corpora
from bonafide.corpora import base


def read(files, layout, **options):
    return corpora.reader(layout)(files, corpus_name="c", options=corpora.Options(**options))


def rows_by_id(corpus):
    return {
        row.utterance_id: (row.speaker_id, row.system_id, row.split, row.path, dict(row.extra))
        for row in corpus.utterances
    }


def test_in_the_wild_as_a_whole(small):
    corpus = read(small("in-the-wild"), "in-the-wild", split="eval")
    rows = rows_by_id(corpus)
    assert rows["0"] == ("Speaker_0", "spoof", "eval", "release_in_the_wild/0.wav", {})
    assert rows["15"] == ("Speaker_3", "-", "eval", "release_in_the_wild/15.wav", {})
    assert len(rows) == 16
    assert corpus.protocols == ("release_in_the_wild/meta.csv",)


def test_in_the_wild_with_splits(small):
    speakers = collections.defaultdict(set)
    for row in read(small("in-the-wild"), "in-the-wild").utterances:
        speakers[row.split].add(row.speaker_id)
    assert {split: len(found) for split, found in speakers.items()} == {
        "train": 2,
        "dev": 1,
        "eval": 1,
    }


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("99.wav,Someone,true", "unknown key 'true'"),
        ("99.txt,Someone,spoof", "expected the name of an audio file, such as 0.wav, got '99.txt'"),
        ("99.wav,,spoof", "the speaker is empty"),
        ("a/99.wav,Someone,spoof", "path separator"),
        ("99.wav,spoof", "expected 3 columns, got 2"),
    ],
)
def test_malformed_rows_of_in_the_wild_are_left_out(small, line, part):
    path = "release_in_the_wild/meta.csv"
    text = LAYOUTS["in-the-wild"][path] + f"\n{line}".encode()
    corpus = read(small("in-the-wild", files={path: text}), "in-the-wild")
    [bad] = corpus.bad_rows
    assert bad.source == f"{path}:18"
    assert part in bad.reason
    assert corpus.utterances == read(small("in-the-wild"), "in-the-wild").utterances
    with pytest.raises(base.CorpusError) as caught:  # Two of 18 are more than a tenth.
        read(small("in-the-wild", files={path: text + f"\n{line}".encode()}), "in-the-wild")
    assert f"{path}:18" in str(caught.value)
    assert part in str(caught.value)
    assert "2 of 18 rows are malformed" in str(caught.value)


def test_a_file_that_in_the_wild_names_twice_is_refused(small):
    path = "release_in_the_wild/meta.csv"
    text = LAYOUTS["in-the-wild"][path] + b"\n0.wav,Someone,spoof"
    with pytest.raises(base.CorpusError) as caught:
        read(small("in-the-wild", files={path: text}), "in-the-wild")
    assert f"{path}:18" in str(caught.value)
    assert "'0' was already used at" in str(caught.value)


def test_fake_or_real(small):
    corpus = read(small("fake-or-real"), "fake-or-real")
    rows = rows_by_id(corpus)
    assert len(rows) == 12
    assert rows["validation__fake__file1.wav_16k"] == (
        *("-", "spoof", "dev"),
        "for-norm/validation/fake/file1.wav_16k.wav",
        {},
    )
    assert rows["testing__real__file2.wav_16k"][:3] == ("-", "-", "eval")


def test_fake_or_real_where_it_may_lie(dict_files):
    for prefix in ("", "for-2sec/", "for-2sec/for-2sec/", "for-rerec/"):
        files = {
            path.replace("for-norm/", prefix): data
            for path, data in LAYOUTS["fake-or-real"].items()
        }
        assert len(read(dict_files(files), "fake-or-real").utterances) == 12


def test_fake_or_real_incomplete_or_several(small, dict_files):
    lost = {path: None for path in LAYOUTS["fake-or-real"] if "testing/real" in path}
    with pytest.raises(base.CorpusError, match="lacks the files of for-norm/testing/real"):
        read(small("fake-or-real", files=lost), "fake-or-real")
    texts = dict.fromkeys(lost) | {"for-norm/testing/real/notes.txt": b"x"}
    with pytest.raises(
        base.CorpusError, match="for-norm/testing/real: expected audio files, got none"
    ):
        read(small("fake-or-real", files=texts), "fake-or-real")
    both = LAYOUTS["fake-or-real"] | {
        path.replace("norm", "2sec"): data for path, data in LAYOUTS["fake-or-real"].items()
    }
    with pytest.raises(
        base.CorpusError, match=r"expected one version of Fake-or-Real, got for-norm, for-2sec"
    ):
        read(dict_files(both), "fake-or-real")


def test_wavefake(small):
    corpus = read(small("wavefake"), "wavefake")
    generated = "generated_audio/"
    pwg = "common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech"
    english, japanese = {"language": "en"}, {"language": "ja"}
    assert rows_by_id(corpus) == {
        "ljspeech_melgan_large__LJ001-0001": (
            *("LJ", "ljspeech_melgan_large", "eval"),
            f"{generated}ljspeech_melgan_large/LJ001-0001_gen.wav",
            {"vocoder": "melgan_large", "text": "LJ001-0001"} | english,
        ),
        "ljspeech_waveglow__LJ001-0001": (
            *("LJ", "ljspeech_waveglow", "eval"),
            f"{generated}ljspeech_waveglow/LJ001-0001.wav",
            {"vocoder": "waveglow", "text": "LJ001-0001"} | english,
        ),
        "jsut_multi_band_melgan__BASIC5000_0001": (
            *("JSUT", "jsut_multi_band_melgan", "eval"),
            f"{generated}jsut_multi_band_melgan/BASIC5000_0001_gen.wav",
            {"vocoder": "multi_band_melgan", "text": "BASIC5000_0001"} | japanese,
        ),
        f"{pwg}__gen_0": (
            *("LJ", pwg, "eval"),
            f"{generated}{pwg}/gen_0.wav",
            {"vocoder": "pwg", "text": "gen_0"} | english,
        ),
        "ljspeech__LJ001-0001": (
            *("LJ", "-", "eval", "LJSpeech-1.1/wavs/LJ001-0001.wav"),
            {"text": "LJ001-0001"} | english,
        ),
        "jsut__BASIC5000_0001": (
            *("JSUT", "-", "eval"),
            "real_audio/jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav",
            {"text": "BASIC5000_0001"} | japanese,
        ),
    }
    assert {row.split for row in read(small("wavefake"), "wavefake", split="train").utterances} == {
        "train"
    }


def test_wavefake_with_its_folders_at_the_root(dict_files):
    files = {
        path.replace("generated_audio/", "").replace("LJSpeech-1.1/", ""): data
        for path, data in LAYOUTS["wavefake"].items()
    }
    assert len(read(dict_files(files), "wavefake").utterances) == 6


def test_wavefake_without_real_speech_or_with_a_strange_folder(small):
    lost = dict.fromkeys(path for path in LAYOUTS["wavefake"] if "generated" not in path)
    with pytest.raises(base.CorpusError, match=r"no real speech of its own\. Unpack LJSpeech"):
        read(small("wavefake", files=lost), "wavefake")
    strange = {"generated_audio/libri_melgan/1_gen.wav": b"abc"}
    with pytest.raises(
        base.CorpusError, match="generated_audio/libri_melgan: the name of a folder"
    ):
        read(small("wavefake", files=strange), "wavefake")


def test_mlaad(small):
    corpus = read(small("mlaad"), "mlaad", split="eval")
    rows = rows_by_id(corpus)
    assert rows["en__bark__book_00_f000001"] == (
        *("bark", "bark", "eval", "fake/en/bark/book_00_f000001.wav"),
        {"language": "en", "text": "book_00_f000001"},
    )
    assert rows["en__Some.ai_(May_1st)__book_02_f000001"][:2] == (
        "Some.ai_(May_1st)",
        "Some.ai_(May_1st)",
    )
    assert rows["en_US__book__book_00_f000001"] == (
        *("mary_ann", "-", "eval"),
        "M-AILABS/en_US/by_book/female/mary_ann/book/wavs/book_00_f000001.wav",
        {"gender": "F", "language": "en", "text": "book_00_f000001"},
    )
    assert rows["de_DE__book3__book3_00_f000001"][0] == "mix__book3"
    assert len(corpus.protocols) == 3
    # Three speakers and three voices: just enough.
    assert {row.split for row in read(small("mlaad"), "mlaad").utterances} == set(base.SPLITS)


def test_mlaad_names_the_speaker_that_was_imitated(small):
    text = b"path|reference_speaker\nx.wav|Mary Ann\n./fake/en/bark/y.wav|-\n"
    files = {"fake/en/bark/meta.csv": text}
    rows = rows_by_id(read(small("mlaad", files=files), "mlaad", split="eval"))
    assert rows["en__bark__x"][0] == "Mary_Ann"
    assert rows["en__bark__y"][0] == "bark"
    assert rows["en__bark__x"][4] == {"language": "en", "text": "x"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"file|language\nx.wav|en\n", "meta.csv:1: expected a column 'path', got file, language"),
        (b"path|language\nx.txt|en\n", "expected the path of an audio file, got 'x.txt'"),
        (b"path|language\nx.wav|en|1\n", "meta.csv:2: expected 2 columns, got 3"),
        (b"path|language\n", "expected rows below the header, got none"),
    ],
)
def test_malformed_rows_of_mlaad(small, text, part):
    with pytest.raises(base.CorpusError) as caught:
        read(small("mlaad", files={"fake/en/bark/meta.csv": text}), "mlaad")
    assert part in str(caught.value)


def test_mlaad_without_m_ailabs(small):
    lost = dict.fromkeys(path for path in LAYOUTS["mlaad"] if "AILABS" in path)
    with pytest.raises(base.CorpusError, match=r"no real speech of its own\. Unpack M-AILABS"):
        read(small("mlaad", files=lost), "mlaad")


def test_folders_with_speakers_and_systems(dict_files):
    files = dict_files(
        {
            "train/real/S1/a.wav": b"1",
            "train/fake/TTS 1/S1/deep/a.wav": b"1",
            "train/fake/TTS 2/b.wav": b"1",
            "train/fake/notes.txt": b"1",
            "val/genuine/S2/a.mp3": b"1",
            "val/spoof/c.wav": b"1",
            "test/bonafide/d.wav": b"1",
            "test/fake/e.wav": b"1",
        }
    )
    corpus = read(files, "folders")
    assert {row.path: (row.speaker_id, row.system_id, row.split) for row in corpus.utterances} == {
        "train/real/S1/a.wav": ("S1", "-", "train"),
        "train/fake/TTS 1/S1/deep/a.wav": ("S1", "TTS_1", "train"),
        "train/fake/TTS 2/b.wav": ("TTS_2", "TTS_2", "train"),
        "val/genuine/S2/a.mp3": ("S2", "-", "dev"),
        "val/spoof/c.wav": ("-", "spoof", "dev"),
        "test/bonafide/d.wav": ("-", "-", "eval"),
        "test/fake/e.wav": ("-", "spoof", "eval"),
    }
    assert len(corpus.audio) == 7
    assert corpus.utterances[0].utterance_id == "train__real__S1__a"


@pytest.mark.parametrize(
    ("paths", "part"),
    [
        (["real/a.wav"], "there is audio in real, and none in fake"),
        (["dev/spoof/a.wav"], "there is audio in dev/spoof, and none in dev/real"),
        (["real/a.wav", "fake/a.wav"], "at least 20 recordings of each class, got 1 bona fide and"),
        (
            ["real/a.wav", "fake/a.wav", "dev/real/a.wav", "dev/fake/a.wav"],
            "have folders real and fake at the root, or below",
        ),
        (["real/a b.wav", "real/a_b.wav", "fake/a.wav"], "'real__a_b' was already used"),
        (["sounds/a.wav"], "no folders real and fake"),
    ],
)
def test_folders_that_cannot_be_used(dict_files, paths, part):
    with pytest.raises(base.CorpusError, match=r"corpus root dict|already used") as caught:
        read(dict_files(dict.fromkeys(paths, b"1")), "folders")
    assert part in str(caught.value)
