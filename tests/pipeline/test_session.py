import subprocess
import sys

import pytest

from bonafide.corpora import CorpusError
from pipeline.session import OutputBusyError, explain, only_run_in


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
