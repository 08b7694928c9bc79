"""Everything below the root that is not read is counted and named."""

import unicodedata

from bonafide import corpora


def unread(files, layout, **options):
    corpus = corpora.reader(layout)(files, corpus_name="c", options=corpora.Options(**options))
    return corpora.find_unread(files, corpus, layout)


def test_audio_that_no_row_names(small):
    found = unread(small("manifest"), "manifest")
    assert found.audio == ("audio/9.wav",)
    assert found.notes == (
        "1 audio file below the root is not read, because the corpus does not name them: "
        "audio/9.wav",
    )


def test_every_small_corpus_is_read_as_a_whole(small, layout):
    if layout in ("manifest", "asvspoof2021-la"):  # They name some files only.
        return
    options = {"split": "eval"} if layout in ("mlaad", "in-the-wild", "folders") else {}
    found = unread(small(layout), layout, **options)
    assert (found.audio, found.mac, found.similar) == ((), 0, {})


def test_files_of_macs_are_ignored_and_counted(small):
    mac = {
        "real/S0/._a.wav": b"x",
        "__MACOSX/fake/TTS-0/._b.wav": b"x",
        "fake/TTS-0/.DS_Store": b"x",
        "readme.txt": b"x",
    }
    found = unread(small("folders", files=mac), "folders")
    assert found.mac == 2
    assert found.other == {".DS_Store": 1, ".txt": 1}
    assert "2 files such as ._a.wav, which macOS adds to archives, were ignored" in found.notes
    assert "2 files of other kinds below the root are not read: .DS_Store 1, .txt 1" in found.notes


def test_similar_names_are_offered(dict_files):
    composed = unicodedata.normalize("NFC", "é.wav")
    decomposed = unicodedata.normalize("NFD", "é.wav")
    files = dict_files(
        {
            "manifest.csv": (
                f"path,key,split\na.flac,real,train\n{composed},fake,train\nb.wav,real,train\n"
                "c.wav,real,train\n"
            ).encode(),
            "A.FLAC": b"x",
            decomposed: b"x",
            "b.opus": b"x",
        }
    )
    found = unread(files, "manifest")
    assert found.similar == {"a.flac": "A.FLAC", composed: decomposed, "b.wav": "b.opus"}
    assert "a.flac (there is A.FLAC)" in " ".join(found.notes)


def test_a_mixture_is_looked_through_part_by_part(dict_files):
    def folders(*more):
        names = [f"{kind}/{number}.wav" for kind in ("real", "fake") for number in range(20)]
        return dict.fromkeys((*names, *more), b"x")

    files = dict_files(
        {}, "a=/x@folders;b=/y@folders", others={"/x": folders("1.wav"), "/y": folders("notes.txt")}
    )
    found = unread(files, "mixture")
    assert [path.rpartition("/")[2] for path in found.audio] == ["1.wav"]
    assert found.other == {".txt": 1}


def test_rows_that_splits_leave_out_are_named_all_the_same(dict_files):
    lines, audio = ["path,key,speaker,system"], {}
    for number in range(240):
        key, system = ("bonafide", "-") if number % 2 else ("spoof", f"A{number % 6}")
        lines.append(f"{number}.wav,{key},{key}{number % 24},{system}")
        audio[f"{number}.wav"] = b"x"
    files = dict_files({"manifest.csv": "\n".join(lines).encode(), **audio, "more.wav": b"x"})
    corpus = corpora.reader("manifest")(files, corpus_name="c")
    assert 0 < len(corpus.utterances) < 240
    assert len(corpus.left_out) == 240 - len(corpus.utterances)
    assert corpora.find_unread(files, corpus, "manifest").audio == ("more.wav",)
