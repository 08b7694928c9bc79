import json

import pytest

from bonafide.storage.text_files import FileError
from bonafide.trials.tables import QuotingError, find_table, read_table, without_header

KEYS = ("key", "label")
PAIRS = {("a", "b"): "A B, such as 'x y'"}


def rows_of(table):
    return [(row.number, list(row.fields)) for row in table]


def find(text, where="trials.txt"):
    return find_table(text, where, KEYS)


@pytest.mark.parametrize(
    ("text", "names", "delimiter"),
    [
        ("file,speaker,label\n", ("file", "speaker", "label"), ","),
        ("\r\n \nFile;Label\r\n", ("file", "label"), ";"),
        ("utterance\tkey", ("utterance", "key"), "\t"),
        ("utterance|key", ("utterance", "key"), "|"),
        ("utterance  key\n", ("utterance", "key"), " "),
        ('"file", "label"\n', ("file", "label"), ","),
    ],
)
def test_headers(text, names, delimiter):
    table = find(text)
    assert (table.names, table.delimiter) == (names, delimiter)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "file,score\n", "name,label\n", "LA_0079 LA_T_1 - - bonafide\n", '"file,label\n'],
)
def test_what_is_no_header(text):
    assert find(text) is None


def test_the_ending_of_a_file_tells_its_form():
    header = "path\tlong, with commas\n"
    assert read_table(header, "a.tsv").names == ("path", "long, with commas")
    assert read_table(header, "a.csv").delimiter == ","
    assert read_table("a;b\n", "a.csv", delimiter=",").names == ("a;b",)
    # Only where a header may be separated by spaces, it is.
    assert read_table("path to audio\n", "a.csv").names == ("path to audio",)
    assert rows_of(read_table("path\nmy file.wav\n", "a.csv")) == [(2, ["my file.wav"])]


def test_columns_of_a_header_are_found_by_the_best_name():
    table = find("id,label,utterance,key\n")
    assert table.find(("utterance", "id")) == 2
    assert table.find(("missing", "label")) == 1
    assert table.find(("missing",)) is None


def test_a_column_is_named_once_if_it_is_read_at_all():
    table = read_table("\nfile,label,path,label,,\n", "m.csv")
    assert table.find(["path"]) == 2
    with pytest.raises(FileError, match=r"^m\.csv:2: expected one column 'label', got 2\. Rename"):
        table.find(KEYS)


def test_a_table_counts_lines_as_editors_do():
    # Form feeds and Unicode's own line ends separate no lines.
    table = without_header("a\x0cb\n\n c\u2028d \r\ne f", "t", PAIRS)
    assert rows_of(table) == [(1, ["a", "b"]), (3, ["c", "d"]), (4, ["e", "f"])]
    table = read_table("\ufeffa, b\r\n , \n\n'c',\" d,e\"\n", "t")
    assert table.names == ("a", "b")
    assert rows_of(table) == [(4, ["'c'", "d,e"])]


def test_a_quoted_cell_may_hold_line_breaks_and_its_row_is_where_it_begins():
    text = 'path,text\n1.wav,"two\nlines"\n\n2.wav,"say ""yes"""  \r\n'
    assert rows_of(read_table(text, "t")) == [
        (2, ["1.wav", "two\nlines"]),
        (5, ["2.wav", 'say "yes"']),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [('a,b\nx,1\n"y"z,1\nu,1\n', 3), ('a,b\n"x,1\ny,1\nz,1\n', 2), ('"a,b\nx,1\n', 1)],
)
def test_broken_quoting_is_named_with_the_line_on_which_it_begins(text, line):
    with pytest.raises(QuotingError, match=rf"^t:{line}: broken quoting \("):
        rows_of(read_table(text, "t"))


def test_json_lines_may_have_other_names_on_each_line():
    lines = [{"Path": "a", "key": True}, {"path": " b ", "n": None, "list": [1], "score": 0.5}]
    text = "\n\n".join(map(json.dumps, lines))
    for where in ("t.jsonl", "t.ndjson", "t.txt"):
        table = read_table(text, where)
        assert table.names == ("path", "key", "n", "score")
        assert rows_of(table) == [(1, ["a", "True", "", ""]), (3, ["b", "", "", "0.5"])]
    assert find('{"utterance": "U1", "label": "real"}') is not None
    assert find('{"utterance": "U1"}') is None


def test_no_row_is_refused():
    for text in ("", "\ufeff \r\n"):
        for where in ("t.csv", "t.jsonl"):
            with pytest.raises(
                FileError, match=r"expected a header and rows below it, got an empty"
            ):
                read_table(text, where)
        with pytest.raises(FileError, match=r"^t: the file is empty; expected A B, such"):
            without_header(text, "t", PAIRS)
    with pytest.raises(FileError, match=r"^t: expected rows below the header, got none$"):
        rows_of(read_table("a,b\n\n", "t"))


def test_a_row_of_another_width_is_shown_with_what_was_expected():
    with pytest.raises(FileError) as caught:
        rows_of(read_table("a;b\n1;2\n\n3\n", "t"))
    assert (
        str(caught.value) == "t:4: expected 2 columns, got 1\n  line: '3'\n  expected: columns a, b"
    )
    with pytest.raises(FileError) as caught:
        rows_of(without_header("1 2\n\x0c\n", "t", PAIRS))
    assert str(caught.value) == (
        "t:2: expected 2 columns, got 1\n  line: '\\x0c'\n  expected: A B, such as 'x y'"
    )


def test_a_first_line_of_no_known_width_is_shown_with_every_form():
    forms = {**PAIRS, ("a", "b", "c", "d"): "A B C D"}
    with pytest.raises(FileError) as caught:
        without_header("\n1 2\t3\n", "t", forms, otherwise="a header")
    assert str(caught.value) == (
        "t:2: expected 2 or 4 columns separated by spaces, got 3\n  line: '1 2 3'\n"
        "  expected: 2 columns: A B, such as 'x y'\n    or 4 columns: A B C D\n    or a header"
    )


def test_cells_of_columns_that_are_not_there_are_empty():
    [row] = read_table("a,b\n1,2\n", "t")
    assert (row.cell(1), row.cell(None), row.source) == ("2", "", "t:2")
    assert str(row.error("no")) == "t:2: no\n  line: '1,2'\n  expected: columns a, b"
