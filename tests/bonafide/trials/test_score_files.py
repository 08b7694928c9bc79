import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.storage.text_files import FileError
from bonafide.trials.protocols import parse_protocol
from bonafide.trials.score_files import (
    is_number,
    match,
    parse_scores,
    protocol_lines,
    read_scores,
    score_lines,
    submission_lines,
    without_extension,
    without_folder,
)
from bonafide.trials.trials import make_trials

PROTOCOL = parse_protocol(
    "S1 U1 - - bonafide\nS2 U2 - A07 spoof\nS1 U3 - A08 spoof\nS3 U4 - - bonafide\n",
    where="protocol.txt",
)
SCORES = [2.5, -1.25, 0.0, 0.001]  # of U1, U2, U3, U4

# The same four scores in every form, never in the protocol's order.
FORMS = {
    "two columns": "U3 0.0\nU1 2.5\nU4 1e-3\nU2 -1.25\n",
    "two columns with tabs": "U3\t0.0\nU1\t2.5\nU4\t1e-3\nU2\t-1.25\n",
    "four columns": (
        "U3 A08 spoof 0.0\nU1 - bonafide 2.5\nU4 bonafide bonafide 1e-3\nU2 A07 spoof -1.25\n"
    ),
    "ASVspoof 5": "filename\tcm-score\nU3\t0.0\nU1\t2.5\nU4\t1e-3\nU2\t-1.25\n",
    "ASVspoof 5, track 2": (
        "filename\tcm-score\tsasv-score\tasv-score\n"
        "U3\t0.0\t9\t8\nU1\t2.5\t9\t8\nU4\t1e-3\t9\t\nU2\t-1.25\tx\t8\n"
    ),
    "CSV": "utterance,score\nU3,0.0\nU1,2.5\nU4,1e-3\nU2,-1.25\n",
    "CSV in another order": "score,x,Utt_ID\n0.0,1,U3\n2.5,,U1\n1e-3,1,U4\n-1.25,1,U2\n",
    "CSV with quotes and blanks": '"file", "CM_Score"\n"U3", 0.0\nU1 ,"2.5"\nU4,1e-3\nU2,-1.25\n',
    "CSV with semicolons": "path;score\nU3;0.0\nU1;2.5\nU4;1e-3\nU2;-1.25\n",
    "CSV with system and key": (
        "key,system,utterance,score\nspoof,A08,U3,0.0\nbonafide,,U1,2.5\nGenuine,-,U4,1e-3\n"
        "fake,A07,U2,-1.25\n"
    ),
    "JSON Lines": (
        '{"file": "U3", "score": 0.0}\n{"file": "U1", "score": 2.5, "note": "x"}\n'
        '{"score": 1e-3, "file": "U4"}\n{"file": "U2", "score": "-1.25"}\n'
    ),
    "a header between blanks": "utterance score\nU3 0.0\nU1 2.5\nU4 1e-3\nU2 -1.25\n",
}


def scores_of(text):
    return parse_scores(text, where="scores.txt")


def protocol_of(text):
    return parse_protocol(text, where="protocol.txt")


def refusal(text, protocol=None):
    """The message about a score file, or about a score file and a protocol."""
    with pytest.raises(FileError) as caught:
        scores_of(text) if protocol is None else match(scores_of(text), protocol)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_trials_in_the_order_of_the_protocol(form):
    trials = match(scores_of(FORMS[form]), PROTOCOL)
    assert trials.utterances.tolist() == ["U1", "U2", "U3", "U4"]
    assert trials.scores.tolist() == SCORES
    assert trials.is_bonafide.tolist() == [True, False, False, True]
    assert trials.attacks.tolist() == ["-", "A07", "A08", "-"]
    assert trials.speakers.tolist() == ["S1", "S2", "S1", "S3"]


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\ufeff" + text.replace("\n", "\r\n") + "\r\n",
        lambda text: text + "\n\n  \n\t\n",
        lambda text: text.removesuffix("\n"),
        lambda text: "\n\r\n" + text.replace("\n", "\n\n"),
    ],
    ids=["CRLF", "BOM", "BOM and CRLF", "blank at the end", "no last line end", "blank between"],
)
@pytest.mark.parametrize("form", FORMS)
def test_line_ends_byte_order_marks_and_blank_lines_do_not_matter(form, changed):
    plain, other = scores_of(FORMS[form]), scores_of(changed(FORMS[form]))
    assert other.utterances == plain.utterances == ["U3", "U1", "U4", "U2"]
    assert other.scores.tolist() == plain.scores.tolist() == [0.0, 2.5, 0.001, -1.25]
    assert other.systems == plain.systems
    assert other.keys == plain.keys


def test_a_file_is_kept_line_by_line():
    found = scores_of("\n" + FORMS["four columns"])
    assert found.where == "scores.txt"
    assert found.utterances == ["U3", "U1", "U4", "U2"]
    assert found.scores.dtype == np.float64
    assert found.lines == [2, 3, 4, 5]
    assert found.systems == ["A08", "-", "bonafide", "A07"]
    assert found.keys == ["spoof", "bonafide", "bonafide", "spoof"]
    assert scores_of(FORMS["CSV"]).lines == [2, 3, 4, 5]
    two = scores_of(FORMS["two columns"])
    assert (two.systems, two.keys) == (None, None)


def test_keys_of_a_file_with_a_header_become_two_words():
    found = scores_of(FORMS["CSV with system and key"])
    assert found.keys == ["spoof", "bonafide", "bonafide", "spoof"]
    assert found.systems == ["A08", "", "-", "A07"]


def test_the_best_name_of_a_column_wins():
    found = scores_of("id,utterance,cm-score,score\n1,U1,9,0.5\n2,U2,8,0.25\n")
    assert found.utterances == ["U1", "U2"]
    assert found.scores.tolist() == [0.5, 0.25]


def test_a_column_of_the_protocol_may_stand_alone_in_a_header():
    found = scores_of("utterance,score,key\nU1,0.5,bona-fide\nU2,0.25,deepfake\n")
    assert (found.systems, found.keys) == (None, ["bonafide", "spoof"])


def test_a_file_is_read_from_disk(tmp_path):
    path = tmp_path / "scores.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "Ué1 0.5\r\nU2 -1\r\n\r\n".encode())
    found = read_scores(path)
    assert found.where == str(path)
    assert found.utterances == ["Ué1", "U2"]
    assert found.scores.tolist() == [0.5, -1.0]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileError, match=r"^cannot read .*none\.txt: No such file"):
        read_scores(tmp_path / "none.txt")
    with pytest.raises(FileError, match=r"^cannot read .*: Is a directory"):
        read_scores(tmp_path)
    path = tmp_path / "wide.txt"
    path.write_bytes("Uä 0.5\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"wide\.txt: not a UTF-8 text file"):
        read_scores(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("U1 0.5\n\nU2 high\n", "scores.txt:3: expected a number as the score, got 'high'"),
        ("U1 0.5\nU2\n", "scores.txt:2: expected 2 columns, got 1"),
        ("U1 0.5\nU2 A07 spoof 0.5\n", "scores.txt:2: expected 2 columns, got 4"),
        ("U1 - bonafide 0.5\nU2 0.5\n", "scores.txt:2: expected 4 columns, got 2"),
        ("U1 - bonafide 0.5\r\n\r\nU2 A07 fakes 1\r\n", "scores.txt:3: unknown key 'fakes'"),
        # Columns in another order: the key is no score.
        ("U1 0.5 - bonafide\n", "scores.txt:1: expected a number as the score, got 'bonafide'"),
        ("U1 1_0\n", "scores.txt:1: expected a number as the score, got '1_0'"),
        ("utterance,score\nU1,0.5\nU2,\n", "scores.txt:3: expected a number as the score, got ''"),
        ("utterance,score\nU1,0.5\nU2\n", "scores.txt:3: expected 2 columns, got 1"),
        ("utterance,score\nU1,0.5,7\n", "scores.txt:2: expected 2 columns, got 3"),
        ("utterance;score\nU1;0,5\n", "scores.txt:2: expected a number as the score, got '0,5'"),
        ("utterance,score\n,0.5\n", "scores.txt:2: the utterance is empty"),
        ("utterance,score,key\nU1,0.5,0\n", "scores.txt:2: unknown key '0'"),
        ("utterance,score,key\nU1,0.5,\n", "scores.txt:2: unknown key ''"),
        ("U1 0.5\nU\x072 0.5\n", r"scores.txt:2: 'U\x072' contains control characters"),
        ("U1 A\x1b7 spoof 0.5\n", r"scores.txt:1: 'A\x1b7' contains control characters"),
        (f"{'U' * 256} 0.5\n", "is longer than 255 characters"),
        # Not a form at all.
        ("\nU1,x\n", "scores.txt:2: expected 2 or 3 or 4 or 6 columns separated by spaces, got 1"),
        # Three columns are utterance, score and key, in either order of the last two.
        ("U1 A07 0.5\n", "scores.txt:1: expected a number as the score, got 'A07'"),
        ("U1 2 3 4 5\n", "expected 2 or 3 or 4 or 6 columns separated by spaces, got 5"),
        (
            "utterance,value\nU1,0.5\n",
            "scores.txt:1: expected 2 or 3 or 4 or 6 columns separated by spaces, got 1",
        ),
    ],
)
def test_a_malformed_line_is_named_with_what_was_expected(text, message):
    found = refusal(text)
    assert message in found.splitlines()[0]
    assert found.splitlines()[1].startswith("  line: '")
    assert found.splitlines()[2].startswith("  expected: ")


def test_a_malformed_line_is_shown():
    assert refusal("U1 0.5\nU2 A07  spoof 0.5\n") == (
        "scores.txt:2: expected 2 columns, got 4\n"
        "  line: 'U2 A07 spoof 0.5'\n"
        "  expected: UTTERANCE SCORE"
    )
    assert refusal("Utterance,Score\nU1,a\n").endswith("  expected: columns utterance, score")


def test_broken_quoting_is_named_with_its_line():
    assert "scores.txt:3: broken quoting" in refusal('utterance,score\nU1,1\n"U2"x,2\nU3,3\n')
    # The line on which the quote was opened, not the end of the file.
    assert "scores.txt:2: broken quoting" in refusal('utterance,score\n"U1,1\nU2,2\nU3,3\n')


def test_the_longest_id_is_allowed():
    assert scores_of(f"{'U' * 255} 0.5\n").utterances == ["U" * 255]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (text, "the file is empty; expected 2 columns: UTT")
            for text in ("", "\ufeff", "\r\n \n")
        ),
        ("utterance,score\n", "expected rows below the header, got none"),
        ("filename\tcm-score\r\n\r\n", "expected rows below the header, got none"),
    ],
)
def test_a_file_without_a_score_is_refused(text, message):
    assert refusal(text).startswith(f"scores.txt: {message}")


@pytest.mark.parametrize("word", ["nan", "NaN", "inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("form", ["{}\t{}\n", "{},{}\n", "{} - bonafide {}\n"])
def test_scores_that_are_not_finite_are_refused(word, form):
    header = {"{}\t{}\n": "filename\tcm-score\n", "{},{}\n": "utterance,score\n"}.get(form, "")
    lines = [form.format(name, score) for name, score in (("U1", 1), ("U2", word), ("U3", word))]
    line = 3 if header else 2
    assert refusal(header + "".join(lines)).startswith(
        f"scores.txt:{line}: expected a finite score, got {float(word)}; 2 of 3 are NaN or infinite"
    )


def test_an_utterance_twice_is_refused_even_with_the_same_score():
    assert refusal("U1 0.5\nU2 0.5\n\nU1 0.5\n") == (
        "scores.txt: expected each utterance once, got 1 duplicate: U1 (lines 1 and 4). "
        "Remove the duplicates"
    )


def test_the_first_repeated_utterances_are_named_and_all_are_counted():
    text = "utterance,score\n" + "".join(f"U{number % 7},{number}\n" for number in range(15))
    assert refusal(text) == (
        "scores.txt: expected each utterance once, got 8 duplicates: U0 (lines 2 and 9), "
        "U1 (lines 3 and 10), U2 (lines 4 and 11), U3 (lines 5 and 12), U4 (lines 6 and 13) "
        "and 3 more. Remove the duplicates"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True), ("-1.5e-3", True), ("nan", True), ("-inf", True), (" 1 ", True),
        ("1_0", False), ("", False), ("1,5", False), ("0x1", False), ("--1", False),
    ],
)  # fmt: skip
def test_what_is_a_number(text, expected):
    assert is_number(text) is expected


def test_a_turned_file_has_other_scores_and_nothing_else_changed():
    found = scores_of(FORMS["four columns"])
    turned = found.negated()
    assert turned.scores.tolist() == [-0.0, -2.5, -0.001, 1.25]
    assert found.scores.tolist() == [0.0, 2.5, 0.001, -1.25]
    for field in dataclasses.fields(found):
        if field.name != "scores":
            assert getattr(turned, field.name) == getattr(found, field.name)


# Which score belongs to which trial.


def test_missing_and_extra_trials_are_named_and_counted():
    assert refusal("U3 0\nX1 1\nU1 2\nX2 3\nX3 4\n", PROTOCOL) == (
        "the scores in scores.txt do not fit the protocol protocol.txt:\n"
        "  2 trials of 4 without a score: U2, U4\n"
        "  3 scores of 5 without a trial: X1, X2, X3\n"
        "  Each trial needs one score, and each score a trial. Check that it is the same split"
    )


def test_one_missing_or_one_extra_trial_is_enough_to_refuse():
    missing = refusal("U1 0\nU2 1\nU3 2\n", PROTOCOL)
    assert "  1 trial of 4 without a score: U4\n" in missing
    assert "without a trial" not in missing
    extra = refusal("U5 9\n" + FORMS["two columns"], PROTOCOL)
    assert "  1 score of 5 without a trial: U5\n" in extra
    assert "without a score" not in extra


def test_only_the_first_five_are_named():
    protocol = protocol_of("".join(f"S T{number} - A07 spoof\n" for number in range(1_207)))
    found = refusal("".join(f"X{number} {number}\n" for number in range(6)), protocol)
    assert "1,207 trials of 1,207 without a score: T0, T1, T2, T3, T4 and 1,202 more\n" in found
    assert "6 scores of 6 without a trial: X0, X1, X2, X3, X4 and 1 more\n" in found


@pytest.mark.parametrize(
    "ids",
    [
        ["U1.flac", "U2.flac", "U3.flac", "U4.flac"],
        ["U1.WAV", "U2.mp3", "U3", "U4.Opus"],
        ["eval/U1", "eval/U2", "eval/U3", "eval/U4"],
        ["/data/a/U1.flac", "b/U2.wav", "./U3", "U4"],
        ["C:\\a\\U1.wav", "a\\U2", "a\\b/U3", "U4"],
    ],
)
def test_extensions_and_folders_are_dropped_where_ids_differ(ids):
    rows = list(zip(ids, SCORES, strict=True))
    text = "".join(f"{name} {score}\n" for name, score in rows[::-1])
    trials = match(scores_of(text), PROTOCOL)
    # The ids are the protocol's.
    assert trials.utterances.tolist() == ["U1", "U2", "U3", "U4"]
    assert trials.scores.tolist() == SCORES
    # The same with both sides changed over.
    keys = ["- bonafide", "A07 spoof", "A08 spoof", "- bonafide"]
    lines = "".join(f"S {name} - {key}\n" for name, key in zip(ids, keys, strict=True))
    trials = match(scores_of(FORMS["two columns"]), protocol_of(lines))
    assert trials.utterances.tolist() == ids
    assert trials.scores.tolist() == SCORES


def test_ids_that_differ_only_by_extension_or_folder_stay_apart():
    protocol = protocol_of("S U1.wav - - bonafide\nS U1.mp3 - A07 spoof\nS a/U1 - A07 spoof\n")
    trials = match(scores_of("a/U1 3\nU1.mp3 2\nU1.wav 1\n"), protocol)
    assert trials.scores.tolist() == [1.0, 2.0, 3.0]


def test_folders_are_kept_where_extensions_alone_make_the_difference():
    protocol = protocol_of("S a/U1 - - bonafide\nS b/U1 - A07 spoof\nS b/U2 - A07 spoof\n")
    trials = match(scores_of("b/U2.wav 3\nb/U1.wav 2\na/U1.wav 1\n"), protocol)
    assert trials.scores.tolist() == [1.0, 2.0, 3.0]


def test_where_two_ids_become_one_nothing_is_guessed():
    # a/U1 and b/U1 are both U1 without their folders; which has the score 1?
    found = refusal("a/U1 1\nb/U1 2\nU2 0\nU3 3\nU4 4\n", PROTOCOL)
    assert "1 trial of 4 without a score: U1\n" in found
    assert "2 scores of 5 without a trial: a/U1, b/U1\n" in found
    protocol = protocol_of("S a/U1 - - bonafide\nS b/U1 - A07 spoof\nS U2 - A07 spoof\n")
    found = refusal("U1 1\nU2 2\n", protocol)
    assert "2 trials of 3 without a score: a/U1, b/U1\n" in found
    assert "1 score of 2 without a trial: U1\n" in found


def test_a_mismatch_is_reported_by_the_reading_that_fits_best():
    found = refusal("U1.flac 1\nU2.flac 2\nU3.flac 3\nX9.flac 4\n", PROTOCOL)
    assert "1 trial of 4 without a score: U4\n" in found
    assert "1 score of 4 without a trial: X9.flac\n" in found


SUBSETS = (
    "S1 U1 none none - bonafide notrim eval\nS2 P1 none none A07 spoof notrim progress\n"
    "S1 U2 none none A07 spoof notrim eval\nS3 H1 none none - bonafide trim hidden\n"
    "S4 U3 none none A08 spoof notrim eval\n"
)


@pytest.mark.parametrize(
    ("in_scores", "in_protocol"), [("", ""), (".flac", ""), ("", ".flac"), (".wav", ".flac")]
)
def test_scores_outside_of_the_subset_are_left_out(in_scores, in_protocol):
    names = {"H1": 9, "U2": 2, "P1": 8, "U3": 3, "U1": 1}
    protocol = protocol_of(re.sub(r"\b([UPH]\d)\b", rf"\1{in_protocol}", SUBSETS))
    everything = "".join(f"{name}{in_scores} {score}\n" for name, score in names.items())
    trials = match(scores_of(everything), protocol)
    assert trials.utterances.tolist() == [f"{name}{in_protocol}" for name in ("U1", "U2", "U3")]
    assert trials.scores.tolist() == [1.0, 2.0, 3.0]
    # Some or all of them may be missing as well; others may not be there.
    some = "".join(f"{name}{in_scores} {score}\n" for name, score in names.items() if name != "P1")
    assert match(scores_of(some), protocol).scores.tolist() == [1.0, 2.0, 3.0]
    found = refusal(everything + f"X1{in_scores} 4\n", protocol)
    assert f"1 score of 6 without a trial: X1{in_scores}\n" in found


# What the score file says besides.


def test_a_key_that_the_protocol_contradicts_is_refused():
    text = FORMS["four columns"].replace("U1 - bonafide", "U1 A07 spoof")
    assert refusal(text, PROTOCOL) == (
        "1 line of scores.txt and the protocol protocol.txt contradict each other: "
        "U1 (key spoof, in the protocol bonafide). Check that they are of the same corpus and "
        "split. If the columns are in another order, name them, such as --columns "
        "utterance,-,score,-; only utterance and score are needed"
    )
    found = refusal("utterance,key,score\nU1,real,1\nU2,real,2\nU3,fake,3\nU4,fake,4\n", PROTOCOL)
    assert "2 lines of scores.txt" in found
    assert "U2 (key bonafide, in the protocol spoof), U4 (key spoof, in the" in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("A08 spoof", "A07 spoof", "U3 (system A07, in the protocol A08)"),
        ("A08 spoof", "- spoof", "U3 (system -, in the protocol A08)"),
        ("- bonafide", "A08 bonafide", "U1 (system A08, in the protocol -)"),
    ],
)
def test_a_system_that_the_protocol_contradicts_is_refused(old, new, message):
    text = FORMS["four columns"].replace(old, new)
    assert text != FORMS["four columns"]
    assert (
        f"1 line of scores.txt and the protocol protocol.txt contradict each other: {message}."
        in (refusal(text, PROTOCOL))
    )


def test_the_first_contradictions_are_named_and_all_are_counted():
    protocol = protocol_of("".join(f"S T{number} - A07 spoof\n" for number in range(8)))
    found = refusal("".join(f"T{n} A08 spoof {n}\n" for n in reversed(range(8))), protocol)
    assert found.startswith("8 lines of scores.txt")
    named = ", ".join(f"T{number} (system A08, in the protocol A07)" for number in range(5))
    assert f": {named} and 3 more. " in found


def test_a_protocol_without_names_of_attacks_contradicts_none():
    protocol = protocol_of("file,label\nU1,bona-fide\nU2,spoof\nU3,spoof\nU4,bona-fide\n")
    trials = match(scores_of(FORMS["four columns"]), protocol)
    assert trials.attack_ids == ["spoof"]
    assert trials.speakers is None
    # A name for bona fide speech is still wrong, and so is a key.
    text = FORMS["four columns"].replace("U1 - bonafide", "U1 A07 bonafide")
    assert "U1 (system A07, in the protocol -)" in refusal(text, protocol)
    text = FORMS["four columns"].replace("A07 spoof", "- bonafide")
    assert "U2 (key bonafide, in the protocol spoof)" in refusal(text, protocol)


def test_contradictions_outside_of_the_subset_do_not_matter():
    text = "U1 - bonafide 1\nP1 - bonafide 9\nU2 A07 spoof 2\nU3 A08 spoof 3\n"
    assert match(scores_of(text), protocol_of(SUBSETS)).scores.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("scores", "protocol", "message"),
    [
        ("U1 1\nU2 0\nU3 0\nU4 1\n", PROTOCOL, "decisions, not scores"),
        ("U1 1\nU2 0\nU3 2e100\nU4 -1\n", PROTOCOL, "got a magnitude of 2e+100"),
        ("U1 1\nU2 2\nU3 3\n", "S U1 - - bonafide\nS U2 - - bonafide\nS U3 - - bonafide\n",
         "no spoof trial among 3"),
        ("U1 1\nU2 2\nU3 3\n", "S U1 - A1 spoof\nS U2 - A1 spoof\nS U3 - A1 spoof\n",
         "no bona fide trial among 3"),
    ],
)  # fmt: skip
def test_trials_that_cannot_be_evaluated_are_refused_with_both_files_named(
    scores, protocol, message
):
    protocol = protocol_of(protocol) if isinstance(protocol, str) else protocol
    found = refusal(scores, protocol)
    assert found.startswith("scores.txt with protocol.txt: ")
    assert message in found


# Names.


@pytest.mark.parametrize(
    ("name", "without", "bare"),
    [
        ("U1", "U1", "U1"),
        ("U1.flac", "U1", "U1"),
        ("U1.FLAC", "U1", "U1"),
        ("a.b/U1.part.wav", "a.b/U1.part", "U1.part"),
        ("U1.2", "U1.2", "U1.2"),
        ("U1.flac.flac", "U1.flac", "U1.flac"),
        (".flac", ".flac", ".flac"),
        ("flac", "flac", "flac"),
        ("a\\b/U 1.wav", "a\\b/U 1", "U_1"),
    ],
)
def test_names_without_extension_and_folder(name, without, bare):
    assert without_extension(name) == without
    assert without_folder(name) == bare


# Writing.


def trials_of(**changes):
    given = {
        "utterances": ["U1", "a b/U 2.wav", "U3"],
        "scores": [0.1, -1e-300, 1e22],
        "is_bonafide": [True, False, False],
        "attacks": ["-", "voice  conversion", "A07"],
        "speakers": ["S1", "Alec Guinness", ""],
    }
    return make_trials(**given | changes)


def test_lines_that_are_written():
    trials = trials_of()
    assert list(score_lines(trials)) == [
        "U1 - bonafide 0.1\n",
        "a_b/U_2.wav voice_conversion spoof -1e-300\n",
        "U3 A07 spoof 1e+22\n",
    ]
    assert list(submission_lines(trials)) == [
        "U1 0.1\n",
        "a_b/U_2.wav -1e-300\n",
        "U3 1e+22\n",
    ]
    assert list(protocol_lines(trials)) == [
        "S1 U1 - - bonafide\n",
        "Alec_Guinness a_b/U_2.wav - voice_conversion spoof\n",
        "- U3 - A07 spoof\n",
    ]
    assert next(protocol_lines(trials_of(speakers=None))) == "- U1 - - bonafide\n"


names = st.text(alphabet="abzÄ0_-./", min_size=1, max_size=6)
numbers = st.floats(min_value=-1e100, max_value=1e100)


@given(
    rows=st.lists(
        st.tuples(names, numbers, st.booleans(), names.map("A{}".format), names.map("S{}".format)),
        min_size=3,
        max_size=8,
        unique_by=(lambda row: row[0], lambda row: row[1]),
    ).filter(lambda rows: len({row[2] for row in rows}) == 2),
    voices=st.booleans(),
)
def test_what_is_written_reads_back_as_the_same_trials(rows, voices):
    ids, scores, flags, attacks, speakers = zip(*rows, strict=True)
    trials = make_trials(
        utterances=ids,
        scores=scores,
        is_bonafide=flags,
        attacks=attacks,
        speakers=speakers if voices else None,
    )
    protocol = protocol_of("".join(protocol_lines(trials)))
    for lines in (score_lines, submission_lines):
        written = list(lines(trials))
        again = match(scores_of("".join(reversed(written))), protocol)
        for field in dataclasses.fields(trials):
            kept, read = getattr(trials, field.name), getattr(again, field.name)
            assert kept is read is None or kept.tolist() == read.tolist(), field.name


def test_ids_with_blanks_still_match_the_protocol_that_has_them():
    manifest = (
        "utterance,speaker,attack,key\nU 1,Alec Guinness,,bonafide\n"
        "U 2,Alec Guinness,voice conversion,spoof\nU 3,Ayn Rand,text to speech,spoof\n"
    )
    protocol = protocol_of(manifest)
    trials = match(scores_of("utterance,score\nU 2,2\nU 3,3\nU 1,1\n"), protocol)
    for lines in (score_lines, submission_lines):
        again = match(scores_of("".join(lines(trials))), protocol)
        assert again.utterances.tolist() == ["U 1", "U 2", "U 3"]
        assert again.scores.tolist() == [1.0, 2.0, 3.0]
        assert again.attack_ids == ["text to speech", "voice conversion"]


def test_spoofs_of_unknown_attack_can_be_written_and_read():
    # make_trials allows them; the layout of 2019 has a name on every spoof line.
    trials = trials_of(attacks=["-", "-", "A07"], speakers=["S1", "S2", "S3"])
    protocol = protocol_of("".join(protocol_lines(trials)))
    again = match(scores_of("".join(score_lines(trials))), protocol)
    assert again.is_bonafide.tolist() == [True, False, False]
    assert again.attack_ids == ["A07", "spoof"]
