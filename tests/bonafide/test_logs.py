import logging
import subprocess
import sys
import textwrap
import warnings

from bonafide import logs
from bonafide.version import REPOSITORY


def test_only_what_is_meant_for_people_reaches_the_console(tmp_path):
    program = textwrap.dedent(
        """
        import logging, os, pathlib, subprocess, sys
        from bonafide import logs
        with logs.everything_into(pathlib.Path(sys.argv[1])) as screen:
            print("printed")
            os.write(2, b"from C\\n")
            subprocess.run(["echo", "from a child"])
            screen.write("for people\\n")
        print("after")
        """
    )
    log = tmp_path / "logs" / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", program, log],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert done.stdout == "for people\nafter\n"
    assert done.stderr == ""
    assert sorted(log.read_text().splitlines()) == ["from C", "from a child", "printed"]


def test_a_console_that_is_gone_does_not_leave_the_output_in_the_log(tmp_path):
    program = textwrap.dedent(
        """
        import contextlib, os, pathlib, sys
        from bonafide import logs
        sys.stdin.readline()
        with logs.everything_into(pathlib.Path(sys.argv[1])) as screen:
            with contextlib.suppress(BrokenPipeError):
                screen.write("for nobody\\n")
        os.write(2, b"restored")
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "run.log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    process.stdout.close()
    process.stdin.write("now\n")
    process.stdin.close()
    assert process.stderr.read() == "restored"
    assert process.wait() == 0


def test_people_see_their_lines_and_the_log_has_them_all(capfd):
    seen = []
    before = logging.getLogger().handlers[:]
    with logs.people_see(lambda level, text: seen.append((level, text))):
        logs.PEOPLE.info("epoch %d", 3)
        logs.PEOPLE.warning("careful")
        logging.getLogger("absl").info("a dump")
        warnings.warn("old", stacklevel=1)
    logs.PEOPLE.info("too late")
    assert seen == [(logging.INFO, "epoch 3"), (logging.WARNING, "careful")]
    assert logging.getLogger().handlers == before
    written = capfd.readouterr().err
    for text in ("epoch 3", "careful", "a dump", "old"):
        assert text in written
