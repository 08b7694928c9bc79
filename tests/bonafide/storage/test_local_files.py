"""A local folder looks the same with Beam and without."""

import pytest

from bonafide.corpora.state import corpus_state
from bonafide.storage.beam_files import BeamFiles
from bonafide.storage.local_files import LocalFiles
from bonafide.version import REPOSITORY

NAMES = ("a.wav", "b c/1.wav", "b c/[x]*?.flac", "b c/d/e.opus", ".hidden", "b c/\udcff.wav")


@pytest.fixture
def both(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode(errors="surrogateescape"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.wav").symlink_to("a.wav")
    return LocalFiles(str(tmp_path)), BeamFiles(str(tmp_path))


def test_listings_are_the_same(both):
    for folder in ("", "b c", "b c/d", "empty", "nothing", "a.wav"):
        assert both[0].list(folder) == both[1].list(folder)
        assert both[0].walk(folder) == both[1].walk(folder)
    assert set(both[0].walk("")) == {*NAMES, "link.wav"}


def test_files_are_the_same(both, tmp_path):
    for path in ("a.wav", "b c/1.wav", "b c", "nothing", str(tmp_path / "a.wav"), ""):
        assert both[0].exists(path) == both[1].exists(path)
        assert both[0].uri(path) == both[1].uri(path)
    assert both[0].read_bytes("b c/[x]*?.flac") == both[1].read_bytes("b c/[x]*?.flac")
    assert both[0].read_text(".hidden") == ".hidden"


def test_other_places_are_left_to_beam(both):
    assert isinstance(both[0].at("memory://corpus"), BeamFiles)
    assert both[0].at("/elsewhere").root == "/elsewhere"


def test_the_cache_knows_a_corpus_by_either():
    root = str(REPOSITORY / "samples")
    states = [
        corpus_state(root, "asvspoof2019-la", files)
        for files in (LocalFiles(root), BeamFiles(root))
    ]
    assert states[0] == states[1]
    assert states[0].summary.startswith("asvspoof2019-la, ")
    assert states[0].missing == 0
