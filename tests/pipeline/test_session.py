import sqlite3
import subprocess
import sys

import pytest

from bonafide.corpora import CorpusError
from pipeline.session import (
    DamagedMetadataError,
    OutputBusyError,
    explain,
    only_run_in,
    refuse_damaged,
)


def noted(error):
    error.add_note("Against version 7.")
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CorpusError("a.txt:3: four columns"), "a.txt:3: four columns"),
        (
            OSError(28, "No space left on device"),
            "OSError: [Errno 28] No space left on device\nFree some space, or choose another "
            "--output. The same command then resumes: finished components are kept.",
        ),
        (RuntimeError(""), "RuntimeError"),
        (noted(ValueError("scores are NaN")), "ValueError: scores are NaN\nAgainst version 7."),
        (
            RuntimeError("Traceback (most recent call last):\n  File x\nCorpusError: why"),
            "CorpusError: why",
        ),
    ],
)
def test_explain(error, text):
    assert explain(error) == text


def test_only_one_process_holds_the_output(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from pipeline.session import only_run_in\n"
        "with only_run_in(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    with pytest.raises(OutputBusyError, match=str(other.pid)), only_run_in(tmp_path):
        pass
    other.kill()
    other.wait()
    with only_run_in(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".lock").mkdir()  # also root cannot open it
    with pytest.raises(OutputBusyError) as caught, only_run_in(tmp_path):
        pass
    assert f"got Is a directory ({tmp_path}/.lock)" in str(caught.value)
    assert "remove the file" in str(caught.value)


def test_metadata_that_can_be_read_are_accepted(tmp_path):
    database = tmp_path / "metadata.sqlite"
    refuse_damaged(database)  # not there yet
    database.touch()
    refuse_damaged(database)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE MLMDEnv (schema_version INTEGER)")
    refuse_damaged(database)


@pytest.mark.parametrize("damage", ["text", "cut off", "overwritten", "other"])
def test_damaged_metadata_are_named_with_the_remedy(tmp_path, damage):
    folder = tmp_path / "my output"
    folder.mkdir()
    database = folder / "metadata.sqlite"
    with sqlite3.connect(database) as connection:
        table = "MLMDEnv" if damage != "other" else "Notes"
        connection.execute(f"CREATE TABLE {table} (text TEXT)")
        connection.executemany(f"INSERT INTO {table} VALUES (?)", [("x" * 900,)] * 100)
    connection.close()
    content = database.read_bytes()
    if damage == "text":
        database.write_text("this is no database, but a note about one " * 99)
    if damage == "cut off":
        database.write_bytes(content[: len(content) // 2])
    if damage == "overwritten":
        database.write_bytes(content[:4096] + b"\xff" * 8192 + content[12288:])
    with pytest.raises(DamagedMetadataError) as caught:
        refuse_damaged(database)
    message = str(caught.value)
    assert f"({database})" in message
    assert f"mkdir '{folder}/damaged' && mv '{database}' '{folder}/artifacts'" in message
    assert "SELECT" not in message
