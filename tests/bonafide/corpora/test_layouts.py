"""What holds for every layout, on a small faithful copy of each."""

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpora import LAYOUTS, DictFiles

from bonafide import corpora
from bonafide.corpora import base
from bonafide.storage.local_files import LocalFiles
from bonafide.trials.ids import file_name_problem

TEXTS = (".txt", ".tsv", ".csv")


def read(files, layout, **options):
    chosen = corpora.Options(**options)
    return corpora.reader(layout)(files, corpus_name="c", options=chosen)


def without_places(corpus):
    """The rows in any order, without the lines that they came from."""
    rows = [dataclasses.replace(row, source="") for row in corpus.utterances]
    return sorted(rows, key=lambda row: row.utterance_id)


def test_every_layout_has_a_copy_here():
    assert {*LAYOUTS, "mixture"} == set(corpora.LAYOUTS)  # which has no files of its own


def test_a_small_copy_is_read(layout, small):
    corpus = read(small(layout), layout, **({"subset": "all"} if "2021" in layout else {}))
    ids = [row.utterance_id for row in corpus.utterances]
    assert len(set(ids)) == len(ids) >= 2
    for row in corpus.utterances:
        assert row.split in base.SPLITS
        assert (row.key == "bonafide") == (row.system_id == "-")
        assert row.path in corpus.audio or row.path == "gs://bucket/3.flac"
        assert row.source
        assert row.corpus == "c"
        assert {name for name, _ in row.extra} <= set(base.EXTRA_NAMES)
        assert all(value for _, value in row.extra)
        for name in (row.utterance_id, row.speaker_id, row.system_id):
            # As score files and protocols want it, whose columns are separated by spaces.
            assert name.split() == [name]
            assert file_name_problem(name) is None


def test_auto_recognises_it(layout, small):
    files = small(layout)
    assert corpora.layout_of(files, corpora.AUTO) == layout
    found = read(files, "auto")
    assert found.layout == layout
    assert found.notes[0] == f"the layout is {layout}"
    assert found.utterances == read(small(layout), layout).utterances


def test_another_layout_is_refused_in_words(layout, small):
    for other in LAYOUTS:
        # A manifest and two folders say nothing about each other, nor does MLAAD of its real side.
        if other != layout and (layout, other) != ("mlaad", "folders"):
            with pytest.raises(corpora.CorpusError, match="corpus root dict"):
                read(small(layout), other)


def test_another_layout_is_recognised_when_one_was_named(small):
    with pytest.raises(corpora.CorpusError) as caught:
        read(small("in-the-wild"), "asvspoof2019-la")
    assert "no ASVspoof 2019 LA protocol file found" in str(caught.value)
    assert str(caught.value).endswith(
        "It looks like in-the-wild: set corpus.layout=in-the-wild (--layout in-the-wild)"
    )


def test_auto_lists_what_is_there_where_no_layout_is(dict_files):
    with pytest.raises(corpora.CorpusError) as caught:
        corpora.layout_of(dict_files({"a/b/1.wav": b"x", "2.opus": b"x"}, root="/data"), "auto")
    assert "no supported layout found. Layouts: asvspoof2019-la" in str(caught.value)
    assert "Audio files by folder: a/b/ 1, ./ 1" in str(caught.value)
    assert "real/SPEAKER/*.wav    fake/SYSTEM/SPEAKER/*.wav" in str(caught.value)


@pytest.mark.parametrize("layout", ["auto", "asvspoof2019-la", "folders", "in-the-wild"])
def test_a_root_without_audio_is_explained(tmp_path, layout):
    def problem(root):
        with pytest.raises(corpora.CorpusError) as caught:
            read(LocalFiles(str(root)), layout)
        return str(caught.value)

    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("x")
    assert problem(tmp_path / "corpsu") == (
        f"expected the folder of a corpus, got {tmp_path}/corpsu, which does not exist. "
        f"{tmp_path} has empty, texts."
    )
    assert problem(tmp_path / "empty").startswith("expected a corpus, got the empty folder")
    assert "got the file" in problem(tmp_path / "texts" / "notes.txt")
    assert "expected audio, got 1 file without any (.txt 1)" in problem(tmp_path / "texts")


@pytest.mark.parametrize(
    ("layout", "lost", "part"),
    [
        (
            "asvspoof2019-pa",
            "PA/ASVspoof2019_PA_cm_protocols/ASVspoof2019.PA.cm.dev.trl.txt",
            "asvspoof2019-pa: corpus root dict: missing protocol file PA/",
        ),
        (
            "asvspoof5",
            "ASVspoof5_protocols/ASVspoof5.eval.track_1.tsv",
            "asvspoof5: corpus root dict: missing protocol file ASVspoof5_protocols/ASVspoof5.eval",
        ),
        (
            "asvspoof2019-tfrecord",
            "asvspoof/valid00-1.tfrec",
            "TFRecord files of test, train and none of valid",
        ),
    ],
)
def test_auto_says_what_is_missing(small, layout, lost, part):
    with pytest.raises(corpora.CorpusError) as caught:
        corpora.layout_of(small(layout, files={lost: None}), "auto")
    assert "Partial matches" in str(caught.value)
    assert part in str(caught.value)


def test_auto_asks_when_two_layouts_are_there(dict_files):
    both = LAYOUTS["asvspoof2021-la"] | LAYOUTS["asvspoof2021-df"]
    with pytest.raises(corpora.CorpusError, match="looks like asvspoof2021-la and asvspoof2021-df"):
        corpora.layout_of(dict_files(both), "auto")


def test_a_special_layout_goes_before_a_general_one(dict_files):
    both = LAYOUTS["manifest"] | LAYOUTS["in-the-wild"]
    assert corpora.layout_of(dict_files(both), "auto") == "in-the-wild"
    named = corpora.Options(manifest="manifest.csv")
    assert corpora.layout_of(dict_files(both), "auto", named) == "manifest"


def test_auto_does_not_list_everything_without_need(small):
    files = small("asvspoof2019-la")
    files.walk = files.list = lambda folder: pytest.fail(f"lists {folder}") if not folder else {}
    assert corpora.layout_of(files, "auto") == "asvspoof2019-la"


def test_auto_lists_each_folder_once(small):
    files = small("folders")
    asked = []
    inner = files.walk
    files.walk = lambda folder: asked.append(folder) or inner(folder)
    read(files, "auto")
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("layout", "options", "part"),
    [
        (
            "asvspoof2019-la",
            {"subset": "hidden"},
            r"asvspoof2019-la \(none\), got subset \(corpus.options\)",
        ),
        ("wavefake", {"dev_fraction": 0.2}, r"wavefake \(split\), got"),
        ("in-the-wild", {"trim": "trim", "key_column": "x"}, "key_column, trim"),
        ("auto", {"trim": "notrim"}, "options of the corpus layout in-the-wild .*, got trim"),
    ],
)
def test_an_option_of_another_layout_is_refused(small, layout, options, part):
    with pytest.raises(corpora.CorpusError, match=part):
        read(small("in-the-wild"), layout, **options)


def mess(data, blanks, draw):
    """The same text as other programs write it."""
    lines = data.decode().split("\n")
    padded = [
        line + draw.choice(["", "  ", "\r", " \r"]) + "\n" * draw.randint(1, blanks)
        for line in lines
    ]
    return b"\xef\xbb\xbf" + ("\r\n" + "".join(padded)).encode()


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(sorted(LAYOUTS)), seed=st.integers(0, 2**32))
def test_line_ends_blank_lines_and_order_change_nothing(name, seed):
    draw = random.Random(seed)
    content = dict(LAYOUTS[name])
    shuffled = list(content)
    draw.shuffle(shuffled)
    messy = {}
    for path in shuffled:
        data = content[path]
        if path.endswith(TEXTS):
            lines = data.strip().split(b"\n")
            header, body = (lines[:1], lines[1:]) if path.endswith(".csv") else ([], lines)
            draw.shuffle(body)
            data = mess(b"\n".join(header + body), 3, draw)
        messy[path] = data
    plain, other = (read(DictFiles(files), name) for files in (content, messy))
    assert without_places(plain) == without_places(other)
    assert plain.audio == other.audio


def spoilt(name, draw):
    """The content of a layout with one file of text or records changed at random places."""
    content = dict(LAYOUTS[name])
    paths = sorted(path for path in content if path.endswith((*TEXTS, ".tfrec")))
    if not paths:
        return content
    path = draw.choice(paths)
    data = bytearray(content[path])
    pieces = [
        b",",
        b"\t",
        b'"',
        b"\n",
        b"\r",
        b" ",
        b"-",
        b"|",
        b"..",
        b"/",
        b"{",
        b"\x00",
        b"\xff",
    ]
    pieces += [
        char.encode() for char in ("é", "\u2028", "\u00a0", "\x1c", "\n\x0c\n", "bonafide", "spoof")
    ]
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(data))
        match draw.randint(0, 2):
            case 0:
                data[at : at + draw.randint(0, 6)] = b""
            case 1:
                data[at:at] = draw.choice(pieces)
            case 2:
                data[at : at + 1] = bytes([draw.randrange(256 if draw.random() < 0.1 else 128)])
    return content | {path: bytes(data)}


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(LAYOUTS)), seed=st.integers(0, 2**32))
def test_what_is_spoilt_is_read_or_refused_in_words(name, seed):
    files = DictFiles(spoilt(name, random.Random(seed)))
    try:
        corpus = read(files, name)
    except corpora.CorpusError:
        return
    for row in corpus.utterances:
        assert file_name_problem(row.utterance_id) is None
        assert row.utterance_id
        assert row.split in base.SPLITS
        assert (row.key == "bonafide") == (row.system_id == "-")


def test_a_manifest_beside_two_folders_says_what_they_are(dict_files):
    files = dict_files(LAYOUTS["folders"] | LAYOUTS["manifest"])
    assert corpora.layout_of(files, "auto") == "manifest"
