"""Layouts that are read by their documentation: tested on small copies, not on real files."""

import pytest
from small_corpora import LAYOUTS

from bonafide import corpora
from bonafide.corpora import base


def read(files, layout, **options):
    reader = corpora.reader(layout)
    return reader(files, corpus_name="c", options=corpora.Options(**options))


def rows_by_id(corpus):
    return {
        row.utterance_id: (row.speaker_id, row.system_id, row.key, row.split, row.path)
        for row in corpus.utterances
    }


def moved(layout, to="", without=""):
    """The small copy in another folder."""
    return {to + path.removeprefix(without): data for path, data in LAYOUTS[layout].items()}


def test_partialspoof(small):
    corpus = read(small("partialspoof"), "partialspoof")
    rows = rows_by_id(corpus)
    path = "database/dev/con_wav/CON_D_0000000.wav"
    assert rows["CON_D_0000000"] == ("LA_0071", "CON", "spoof", "dev", path)
    assert rows["LA_E_1138215"][:4] == ("LA_0072", "-", "bonafide", "eval")
    assert len(rows) == 6
    assert {row.path for row in corpus.utterances} == corpus.audio.keys()
    assert "spoofed in parts" in corpus.notes[0]


def test_spoofceleb(small):
    corpus = read(small("spoofceleb"), "spoofceleb")
    rows = rows_by_id(corpus)
    assert rows["a02__id10311__YYsxcZ5saac-00001-006"] == (
        *("id10311", "a02", "spoof", "dev"),
        "spoofceleb/flac/development/a02/id10311/YYsxcZ5saac-00001-006.flac",
    )
    assert rows["a00__id10312__YYsxcZ5saac-00002-006"][:4] == ("id10312", "-", "bonafide", "eval")
    assert len(corpus.protocols) == 3


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("a01/id1/../x.flac,id1,a01", "expected a path such as"),
        ("a01/id1/x.txt,id1,a01", "expected a path such as"),
        ("a01/id1/x.flac,,a01", "the speaker or the attack is empty"),
    ],
)
def test_a_bad_row_of_spoofceleb(small, line, part):
    path = "spoofceleb/metadata/train.csv"
    good = "".join(f"a00/id1/{number}.flac,id1,a00\n" for number in range(20))
    text = f"file,speaker,attack\n{good}{line}\n".encode()
    [bad] = read(small("spoofceleb", files={path: text}), "spoofceleb").bad_rows
    assert bad.source == f"{path}:22"
    assert part in bad.reason


def test_spoofceleb_without_a_table_is_incomplete(small):
    files = small("spoofceleb", files={"spoofceleb/metadata/evaluation.csv": None})
    with pytest.raises(base.CorpusError, match="has train, development and no evaluation"):
        corpora.layout_of(files, "auto")
    wrong = small("spoofceleb", files={"spoofceleb/metadata/train.csv": b"path,who\na,b\n"})
    with pytest.raises(base.CorpusError, match="expected the columns file, speaker, attack"):
        read(wrong, "spoofceleb")


def test_codecfake(small):
    rows = rows_by_id(read(small("codecfake"), "codecfake"))
    assert rows == {
        "train__SSB13650058": (
            *("SSB1365", "-", "bonafide", "train"),
            "Codecfake/train/SSB13650058.wav",
        ),
        "train__F01_SSB13650058": (
            *("SSB1365", "F01", "spoof", "train"),
            "Codecfake/train/F01_SSB13650058.wav",
        ),
        "dev__p225_001": ("p225", "-", "bonafide", "dev", "Codecfake/dev/p225_001.wav"),
        "dev__F02_p225_001": ("p225", "F02", "spoof", "dev", "Codecfake/dev/F02_p225_001.wav"),
        "C7__SSB00050001": ("SSB0005", "-", "bonafide", "eval", "Codecfake/C7/SSB00050001.wav"),
        "C7__F07_SSB00050001": (
            *("SSB0005", "F07", "spoof", "eval"),
            "Codecfake/C7/F07_SSB00050001.wav",
        ),
    }


def test_codecfake_with_a_name_that_says_no_speaker(small):
    files = small("codecfake", files={"Codecfake/label/C7.txt": b"unknown.wav real 0\n"})
    assert {row.speaker_id for row in read(files, "codecfake").utterances} == {"-"}


def test_a_line_that_is_no_recording_of_codecfake_is_left_out(small):
    lines = [f"SSB000500{number:02}.wav real 0" for number in range(20)]
    text = "\n".join([*lines, "name label number"]).encode()
    corpus = read(small("codecfake", files={"Codecfake/label/C7.txt": text}), "codecfake")
    [bad] = corpus.bad_rows
    assert bad.source == "Codecfake/label/C7.txt:21"


def test_dfadd(small):
    corpus = read(small("dfadd"), "dfadd")
    rows = rows_by_id(corpus)
    assert rows["GradTTS__p226_001_GradTTS"] == (
        *("p226", "GradTTS", "spoof", "dev"),
        "DFADD/DATASET_GradTTS/valid/p226_001_GradTTS.flac",
    )
    assert rows["VCTK_BONAFIDE__p227_001"][:4] == ("p227", "-", "bonafide", "eval")
    assert len(rows) == 6
    fakes = {path: None for path in LAYOUTS["dfadd"] if "BONAFIDE" in path}
    with pytest.raises(base.CorpusError, match="expected the folder DATASET_VCTK_BONAFIDE"):
        corpora.layout_of(small("dfadd", files=fakes), "auto")


def test_add_2022_with_and_without_eval(small):
    rows = rows_by_id(read(small("add2022"), "add2022"))
    assert rows["ADD_D_00000001"] == (
        *("-", "spoof", "spoof", "dev"),
        "ADD2022/ADD_train_dev/dev/ADD_D_00000001.wav",
    )
    assert {row[3] for row in rows.values()} == {"train", "dev"}
    listed = {
        "ADD2022/eval_track1/label.txt": b"ADD_E_1.wav fake\nADD_E_2.wav genuine\n",
        "ADD2022/eval_track1/ADD_E_1.wav": b"abc",
        "ADD2022/eval_track1/ADD_E_2.wav": b"abc",
    }
    corpus = read(small("add2022", files=listed), "add2022")
    assert rows_by_id(corpus)["ADD_E_2"] == (
        *("-", "-", "bonafide", "eval"),
        "ADD2022/eval_track1/ADD_E_2.wav",
    )
    assert {row.path for row in corpus.utterances} == corpus.audio.keys()


def test_add_2023(small):
    rows = rows_by_id(read(small("add2023"), "add2023"))
    assert rows["ADD2023_testR2_2"] == (
        *("-", "spoof", "spoof", "eval"),
        "Track1.2/testR2/wav/ADD2023_testR2_2.wav",
    )
    assert len(rows) == 6


def test_habla(small):
    corpus = read(small("habla"), "habla", split="eval")
    rows = rows_by_id(corpus)
    name = "CycleGAN__Argentina-Chile__arm_01523-clf_07508__CycleGAN-arm_01523_020261-clf_07508"
    speaker, system, key, _, _ = rows[f"{name}_00993837011"]
    assert (speaker, system, key) == ("clf_07508", "CycleGAN", "spoof")
    assert rows["Real__Chile__arf_00295__arf_00295_00799857140"][:3] == (
        *("arf_00295", "-", "bonafide"),
    )
    assert rows["TTS__Chile__clf_07508__TTS-clf_07508_1"][:2] == ("clf_07508", "TTS")
    assert len(rows) == 17
    splits = {}
    for row in read(small("habla"), "habla").utterances:
        splits.setdefault(row.speaker_id, set()).add(row.split)
    assert all(len(of_speaker) == 1 for of_speaker in splits.values())


def test_fakeavceleb(small):
    corpus = read(small("fakeavceleb"), "fakeavceleb", split="eval")
    rows = rows_by_id(corpus)
    assert rows["RealVideo-FakeAudio__id00071__00101_R"] == (
        *("id00071", "SV2TTS", "spoof", "eval"),
        "FakeAVCeleb_v1.2/RealVideo-FakeAudio/African/men/id00071/00101_R.mp4",
    )
    assert len(rows) == 8
    assert dict(corpus.utterances[0].extra)["gender"] in "FM"
    assert "4 videos with another face over the same sound are left out" in corpus.notes[0]
    half = {path: None for path in LAYOUTS["fakeavceleb"] if "RealVideo-FakeAudio" in path}
    with pytest.raises(base.CorpusError, match="no folder RealVideo-FakeAudio"):
        corpora.layout_of(small("fakeavceleb", files=half), "auto")


@pytest.mark.parametrize(
    ("layout", "to", "without"),
    [
        ("partialspoof", "", "database/"),
        ("partialspoof", "PartialSpoof/", ""),
        ("spoofceleb", "", "spoofceleb/"),
        ("spoofceleb", "SpoofCeleb/", ""),
        ("codecfake", "", "Codecfake/"),
        ("dfadd", "a/b/", ""),
        ("dfadd", "", "DFADD/"),
        ("add2022", "", "ADD2022/"),
        ("add2023", "ADD2023/", ""),
        ("habla", "", "FinalDataset_16khz/"),
        ("habla", "HABLA/", ""),
        ("fakeavceleb", "", "FakeAVCeleb_v1.2/"),
    ],
)
def test_they_are_recognised_wherever_they_are_unpacked(dict_files, layout, to, without):
    files = dict_files(moved(layout, to, without))
    assert corpora.layout_of(files, "auto") == layout
    options = {"split": "eval"} if layout in ("habla", "fakeavceleb") else {}
    assert len(read(files, "auto", **options).utterances) > 3
