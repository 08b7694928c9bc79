import pytest

from bonafide.storage.fingerprint import code_fingerprint


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "one" / "package"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.py").write_text("a = 1\n")
    (folder / "inner" / "b.py").write_text("b = 1\n")
    return folder


def test_notices_content_names_and_new_files(code):
    seen = {code_fingerprint([code])}
    (code / "inner" / "b.py").write_text("b = 2\n")
    seen.add(code_fingerprint([code]))
    (code / "a.py").rename(code / "c.py")
    seen.add(code_fingerprint([code]))
    (code / "d.py").write_text("")
    seen.add(code_fingerprint([code]))
    assert len(seen) == 4


def test_ignores_other_files_order_and_place(code, tmp_path):
    single = tmp_path / "single.py"
    single.write_text("x = 1\n")
    before = code_fingerprint([code, single])
    (code / "notes.txt").write_text("words")
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"\0")
    (code / ".#a.py").symlink_to("user@host.1234")  # what Emacs leaves beside an unsaved file
    assert code_fingerprint([str(single), code, code]) == before
    moved = (tmp_path / "one").rename(tmp_path / "two")
    assert code_fingerprint([moved / "package", single]) == before


def test_misspelt_path_is_an_error(code):
    with pytest.raises(ValueError, match=r"expected Python source, got none at .*nothing"):
        code_fingerprint([code, code / "nothing"])
