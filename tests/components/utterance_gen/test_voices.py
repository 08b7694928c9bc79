"""Copies of a recording under other names stay in one split where no speakers are named."""

import shutil

import numpy as np
import pytest
import soundfile

from bonafide import corpora
from bonafide.storage.local_files import LocalFiles
from bonafide.version import REPOSITORY
from components.utterance_gen import voices
from components.utterance_gen.settings import IngestSettings

FLAC = REPOSITORY / "samples/LA/ASVspoof2019_LA_train/flac"
COPIED = range(0, 24, 3)


@pytest.fixture
def root(tmp_path):
    """48 recordings in two flat folders, and copies of 8 of them: the same, or quieter in Ogg."""
    paths = [path for path in sorted(FLAC.glob("*.flac")) if path.stat().st_size > 25_000][:48]
    assert len(paths) == 48
    for kind, of_kind in (("real", paths[:24]), ("fake", paths[24:])):
        (tmp_path / kind).mkdir()
        for number, path in enumerate(of_kind):
            shutil.copy(path, tmp_path / kind / f"{kind[0]}{number}.flac")
    for number in COPIED:
        if number % 2:
            shutil.copy(paths[number], tmp_path / f"real/again{number}x.flac")
        else:
            samples, rate = soundfile.read(paths[number], dtype="int16")
            soundfile.write(tmp_path / f"real/again{number}x.ogg", np.int16(samples // 2), rate)
    (tmp_path / "real" / "broken.wav").write_bytes(b"RIFF")
    return tmp_path


def read(root, **options):
    settings = IngestSettings(
        corpus_root=str(root),
        layout="folders",
        layout_options=tuple(f"{name}={value}" for name, value in options.items()),
    )
    files = LocalFiles(str(root))
    corpus = corpora.reader("folders")(files, corpus_name="c", options=settings.options)
    return corpus, files, settings


def test_copies_are_found_and_kept_together(root):
    corpus, files, settings = read(root)
    made = voices.keep_copies_together(corpus, files, settings)
    split_of = {row.path.rpartition("/")[2].partition(".")[0]: row.split for row in made.utterances}
    assert len(split_of) == 57
    for number in COPIED:
        assert split_of[f"r{number}"] == split_of[f"again{number}x"]
    assert any("16 recordings are copies of others" in note for note in made.notes)
    # Names alone would have put some of them into different splits.
    before = {row.path.rpartition("/")[2].partition(".")[0]: row.split for row in corpus.utterances}
    assert any(before[f"r{number}"] != before[f"again{number}x"] for number in COPIED)
    assert voices.keep_copies_together(corpus, files, settings) == made


def test_nothing_is_read_where_speakers_or_splits_are_named(root):
    corpus, _, settings = read(root, split="eval")
    assert not corpus.unsplit
    assert voices.keep_copies_together(corpus, None, settings) is corpus


def test_without_copies_the_splits_stay(root):
    for path in (root / "real").glob("again*"):
        path.unlink()
    corpus, files, settings = read(root)
    assert voices.keep_copies_together(corpus, files, settings) is corpus
