"""Ctrl-C and SIGTERM as one error that no handler in between can swallow."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunInterruptedError(Exception):
    """Ctrl-C or SIGTERM. An Exception, so that TFX marks the execution failed and cleans up."""


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Turns SIGINT and SIGTERM into RunInterruptedError while the block runs.

    The error may appear anywhere, inside any library. One that puts an error of its own in its
    place (TensorFlow does, while it binds the arguments of a function) must not make an interrupt
    look like a failure, and where Python drops it (in a finaliser) the run must not continue for
    hours: so the signal is remembered as well.

    Yields:
        A function that raises RunInterruptedError if a signal came; to be called between the parts
        of the work, and from time to time within long ones.
    """
    received: list[str] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        # A second signal ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        received.append(signal.Signals(number).name)
        raise_if_interrupted()

    def raise_if_interrupted() -> None:
        if received:
            raise RunInterruptedError(received[0])

    previous = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield raise_if_interrupted
    except RunInterruptedError:
        raise
    except Exception as error:
        if received:
            raise RunInterruptedError(received[0]) from error
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
