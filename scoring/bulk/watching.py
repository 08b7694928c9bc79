"""How far a job is, on a terminal, from the results that workers leave: whatever the engine."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scoring.bulk.workspace import Workspace

# A listing each: cheap, but asked of an object store that workers use.
_SECONDS = 5.0


@contextlib.contextmanager
def watching(workspace: Workspace, shards: int) -> Iterator[None]:
    """Shows a bar of the shards that are done, while there is someone to see it."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    columns = (TextColumn("shards"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("shards", total=shards)

        def watch() -> None:
            while not over.wait(_SECONDS):
                with contextlib.suppress(OSError):  # the job does not depend on it
                    bar.update(task, completed=len(workspace.finished()))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
