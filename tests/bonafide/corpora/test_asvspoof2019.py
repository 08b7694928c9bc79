import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide import corpora
from bonafide.corpora import asvspoof2019, asvspoof_protocols
from bonafide.storage.text_files import FileError
from bonafide.trials.ids import file_name_problem

TRAIN = "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt"
DEV = "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt"
EVAL = "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt"


def content(prefix="LA/", **changes):
    files = {
        "train": b"S1 T1 - - bonafide\nS1 T2 - A01 spoof\n",
        "dev": b"S2 D1 - - bonafide\n",
        "eval": b"S3 E1 - A07 spoof\n",
    } | changes
    return {
        prefix + TRAIN: files["train"],
        prefix + DEV: files["dev"],
        prefix + EVAL: files["eval"],
        prefix + "ASVspoof2019_LA_train/flac/T1.flac": b"abc",
        prefix + "ASVspoof2019_LA_train/flac/T2.wav": b"abcd",
    }


def parse(text):
    _, lines = asvspoof_protocols.parse(text, "p.txt", [asvspoof2019.TRACKS["LA"]])
    return [trial for _, trial in lines]


def fails(line, *parts):
    with pytest.raises(FileError) as caught:
        parse(f"S1 T1 - - bonafide\n\n{line}\n")
    for part in ("p.txt:3", "SPEAKER UTTERANCE - ATTACK KEY", *parts):
        assert part in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "LA/", "LA/LA/"])
def test_finds_the_corpus_above_at_and_below_la(dict_files, prefix):
    files = dict_files(content(prefix))
    corpus = asvspoof2019.reader("LA")(files, corpus_name="mine")
    assert corpus.utterances[1] == corpora.Utterance(
        utterance_id="T2",
        speaker_id="S1",
        system_id="A01",
        key="spoof",
        split="train",
        path=f"{prefix}ASVspoof2019_LA_train/flac/T2.wav",
        corpus="mine",
        source=f"{prefix}{TRAIN}:2",
    )
    assert [row.split for row in corpus.utterances] == ["train", "train", "dev", "eval"]
    assert corpus.protocols == (prefix + TRAIN, prefix + DEV, prefix + EVAL)
    assert corpus.audio[f"{prefix}ASVspoof2019_LA_train/flac/T1.flac"].size_bytes == 3
    assert files.listings == 3  # One per folder, not one question per utterance.
    # No file: the path is the one that was expected, and it is not among the audio.
    assert corpus.utterances[2].path == f"{prefix}ASVspoof2019_LA_dev/flac/D1.flac"
    assert corpus.utterances[2].path not in corpus.audio


def test_real_protocols(dict_files, golden_protocols):
    corpus = asvspoof2019.reader("LA")(dict_files(golden_protocols), corpus_name="la")
    counts = collections.Counter((row.split, row.key) for row in corpus.utterances)
    assert counts == {
        ("train", "bonafide"): 2580,
        ("train", "spoof"): 22800,
        ("dev", "bonafide"): 2548,
        ("dev", "spoof"): 22296,
        ("eval", "bonafide"): 7355,
        ("eval", "spoof"): 63882,
    }


def test_no_protocol_names_the_paths_tried(dict_files):
    with pytest.raises(corpora.CorpusError) as caught:
        asvspoof2019.reader("LA")(dict_files({}, root="/data"), corpus_name="x")
    for part in ("/data", TRAIN, "LA/" + DEV, "LA/LA/" + EVAL):
        assert part in str(caught.value)


def test_one_protocol_missing_is_named(dict_files):
    files = content()
    del files["LA/" + DEV]
    with pytest.raises(corpora.CorpusError, match=r"missing protocol file LA/.*dev\.trl\.txt"):
        asvspoof2019.reader("LA")(dict_files(files), corpus_name="x")


def test_malformed_lines():
    fails("S1 T2 - spoof", "expected 5 columns, got 4", "'S1 T2 - spoof'")
    fails("S1 T2 - A01 spoof extra", "expected 5 columns, got 6")
    fails("S1 T2 - A01 fake", "expected 'bonafide' or 'spoof' as the key in column 5, got 'fake'")
    fails("S1 T2 - A01 bonafide", "as the attack of a bona fide trial, got 'A01'")
    fails("S1 T2 - - spoof", "expected the name of an attack for a spoof, got '-'")
    fails("S1 T2 A01 - spoof", "expected '-' in column 3, got 'A01'")
    fails("S1 a/T2 - A01 spoof", "path separator")
    fails(r"S1 a\T2 - A01 spoof", "path separator")
    fails("S1 ..T2 - A01 spoof", "'..'")
    fails("S1 T\0002 - A01 spoof", "control characters")
    fails("S1 T2 - A\0001 spoof", "control characters")


@pytest.mark.parametrize("text", ["", "\n\n", "  \r\n\t\n"])
def test_empty_protocol(text):
    with pytest.raises(
        FileError, match=r"p\.txt: the file is empty; expected SPEAKER UTTERANCE - "
    ):
        parse(text)


def test_crlf_bom_blank_lines_and_trailing_blanks(dict_files):
    plain = asvspoof2019.reader("LA")(dict_files(content()), corpus_name="x")
    messy = b"\xef\xbb\xbfS1 T1 - - bonafide \r\nS1\tT2 -  A01 spoof\t\r\n\r\n"
    assert asvspoof2019.reader("LA")(dict_files(content(train=messy)), corpus_name="x") == plain


def test_the_public_reader_raises_corpus_errors_alone(dict_files):
    for text in (b"\xff\xfe\x00", b"S1 T1 - bonafide\n", b"\n"):
        with pytest.raises(corpora.CorpusError, match=r"train\.trn\.txt"):
            corpora.reader("asvspoof2019-la")(dict_files(content(train=text)), corpus_name="x")


def test_binary_protocol_is_refused(dict_files):
    with pytest.raises(FileError, match=r"train\.trn\.txt: not a UTF-8 text"):
        asvspoof2019.reader("LA")(dict_files(content(train=b"\xff\xfe\x00")), corpus_name="x")


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"train": b"S1 T1 - - bonafide\nS1 T1 - - bonafide\n"}, ("train.trn.txt:1", "txt:2")),
        ({"eval": b"S3 T1 - A07 spoof\n"}, ("train.trn.txt:1", "eval.trl.txt:1")),
    ],
)
def test_duplicate_names_both_places(dict_files, changes, places):
    with pytest.raises(corpora.CorpusError) as caught:
        asvspoof2019.reader("LA")(dict_files(content(**changes)), corpus_name="x")
    assert all(place in str(caught.value) for place in ("'T1'", *places))


def test_lone_cr_line_ends_do_not_print_the_file():
    with pytest.raises(FileError) as caught:
        parse("\r".join(["S1 U1 - - bonafide"] * 1000))
    assert len(str(caught.value)) < 600


def test_unknown_layout_lists_the_known():
    with pytest.raises(corpora.CorpusError, match="Did you mean 'asvspoof2019-la'"):
        corpora.reader("asvspoof2019_la")


IDS = st.text("ABCxyz_0129-.é", min_size=1, max_size=12).filter(lambda text: ".." not in text)


@given(st.lists(st.tuples(IDS, IDS, st.one_of(st.none(), IDS.filter(lambda t: t != "-")))))
def test_what_is_written_is_read_back(rows):
    lines = [
        f"{speaker} {utterance} - {system or '-'} {'spoof' if system else 'bonafide'}"
        for speaker, utterance, system in rows
    ]
    if not rows:
        return
    parsed = parse("\r\n".join(lines))
    assert [(r.speaker, r.utterance, r.attack) for r in parsed] == [
        (speaker, utterance, system or "-") for speaker, utterance, system in rows
    ]
    assert [r.key == "spoof" for r in parsed] == [system is not None for *_, system in rows]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_the_place(text):
    try:
        rows = parse(text)
    except FileError as error:
        rows, message = [], str(error)
        assert message.startswith("p.txt:")
    for row in rows:
        assert file_name_problem(row.utterance) is None
        assert (row.key == "bonafide") == (row.attack == "-")


def test_a_line_of_a_form_feed_alone_is_refused():
    with pytest.raises(FileError, match=r"p\.txt:1: expected 5 columns separated by spaces, got 1"):
        parse("\x0c\nS1 T1 - - bonafide\n")
