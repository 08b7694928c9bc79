import errno
import os
import subprocess
import sys

import pytest

from bonafide.storage import files


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"
    target.write_text("old")

    def interrupted():
        with files.replacing(target) as part:
            part.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    with files.replacing(str(target)) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_system_s_error_comes_through(tmp_path):
    def full():
        with files.replacing(tmp_path / "out"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        full()
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_the_longest_name_is_not_too_long(tmp_path):
    (tmp_path / "link").symlink_to("file")
    for name in ("link", "x" * 255):
        with files.replacing(tmp_path / name) as part:
            part.write_text(name)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "link"
    assert (tmp_path / ("x" * 255)).read_text() == "x" * 255


def test_what_keeps_a_file_from_being_written(tmp_path, monkeypatch):
    assert files.why_not_writable(tmp_path / "out") is None
    assert files.why_not_writable(tmp_path / "no" / "out") == f"there is no folder {tmp_path}/no"
    assert files.why_not_writable(tmp_path) == "it exists and is not a file"
    with pytest.raises(OSError, match="too long"):
        files.why_not_writable(tmp_path / ("x" * 300))
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    assert files.why_not_writable(tmp_path / "out") == "the folder is read-only"


def test_names_that_are_not_utf_8_can_be_printed():
    assert files.printable(os.fsdecode(b"a\xff \xc3\xa9")) == "a\\xff é"


def test_it_imports_no_framework():
    code = (
        "import sys, bonafide.storage.files; "
        "print([m for m in ('numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
