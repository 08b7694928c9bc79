"""Progress bar of a job, from the results of workers, independent of the engine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bonafide.scoring.bulk.workspace import Workspace

# Each update is a listing: cheap, but a load on the object store of the workers.
_SECONDS = 5.0


@contextlib.contextmanager
def watching(workspace: Workspace, shards: int, screen: TextIO) -> Iterator[None]:
    """Shows a progress bar of finished shards on a terminal."""
    if not screen.isatty():
        yield
        return
    over = threading.Event()
    columns = (TextColumn("shards"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=screen), transient=True) as bar:
        task = bar.add_task("shards", total=shards)

        def watch() -> None:
            while not over.wait(_SECONDS):
                with contextlib.suppress(OSError):  # the job does not depend on it
                    bar.update(task, completed=len(workspace.finished()))

        thread = threading.Thread(target=watch, name="bulk-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
