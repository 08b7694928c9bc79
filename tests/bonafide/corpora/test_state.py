import os

import pytest

from bonafide import corpora
from bonafide.corpora.state import corpus_fingerprint
from bonafide.storage import beam_files

LAYOUT = "asvspoof2019-la"


def fingerprint(corpus):
    root = str(corpus.root)
    return corpus_fingerprint(root, LAYOUT, beam_files.BeamFiles(root))


def test_notices_audio_and_protocol_and_nothing_else(small_corpus):
    before = fingerprint(small_corpus)
    (small_corpus.folder("train") / "notes.txt").write_text("not audio")
    assert fingerprint(small_corpus) == before

    touched = sorted(small_corpus.folder("eval").glob("*.flac"))[0]
    os.utime(touched, (1, 1))
    after_touch = fingerprint(small_corpus)
    assert after_touch != before
    touched.write_bytes(touched.read_bytes() + b"x")
    os.utime(touched, (1, 1))
    after_growth = fingerprint(small_corpus)
    assert after_growth != after_touch
    touched.unlink()
    assert fingerprint(small_corpus) not in (before, after_touch, after_growth)

    unchanged = fingerprint(small_corpus)
    small_corpus.rows["dev"].reverse()
    small_corpus.save()
    assert fingerprint(small_corpus) != unchanged


def test_a_name_that_is_not_utf8_is_no_obstacle(small_corpus):
    before = fingerprint(small_corpus)
    name = os.fsencode(small_corpus.folder("train")) + b"/caf\xe9.flac"
    with open(name, "wb") as file:  # noqa: PTH123 (bytes)
        file.write(b"x")
    assert fingerprint(small_corpus) != before


def test_does_not_depend_on_the_place(small_corpus, tmp_path):
    before = fingerprint(small_corpus)
    small_corpus.root = small_corpus.root.rename(tmp_path / "elsewhere")
    assert fingerprint(small_corpus) == before


def test_malformed_corpus_is_found_here(small_corpus):
    small_corpus.add("train", "only three columns")
    with pytest.raises(corpora.CorpusError, match=r"train\.trn\.txt:13: expected 5 columns, got 3"):
        fingerprint(small_corpus)


def test_a_message_names_the_corpus_once(tmp_path):
    with pytest.raises(corpora.CorpusError) as caught:
        corpus_fingerprint(str(tmp_path), LAYOUT, beam_files.BeamFiles(str(tmp_path)))
    assert str(caught.value).count(str(tmp_path)) == 1


def test_the_whole_of_la_takes_one_listing_a_folder(dict_files, golden_protocols):
    content = dict(golden_protocols)
    for path, text in golden_protocols.items():
        split = path.split(".cm.")[1].split(".")[0]
        for line in text.decode().splitlines():
            content[f"LA/ASVspoof2019_LA_{split}/flac/{line.split()[1]}.flac"] = b"1"
    files = dict_files(content)
    corpus_fingerprint("x", LAYOUT, files)
    assert files.listings == 3
