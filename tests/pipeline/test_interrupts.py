import contextlib
import signal
import subprocess
import sys

import pytest

from bonafide.version import REPOSITORY
from pipeline.interrupts import RunInterruptedError, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_the_error_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with pytest.raises(RunInterruptedError, match=number.name), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_an_error_put_in_its_place_is_still_the_interrupt():
    def library():
        try:
            signal.raise_signal(signal.SIGINT)
        except RunInterruptedError as error:
            raise TypeError("Binding inputs failed") from error

    with pytest.raises(RunInterruptedError) as caught, interruptible():
        library()
    assert isinstance(caught.value.__cause__, TypeError)


def test_one_that_was_dropped_is_raised_at_the_next_check():
    passed = []

    def work(raise_if_interrupted):
        raise_if_interrupted()
        passed.append("nothing came yet")
        with contextlib.suppress(Exception):
            signal.raise_signal(signal.SIGINT)
        passed.append("dropped")
        raise_if_interrupted()

    with pytest.raises(RunInterruptedError), interruptible() as raise_if_interrupted:
        work(raise_if_interrupted)
    assert passed == ["nothing came yet", "dropped"]


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="of its own"), interruptible():
        raise ValueError("of its own")


def test_a_second_signal_ends_the_process():
    program = (
        "import signal\n"
        "from pipeline.interrupts import interruptible\n"
        "with interruptible():\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    except Exception:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=REPOSITORY)
    assert done.returncode == -2
