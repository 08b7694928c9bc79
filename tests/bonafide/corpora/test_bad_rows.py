"""Malformed rows: a few are left out and named with file and line, many stop the reading."""

import csv
import io

import pytest

from bonafide import corpora
from bonafide.corpora import bad_rows, base
from bonafide.corpora.state import corpus_state
from bonafide.trials import tables
from components.utterance_gen import plan, report

HEADER = ["path", "key", "speaker", "system", "split", "text"]


def row(number, **changes):
    key = "bonafide" if number % 2 else "spoof"
    cells = {
        "path": f"a/{number}.wav",
        "key": key,
        "speaker": f"S{number % 7}",
        "system": "-" if key == "bonafide" else "TTS",
        "split": ("train", "dev", "eval")[number % 3],
        "text": "",
    }
    return [(cells | changes)[name] for name in HEADER]


def table(rows):
    """The text as pandas writes it: quotes where needed, line breaks inside them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([HEADER, *rows])
    return out.getvalue()


def files_of(dict_files, text, name="manifest.csv", count=60):
    audio = {f"a/{number}.wav": b"abc" for number in range(count)}
    return dict_files({name: text.encode(), **audio})


def read(files):
    return corpora.reader("manifest")(files, corpus_name="c")


def test_cells_as_pandas_writes_them(dict_files):
    texts = ["two\nlines", 'he said "yes"', "a, b", "\r\nfirst", ""]
    rows = [row(number, text=texts[number % 5]) for number in range(60)]
    corpus = read(files_of(dict_files, table(rows)))
    assert len(corpus.utterances) == 60
    assert corpus.bad_rows == ()
    found = [dict(one.extra).get("text", "") for one in corpus.utterances[:5]]
    assert found == ["two lines", 'he said "yes"', "a, b", "first", ""]
    # Rows are where they begin, however many lines those before them have.
    assert [one.source for one in corpus.utterances[:3]] == [
        "manifest.csv:2",
        "manifest.csv:4",
        "manifest.csv:5",
    ]


def test_one_bad_row_is_named_and_the_others_are_read(dict_files):
    rows = [row(number) for number in range(60)]
    rows[10] = row(10, key="maybe")
    files = files_of(dict_files, table(rows))
    corpus = read(files)
    assert len(corpus.utterances) == 59
    [bad] = corpus.bad_rows
    assert bad.source == "manifest.csv:12"
    assert bad.reason.startswith("unknown key 'maybe'")
    assert corpus_state("dict", "manifest", files).bad_rows == corpus.bad_rows


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('a/10.wav,spoof,S1,TTS,dev,"not closed', "broken quoting"),
        ('a/10.wav,spoof,S1,TTS,dev,"closed" too early', "broken quoting"),
        ("a/10.wav,spoof,S1", "expected 6 columns, got 3"),
        ("a/10.txt,spoof,S1,TTS,dev,", "expected the path of an audio file"),
    ],
)
def test_a_broken_line_costs_no_other_row(dict_files, line, reason):
    lines = table([row(number) for number in range(60)]).splitlines()
    lines[11] = line
    corpus = read(files_of(dict_files, "\n".join(lines)))
    assert len(corpus.utterances) == 59
    [bad] = corpus.bad_rows
    assert bad.source == "manifest.csv:12"
    assert reason in bad.reason


def test_a_quote_that_a_later_row_closes_costs_no_other_row(dict_files):
    lines = table([row(number, text='"quoted"') for number in range(60)]).splitlines()
    lines[11] = 'a/10.wav,spoof,S1,TTS,dev,"not closed'
    corpus = read(files_of(dict_files, "\n".join(lines)))
    assert [bad.source for bad in corpus.bad_rows] == ["manifest.csv:12"]
    assert len(corpus.utterances) == 59


def test_a_bad_line_of_json(dict_files):
    lines = [f'{{"path": "a/{n}.wav", "key": "{row(n)[1]}", "split": "dev"}}' for n in range(60)]
    lines[3] = '{"path": "a/3.wav", "key'
    corpus = read(files_of(dict_files, "\n".join(lines), "manifest.jsonl"))
    assert len(corpus.utterances) == 59
    [bad] = corpus.bad_rows
    assert bad.source == "manifest.jsonl:4"
    assert "not JSON" in bad.reason


def test_a_table_that_is_wrong_as_a_whole_is_refused(dict_files):
    rows = [row(number, key="1" if number % 5 else "spoof") for number in range(60)]
    with pytest.raises(base.CorpusError) as caught:
        read(files_of(dict_files, table(rows)))
    first, *_, last = str(caught.value).splitlines()
    assert first.startswith("manifest.csv:3: unknown key '1'")
    assert "48 of 60 rows are malformed, more than 10.00 %" in last


def test_they_are_rejected_with_the_recordings_that_cannot_be_used(dict_files):
    rows = [row(number) for number in range(60)]
    rows[10] = row(10, key="maybe")
    files = files_of(dict_files, table(rows), count=59)
    corpus = read(files)
    ingestion = plan.make_plan(corpus, shard_bytes=1000, seed=1)
    assert [one.path for one in ingestion.rejections] == ["manifest.csv:12", "a/59.wav"]
    assert "unknown key 'maybe'" in report.rejected_tsv(ingestion.rejections)
    report.check_rejections(corpus.utterances, ingestion.rejections, 2 / 60)
    with pytest.raises(base.CorpusError, match="2 of 60 utterances") as caught:
        report.check_rejections(corpus.utterances, ingestion.rejections, 1.9 / 60)
    assert "row - (manifest.csv:12): unknown key" in str(caught.value)


def test_mlaad_leaves_out_a_bad_row(small):
    folder = "fake/en/bark"
    lines = [
        "path|original_file|language|transcript",
        *(f"./{folder}/x_{number}.wav|a/x_{number}.wav|en|Who?" for number in range(20)),
        f"./{folder}/x_20.txt|a/x_20.wav|en|No audio",
    ]
    corpus = corpora.reader("mlaad")(
        small("mlaad", files={f"{folder}/meta.csv": "\n".join(lines).encode()}), corpus_name="c"
    )
    [bad] = corpus.bad_rows
    assert bad.source == f"{folder}/meta.csv:22"


def test_they_are_described_in_a_sentence():
    bad = tuple(base.BadRow(f"m.csv:{number}", "no key\n  line: ''") for number in range(2, 9))
    assert bad_rows.described(()) == ""
    assert bad_rows.described(bad[:1]) == "1 row is malformed and left out: m.csv:2: no key"
    assert bad_rows.described(bad).endswith("m.csv:6: no key and 2 more")


def test_a_strict_reader_still_stops_at_the_first():
    with pytest.raises(tables.QuotingError, match="t:2: broken quoting"):
        list(tables.read_table('a,b\n1,"2\n3,4\n', "t"))
