import collections
import json
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide import corpora
from bonafide.audio import endings
from bonafide.corpora import base, manifest
from bonafide.corpora.options import DEFAULTS
from bonafide.storage.beam_files import BeamFiles, use_options
from bonafide.storage.corpus_files import FileInfo
from bonafide.storage.text_files import FileError
from bonafide.trials.ids import file_name_problem

ROWS = [
    {"path": "a/1.wav", "key": "bonafide", "speaker": "S 1", "split": "train", "language": "en"},
    {"path": "./a//2.WAV", "key": "Fake", "speaker": "S2", "system": "TTS/1", "split": "val"},
    {"path": "b\\3.flac", "key": "spoof", "speaker": "S3", "system": "-", "split": "Testing"},
]


def csv_text(rows, delimiter=","):
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def parse(text, where="manifest.csv", **options):
    chosen = corpora.Options(**options)
    return list(manifest.parse(text, where, corpus_name="c", options=chosen))


def read(files, **options):
    chosen = corpora.Options(**options)
    return corpora.reader("manifest")(files, corpus_name="c", options=chosen)


TEXTS = {
    "manifest.csv": csv_text(ROWS),
    "m/semicolons.csv": csv_text(ROWS, ";"),
    "manifest.tsv": csv_text(ROWS, "\t"),
    "manifest.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
}


@pytest.mark.parametrize("where", TEXTS)
def test_the_same_rows_in_every_form(where):
    rows = parse(TEXTS[where], where)
    assert [
        (row.utterance_id, row.speaker_id, row.system_id, row.key, row.split, row.path, row.extra)
        for row in rows
    ] == [
        ("a__1", "S_1", "-", "bonafide", "train", "a/1.wav", (("language", "en"),)),
        ("a__2", "S2", "TTS__1", "spoof", "dev", "a/2.WAV", ()),
        ("b__3", "S3", "spoof", "spoof", "eval", "b/3.flac", ()),
    ]
    first = 1 if where.endswith(".jsonl") else 2
    assert [row.source for row in rows] == [f"{where}:{first + number}" for number in range(3)]


def test_columns_and_keys_of_another_name():
    text = "Sample;Is_Fake;Who;Maker;Part;Name\nx.wav;1;S1;TTS;dev;one\ny.wav;0;S2;;dev;two\n"
    rows = parse(
        text,
        path_column="sample",
        key_column="is_fake",
        speaker_column="Who",
        system_column="maker",
        split_column="part",
        id_column="name",
        bonafide="0",
        spoof="1",
    )
    assert [(row.utterance_id, row.system_id, row.split) for row in rows] == [
        ("one", "TTS", "dev"),
        ("two", "-", "dev"),
    ]


def test_uris_and_quoted_cells():
    text = 'path,key,speaker\ngs://b/my clips/1.wav,real,"Doe, Jane"\n'
    [row] = parse(text)
    assert (row.path, row.utterance_id) == ("gs://b/my clips/1.wav", "b__my_clips__1")
    assert row.speaker_id == "Doe,_Jane"


def test_only_what_the_manifest_names_is_audio(small):
    corpus = read(small("manifest"))
    assert set(corpus.audio) == {"audio/1.wav", "audio/2.wav"}
    assert corpus.protocols == ("manifest.csv",)


def test_absolute_uris_are_listed_where_they_are(memory_store):
    memory_store["memory://corpus/manifest.csv"] = (
        b"path,key,split\nmemory://other/a/1.wav,real,dev"
    )
    memory_store["memory://other/a/1.wav"] = b"abc"
    use_options([])
    corpus = read(BeamFiles("memory://corpus"))
    assert corpus.audio == {"memory://other/a/1.wav": FileInfo(3, 7.0)}


def test_a_manifest_that_is_named(dict_files):
    files = dict_files({"lists/all.tsv": csv_text(ROWS, "\t").encode()})
    assert len(read(files, manifest="lists/all.tsv").utterances) == 3
    with pytest.raises(base.CorpusError, match=r"no manifest, other\.csv"):
        read(files, manifest="other.csv")


def test_several_manifests_are_not_chosen_from(dict_files):
    text = csv_text(ROWS).encode()
    with pytest.raises(base.CorpusError, match=r"several manifests, manifest\.csv, manifest\.tsv"):
        read(dict_files({"manifest.csv": text, "manifest.tsv": text}))


def test_without_splits_they_are_made_by_speaker(dict_files):
    lines = [
        f"{speaker}{number}.wav,{'real' if number else 'fake'},{speaker},{'' if number else 'T'}"
        for speaker in "abcdef"
        for number in range(2)
    ]
    text = "path,key,speaker,system\n" + "\n".join(lines)
    corpus = read(dict_files({"manifest.csv": text.encode()}))
    assert {row.split for row in corpus.utterances} == {"train", "dev", "eval"}
    assert "splits were made by speaker" in corpus.notes[0]
    whole = read(dict_files({"manifest.csv": text.encode()}), split="eval")
    assert {row.split for row in whole.utterances} == {"eval"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "manifest.csv: expected a header and rows below it, got an empty file"),
        ("path,key\n", "expected rows below the header, got none"),
        (
            "file,label,path,label\n1.wav,real,2.wav,fake\n",
            ":1: expected one column 'label', got 2",
        ),
        ("name,key\n1.wav,real\n", ":1: expected a column path or file or"),
        ("path,class\n1.wav,real\n", "(the key), got path, class"),
        ("path,key\n1.wav,real,x\n", ":2: expected 2 columns, got 3"),
        ('path,key\n"1.wav,real\n', ":2: broken quoting"),
        ("path,key\n1.wav,1\n", "unknown key '1': expected bona fide, bona-fide"),
        ("path,key,system\n1.wav,real,TTS\n", "as the attack of a bona fide trial, got 'TTS'"),
        (
            "path,key,split\n1.wav,real,half\n",
            "expected train, dev or eval as the split, got 'half'",
        ),
        ("path,key\n1.doc,real\n", "expected the path of an audio file, got '1.doc'"),
        ("path,key\n/data/1.wav,real\n", "got the absolute '"),
        ("path,key\nC:\\data\\1.wav,real\n", "got the absolute '"),
        (
            "path,key\na/../../1.wav,real\n",
            "expected a path below the root of the corpus, got 'a/../../1.wav'",
        ),
        ("path,key\na\x07b.wav,real\n", "control characters"),
        ("path,key\n,real\n", "expected the path of an audio file, got ''"),
    ],
)
def test_malformed_rows_are_named(text, part):
    with pytest.raises(FileError) as caught:
        parse(text)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "manifest.jsonl:1: not JSON"),
        ('{"path": "1.wav", "key": "real"}\n["x"]', "manifest.jsonl:2: not a JSON object"),
        ('{"path": ["1.wav"], "key": "real"}', "expected a column path"),
        ("[" * 100_000, "not JSON"),
        ('{"path": "\\ud800.wav", "key": "real"}', "control characters"),
    ],
)
def test_malformed_json_is_named(text, part):
    with pytest.raises(FileError) as caught:
        parse(text, "manifest.jsonl")
    assert part in str(caught.value)


def test_a_column_that_is_named_and_not_there():
    with pytest.raises(FileError, match=r"expected a column voice \(the speaker\), got path, key"):
        parse("path,key\n1.wav,real\n", speaker_column="voice")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("path,key\na/1.wav,real\na__1.wav,real\n", "'a__1' was already used"),
        (
            "path,key,split\n1.wav,real,dev\n2.wav,real,\n",
            "expected a split in all rows or in none, got none in 1 of 2",
        ),
        (
            "path,key,split,speaker\n1.wav,real,dev,S\n2.wav,real,dev,\n",
            "manifest.csv:3: expected a speaker in all rows or in none, got none in 1 of 2",
        ),
        ("path,key\n1.wav,real\n2.wav,fake\n", "at least 20 recordings of each class"),
    ],
)
def test_what_rows_must_agree_on(dict_files, text, part):
    with pytest.raises(base.CorpusError) as caught:
        read(dict_files({"manifest.csv": text.encode()}))
    assert part in str(caught.value)


WORDS = st.sampled_from(
    ["path", "key", "a.wav", "b/c.flac", "real", "fake", "speaker", "S1", "-", "", '"', "é", "\x1c"]
)


@settings(max_examples=60, deadline=None)
@given(
    where=st.sampled_from(["m.csv", "m.tsv", "m.jsonl"]),
    text=st.lists(st.lists(WORDS, max_size=4), max_size=4).map(
        lambda rows: "\n".join(",".join(row) for row in rows)
    )
    | st.text(max_size=40)
    | st.dictionaries(WORDS, WORDS | st.integers() | st.none(), max_size=4).map(json.dumps),
)
def test_any_text_is_read_or_refused(where, text):
    try:
        rows = list(manifest.parse(text, where, corpus_name="c", options=DEFAULTS))
    except FileError:
        return
    for row in rows:
        assert row.utterance_id.split() == [row.utterance_id]
        assert file_name_problem(row.utterance_id) is None
        assert endings.is_audio(row.path)


def test_a_real_manifest():
    """1,093 recordings of 45 systems; the corpus lies beside the repository where it is at all."""
    root = pathlib.Path(__file__).resolve().parents[4] / "shared/corpora/wild-train"
    if not root.is_dir():
        pytest.skip("the real corpus (../shared/corpora/wild-train) is not here")
    corpus = corpora.reader("auto")(BeamFiles(str(root)), corpus_name="c")
    assert corpus.layout == "manifest"
    assert len(corpus.audio) == 1093
    assert collections.Counter(row.split for row in corpus.utterances) == {
        "train": 590,
        "dev": 182,
        "eval": 198,
    }
    systems = {split: set() for split in base.SPLITS}
    for row in corpus.utterances:
        systems[row.split].add(row.system_id)
        assert row.path in corpus.audio
    assert len(systems["eval"] - {"-"}) == 11
    assert systems["eval"] & (systems["train"] | systems["dev"]) == {"-"}
    assert {dict(row.extra)["language"] for row in corpus.utterances} == {"en", "ja", "pt"}


def test_paths_alone():
    """What scoring needs of a manifest, which then may hold what UtteranceGen does not read."""
    rows = [{"path": row["path"]} for row in ROWS] + [{"path": "gs://b//x/4.opus"}]
    expected = ["a/1.wav", "a/2.WAV", "b/3.flac", "gs://b/x/4.opus"]
    assert list(manifest.paths(csv_text(rows), "m.csv")) == expected
    lines = "".join(json.dumps({"file": row["path"]}) + "\n" for row in rows)
    assert list(manifest.paths(lines, "m.jsonl")) == expected
    with pytest.raises(FileError, match=r"m\.csv:2: .*, got the absolute '/a\.wav'"):
        list(manifest.paths("path\n/a.wav\n", "m.csv"))
