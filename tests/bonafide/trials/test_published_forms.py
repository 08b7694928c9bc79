"""Score files and protocols in the forms in which systems publish them."""

import gzip

import numpy as np
import pytest

from bonafide.storage.text_files import FileError, decode_text
from bonafide.trials.keys import KeyWords
from bonafide.trials.protocols import parse_protocol
from bonafide.trials.score_files import match, parse_scores, with_folders

PROTOCOL = parse_protocol(
    "LA_1 U1 - - bonafide\nLA_1 U2 - A07 spoof\nLA_2 U3 - - bonafide\nLA_2 U4 - A07 spoof\n"
    "LA_2 U5 - A07 spoof\n",
    where="a00.trl",
)
SCORES = [2.5, -1.0, 1.5, -2.0, 0.0]
ONE_IS_BONAFIDE = KeyWords("1", "0")

SCORE_FILES = {
    "A00 as the system of bona fide rows": (
        "U1 A00 bonafide 2.5\nU2 A07 spoof -1\nU3 A00 bonafide 1.5\nU4 A07 spoof -2\n"
        "U5 A07 spoof 0\n"
    ),
    "six columns": (
        "LA_1 U1 - - bonafide 2.5\nLA_1 U2 - A07 spoof -1\nLA_2 U3 - - bonafide 1.5\n"
        "LA_2 U4 - A07 spoof -2\nLA_2 U5 - A07 spoof 0\n"
    ),
    "speaker, utterance, score and key": (
        "LA_1 U1 2.5 bonafide\nLA_1 U2 -1 spoof\nLA_2 U3 1.5 bonafide\nLA_2 U4 -2 spoof\n"
        "LA_2 U5 0 spoof\n"
    ),
    "utterance, score and label": (
        "U1 2.5 bonafide\nU2 -1 spoof\nU3 1.5 bonafide\nU4 -2 spoof\nU5 0 spoof\n"
    ),
    "utterance, label and score": (
        "U1 bonafide 2.5\nU2 spoof -1\nU3 bonafide 1.5\nU4 spoof -2\nU5 spoof 0\n"
    ),
    "commas without a header": "U1,2.5\nU2,-1\nU3,1.5\nU4,-2\nU5,.0\n",
    "semicolons and keys without a header": (
        "U1;2.5;bonafide\nU2;-1;spoof\nU3;1.5;bonafide\nU4;-2;spoof\nU5;0;spoof\n"
    ),
}


@pytest.mark.parametrize("form", SCORE_FILES)
def test_score_files_are_read_as_they_are(form):
    found = match(parse_scores(SCORE_FILES[form], where="scores.txt"), PROTOCOL)
    assert found.scores.tolist() == SCORES
    assert found.speakers.tolist() == ["LA_1", "LA_1", "LA_2", "LA_2", "LA_2"]


def test_a_key_in_another_column_is_still_held_against_the_protocol():
    for form in ("six columns", "utterance, score and label"):
        text = SCORE_FILES[form].replace("bonafide", "spoof", 1)
        with pytest.raises(FileError, match=r"U1 .key spoof, in the protocol bonafide"):
            match(parse_scores(text, where="scores.txt"), PROTOCOL)
    text = SCORE_FILES["A00 as the system of bona fide rows"].replace("A07", "A00", 1)
    with pytest.raises(FileError, match=r"U2 .system A00, in the protocol A07"):
        match(parse_scores(text, where="scores.txt"), PROTOCOL)


PROTOCOLS = {
    "the key of ASVspoof 5": "filename\tcm-label\nU1\tbonafide\nU2\tspoof\n",
    "speaker, utterance, attack and key": "LA_1 U1 - bonafide\nLA_2 U2 A11 spoof\n",
    "utterance and key": "U1 bonafide\nU2 spoof\n",
    "utterance and key, other words": "U1 genuine\nU2 fake\n",
    "commas without a header": "U1,real\nU2,fake\n",
}


@pytest.mark.parametrize("form", PROTOCOLS)
def test_protocols_are_read_as_they_are(form):
    found = parse_protocol(PROTOCOLS[form], where="protocol.txt")
    assert found.utterances == ["U1", "U2"]
    assert found.is_bonafide == [True, False]
    named = form.startswith("speaker")
    assert found.attacks == ["-", "A11" if named else "spoof"]
    assert found.speakers == (["LA_1", "LA_2"] if named else None)


def test_numbers_as_keys_are_asked_about_and_answered_by_an_option():
    for text in ("U1 1\nU2 0\n", "utterance,key\nU1,1\nU2,0\n"):
        with pytest.raises(FileError, match=r"Numbers are refused.*--keys 1,0") as refused:
            parse_protocol(text, where="protocol.txt")
        assert "protocol.txt:" in str(refused.value)
        found = parse_protocol(text, where="protocol.txt", key_words=ONE_IS_BONAFIDE)
        assert found.is_bonafide == [True, False]
    # In the layouts of ASVspoof, too.
    text = "S U1 - - 1\nS U2 - A07 0\n"
    found = parse_protocol(text, where="protocol.txt", key_words=ONE_IS_BONAFIDE)
    assert (found.is_bonafide, found.attacks) == ([True, False], ["-", "A07"])
    with pytest.raises(FileError, match="--keys"):
        parse_scores("U1 2.5 1\nU2 1.5 0\n", where="scores.txt")
    found = parse_scores("U1 2.5 1\nU2 1.5 0\n", where="scores.txt", key_words=ONE_IS_BONAFIDE)
    assert found.keys == ["bonafide", "spoof"]


def test_columns_can_be_named_where_guessing_would_be_wrong():
    found = parse_scores(
        "0.1 U1 2.5 x\n0.2 U2 1.5 y\n", where="scores.txt", columns=("-", "utterance", "score", "-")
    )
    assert (found.utterances, found.scores.tolist()) == (["U1", "U2"], [2.5, 1.5])
    found = parse_protocol(
        "spoof,A07,U1,LA_1\nbonafide,,U2,LA_2\n",
        where="protocol.txt",
        columns=("key", "attack", "utterance", "speaker"),
    )
    assert (found.attacks, found.speakers) == (["A07", "-"], ["LA_1", "LA_2"])
    with pytest.raises(FileError, match="expected 2 columns separated by spaces, got 3"):
        parse_scores("U1 2.5 x\n", where="scores.txt", columns=("utterance", "score"))


def test_ids_match_by_the_folders_that_both_have():
    protocol = parse_protocol("spk1/0001 bonafide\nspk2/0001 spoof\nspk2/2 spoof\n", where="p")
    text = "/data/wav/spk2/0001.wav -1\n/data/wav/spk1/0001.wav 2\n/data/wav/spk2/2.wav 0\n"
    assert match(parse_scores(text, where="s"), protocol).scores.tolist() == [2.0, -1.0, 0.0]
    with pytest.raises(FileError, match="1 trial of 3 without a score"):
        match(parse_scores(text.replace("spk1/0001", "spk3/0001"), where="s"), protocol)
    assert with_folders("a\\b\\c.flac", 1) == "b/c"
    assert with_folders("c.flac", 3) == "c"


def test_rows_of_our_own_scores_that_failed_are_left_out():
    text = (
        "path,score,probability,decision,seconds,segments,error\n"
        "flac/U1.flac,2.5,0.9,bona fide,1.0,1,\nflac/U2.flac,,,,,,cut off: 5 bytes fewer\n"
        "flac/U3.flac,1.5,0.8,bona fide,1.0,1,\nflac/U4.flac,-2,0.1,spoof,1.0,1,\n"
        "flac/U5.flac,0,0.5,spoof,1.0,1,\n"
    )
    scores = parse_scores(text, where="scores.csv")
    assert scores.failed == ("flac/U2.flac",)
    found = match(scores, PROTOCOL)
    assert found.utterances.tolist() == ["U1", "U3", "U4", "U5"]
    assert found.scores.tolist() == [2.5, 1.5, -2.0, 0.0]
    assert found.speakers.tolist() == ["LA_1", "LA_2", "LA_2", "LA_2"]
    # An empty score without a reason is an error as before.
    with pytest.raises(FileError, match="expected a number as the score, got ''"):
        parse_scores(text.replace("cut off: 5 bytes fewer", ""), where="scores.csv")


def test_files_in_other_encodings_are_read():
    text = "U1 2.5\nU2 -1\nU3 1.5\nU4 -2\nU5 0\n"
    for data in (
        text.encode("utf-16"),
        text.encode("utf-16-be").join([b"\xfe\xff", b""]),
        gzip.compress(text.encode()),
        text.replace("\n", "\r").encode(),
        text.replace("\n", "\r\n").encode("utf-8-sig"),
    ):
        scores = parse_scores(decode_text(data, "scores.txt"), where="scores.txt")
        assert np.array_equal(match(scores, PROTOCOL).scores, SCORES)
    with pytest.raises(
        FileError, match=r"scores\.gz: begins as a gzip file and cannot be unpacked"
    ):
        decode_text(gzip.compress(text.encode())[:-9], "scores.gz")
    with pytest.raises(FileError, match="not a UTF-8 text file"):
        decode_text("Uä 1".encode("latin-1"), "scores.txt")
