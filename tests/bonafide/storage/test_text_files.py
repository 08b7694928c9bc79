import pytest

from bonafide.storage.text_files import FileError, decode_text, read_bytes, read_text


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(FileError, match=r"^cannot read .*none\.txt: No such file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(FileError, match=r"^cannot read .*: Is a directory"):
        read_bytes(tmp_path)
    with pytest.raises(FileError, match=r"^cannot read a\x00b: embedded null"):
        read_text("a\x00b")
    with pytest.raises(FileError, match=r"^w: not a UTF-8 text file"):
        decode_text("né\n".encode("latin-1"), "w")
    assert decode_text(b"\xef\xbb\xbfn\xc3\xa9\r\n", "w") == "né\r\n"
