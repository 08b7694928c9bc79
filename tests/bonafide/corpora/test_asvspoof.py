"""ASVspoof 2019 PA, 2021 and 5: what each line becomes."""

import pytest
from small_corpora import LAYOUTS

from bonafide import corpora


def read(files, layout, **options):
    return corpora.reader(layout)(files, corpus_name="c", options=corpora.Options(**options))


def rows_by_id(corpus):
    return {
        row.utterance_id: (row.speaker_id, row.system_id, row.key, row.split, dict(row.extra))
        for row in corpus.utterances
    }


def test_2019_pa(small):
    corpus = read(small("asvspoof2019-pa"), "asvspoof2019-pa")
    assert rows_by_id(corpus) == {
        f"PA_{split[0]}_{number}": (
            f"S{speaker}",
            "AA" if number == 2 else "-",
            "spoof" if number == 2 else "bonafide",
            split,
            {"environment": "aaa"},
        )
        for speaker, split in enumerate(("train", "dev", "eval"), start=1)
        for number in (1, 2)
    }
    assert corpus.utterances[0].path == "PA/ASVspoof2019_PA_train/flac/PA_t_1.flac"


def test_2021_la_takes_the_subset_eval_without_options(small):
    files = small("asvspoof2021-la")
    corpus = read(files, "asvspoof2021-la")
    assert rows_by_id(corpus) == {
        "LA_E_1": ("LA_0009", "A07", "spoof", "eval", {"codec": "alaw", "transmission": "ita_tx"}),
        "LA_E_2": ("LA_0009", "-", "bonafide", "eval", {"codec": "none", "transmission": "none"}),
    }
    there = "eval notrim 2, hidden only_speech 1, progress notrim 1"
    assert corpus.notes == (f"2 of 4 trials, subset eval, trim all; there are {there}",)
    assert set(rows_by_id(read(files, "asvspoof2021-la", subset="hidden"))) == {"LA_E_3"}
    assert set(rows_by_id(read(files, "asvspoof2021-la", subset="all", trim="notrim"))) == {
        *("LA_E_1", "LA_E_2", "LA_E_4"),
    }
    assert len(read(files, "asvspoof2021-la", subset="all").utterances) == 4


def test_2021_options_that_leave_nothing(small):
    files = small("asvspoof2021-la")
    with pytest.raises(
        corpora.CorpusError,
        match="expected eval, progress, hidden or all as the subset, got 'test'",
    ):
        read(files, "asvspoof2021-la", subset="test")
    with pytest.raises(corpora.CorpusError, match=r"trim 'long'.* there are eval notrim 2, hidden"):
        read(files, "asvspoof2021-la", trim="long")


def test_2021_df(small):
    assert rows_by_id(read(small("asvspoof2021-df"), "asvspoof2021-df")) == {
        "DF_E_1": (
            *("LA_0023", "A14", "spoof", "eval"),
            {"codec": "nocodec", "source": "asvspoof", "vocoder": "traditional_vocoder"},
        ),
        "DF_E_2": (
            *("TEF2", "-", "bonafide", "eval"),
            {"codec": "low_mp3", "source": "vcc2020", "vocoder": "bonafide"},
        ),
    }


def test_2021_pa_has_the_device_as_attack(small):
    assert rows_by_id(read(small("asvspoof2021-pa"), "asvspoof2021-pa")) == {
        "PA_E_1": ("PA_0010", "s4", "spoof", "eval", {"environment": "R3-M3-d4"}),
        "PA_E_2": ("PA_0010", "-", "bonafide", "eval", {"environment": "R3-M3-D4"}),
    }


@pytest.mark.parametrize("keys", ["keys/DF/CM/", "DF-keys-full/keys/DF/CM/", "DF/CM/"])
@pytest.mark.parametrize(
    "audio",
    ["ASVspoof2021_DF_eval/flac/", "ASVspoof2021_DF_eval_part03/ASVspoof2021_DF_eval/flac/"],
)
def test_2021_as_people_unpack_it(dict_files, keys, audio):
    files = dict_files(
        {
            f"{keys}trial_metadata.txt": LAYOUTS["asvspoof2021-df"][
                "keys/DF/CM/trial_metadata.txt"
            ],
            f"{audio}DF_E_1.flac": b"abc",
        }
    )
    corpus = read(files, "asvspoof2021-df")
    assert corpus.utterances[0].path == f"{audio}DF_E_1.flac"
    assert set(corpus.audio) == {f"{audio}DF_E_1.flac"}
    assert corpus.utterances[1].path == "ASVspoof2021_DF_eval/flac/DF_E_2.flac"


def test_5_in_both_forms(small):
    corpus = read(small("asvspoof5"), "asvspoof5")
    assert rows_by_id(corpus) == {
        "T_001": ("T_1", "A05", "spoof", "train", {"gender": "F"}),
        "T_002": ("T_1", "-", "bonafide", "train", {"gender": "F"}),
        "D_001": ("D_1", "A09", "spoof", "dev", {"gender": "M"}),
        "E_001": ("E_1", "A17", "spoof", "eval", {"gender": "M", "codec": "C5"}),
    }
    assert corpus.utterances[-1].path == "flac_E_eval/E_001.flac"


@pytest.mark.parametrize("folder", ["", "protocols/"])
def test_5_with_protocols_elsewhere(dict_files, folder):
    content = {
        path.replace("ASVspoof5_protocols/", folder): data
        for path, data in LAYOUTS["asvspoof5"].items()
    }
    assert len(read(dict_files(content), "asvspoof5").utterances) == 4
    # The older names, with the older form.
    older = {
        path.replace("track_1.tsv", "metadata.txt").replace("train.tsv", "train.metadata.txt"): data
        for path, data in content.items()
    }
    assert len(read(dict_files(older), "asvspoof5").utterances) == 4


@pytest.mark.parametrize(
    ("layout", "line", "part"),
    [
        ("asvspoof2019-pa", "S1 U1 aaa AA", "expected 5 columns, got 4"),
        ("asvspoof2019-pa", "S1 U1 aaa - spoof", "expected the name of an attack for a spoof"),
        ("asvspoof2019-pa", "S1 U1 aaa AA bonafide", "bona fide trial, got 'AA'"),
        (
            "asvspoof2021-la",
            "S U alaw ita_tx A07 fake notrim eval",
            "key in column 6, got 'fake'",
        ),
        (
            "asvspoof2021-la",
            "S U alaw ita_tx A07 spoof notrim all",
            "as the subset, got 'all'",
        ),
        ("asvspoof2021-la", "S U alaw ita_tx A07 spoof notrim", "expected 8 columns, got 7"),
        (
            "asvspoof2021-df",
            "S U c s bonafide spoof notrim eval v - - - -",
            "expected the name of an attack for a spoof",
        ),
        ("asvspoof2021-pa", "S a/b R3 M3 d4 r1 m1 s4 c4 spoof notrim eval", "path separator"),
        ("asvspoof5", "T_1 T_3 F - - AC1 A05 spoof -", "expected 10 columns, got 9"),
        ("asvspoof5", "T_1 T_3 F - A05 spoof", "expected 10 columns, got 6"),
        ("asvspoof5", "T_1 T_001 F - - - AC1 A05 spoof -", "'T_001' was already used at"),
    ],
)
def test_malformed_lines_are_named(small, layout, line, part):
    path = min(path for path in LAYOUTS[layout] if "train" in path or "metadata" in path)
    text = LAYOUTS[layout][path].rstrip() + f"\n\n{line}\n".encode()
    with pytest.raises(corpora.CorpusError) as caught:
        read(
            small(layout, files={path: text}),
            layout,
            **({"subset": "all"} if "2021" in layout else {}),
        )
    assert part in str(caught.value)
    last = len(text.splitlines())
    assert f"{path}:{last}" in str(caught.value)


@pytest.mark.parametrize("layout", ["asvspoof2019-pa", "asvspoof2021-la", "asvspoof5"])
def test_an_empty_protocol_is_named(small, layout):
    path = min(path for path in LAYOUTS[layout] if "train" in path or "metadata" in path)
    with pytest.raises(corpora.CorpusError, match="the file is empty"):
        read(small(layout, files={path: b"\r\n  \n"}), layout)
