import os

import pytest

from bonafide.scoring import inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        *("in/b.wav", "in/a.FLAC", "in/notes.txt", "in/.hidden.wav", "in/sub/c.ogg", "in/d.m4a"),
        *("in/.git/e.wav", "in/sub/no_ending", "top.bin"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folders_are_looked_into_only_when_asked(folder):
    assert list(inputs.expand(["in", "top.bin"], recursive=False)) == ["in", "top.bin"]


def test_recordings_of_folders_are_sorted_and_others_passed_over(folder):
    assert list(inputs.expand(["top.bin", "in", "none", "-"], recursive=True)) == [
        *("top.bin", "in/a.FLAC", "in/b.wav", "in/d.m4a", "in/sub/c.ogg", "none", "-")
    ]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(folder, monkeypatch):
    def walk(path, onerror):
        onerror(PermissionError(13, "Permission denied", f"{path}/locked"))
        yield path, [], ["a.wav"]

    monkeypatch.setattr(os, "walk", walk)
    assert list(inputs.expand(["in"], recursive=True)) == ["in/a.wav", "in/locked"]


def test_links_to_folders_are_not_followed(folder):
    (folder / "in/sub/up").symlink_to(folder / "in")
    assert len(list(inputs.expand(["in"], recursive=True))) == 4


def test_a_list(tmp_path):
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbfa.wav\r\n\n b c.wav\n\xff.wav\n-\nlast")
    assert inputs.read_list(str(tmp_path / "list")) == [
        *("a.wav", " b c.wav", os.fsdecode(b"\xff.wav"), "-", "last")
    ]


@pytest.mark.parametrize("name", ["none", ".", "nul\0"])
def test_a_list_that_cannot_be_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(inputs.InputError, match=r"--list .* cannot be read: "):
        inputs.read_list(name)
