import csv
import io

import hypothesis
import pytest
from hypothesis import strategies

from bonafide import cells


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a/talk one.wav", "a/talk one.wav"),
        ("=1+1.wav", "'=1+1.wav"),
        ("-1.wav", "'-1.wav"),
        ("+49 30.wav", "'+49 30.wav"),
        ("@me.wav", "'@me.wav"),
        ("＝1.wav", "'＝1.wav"),
        ("'quoted'.wav", "''quoted'.wav"),
        ("\x1b[2J.wav", "\\u001b[2J.wav"),
        ("a\tb\r\n.wav", "a\\u0009b\\u000d\\u000a.wav"),
        ("\u202egnp.wav", "\\u202egnp.wav"),
        ("\U000e0041.wav", "\\U000e0041.wav"),
        ("bytes \\xff.wav", "bytes \\xff.wav"),
        ("\\u001b.wav", "\\\\u001b.wav"),
        ("é ü 語.wav", "é ü 語.wav"),
    ],
)
def test_a_cell_is_safe_and_reversible(text, cell):
    assert cells.safe(text) == cell
    assert cells.original(cell) == text


@hypothesis.given(strategies.text(strategies.characters() | strategies.sampled_from("\\uU'=-\x1b")))
def test_any_text_comes_back(text):
    cell = cells.safe(text)
    assert cells.original(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not any(map(cells.is_unseen, cell))


def test_numbers_of_a_row_stay_numbers():
    from bonafide.scoring.rows import as_text

    assert as_text("score", -1.5) == "-1.500000"
    assert as_text("path", "-1.5") == "'-1.5"
    assert as_text("note", None) == ""
    out = io.StringIO()
    csv.writer(out, delimiter="\t").writerow([as_text("path", 'a "b"\t=c')])
    assert out.getvalue() == '"a ""b""\\u0009=c"\r\n'
