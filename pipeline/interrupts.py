"""Ctrl-C and SIGTERM as one exception that no intermediate handler can suppress."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunInterruptedError(Exception):
    """Ctrl-C or SIGTERM; an Exception, so that TFX marks the execution as failed and cleans up."""


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Converts SIGINT and SIGTERM to RunInterruptedError while the block runs.

    The exception may be raised inside any library. A library may replace it by its own exception
    (TensorFlow does, while it binds the arguments of a function), which must not look like a
    failure; and Python drops it in finalisers, after which the run must not continue for hours.
    The signal is therefore also recorded.

    Yields:
        A function that raises RunInterruptedError after a signal; to be called between the parts
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
