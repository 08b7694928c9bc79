"""The model in service: loaded once, replaced when a newer version is pushed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bonafide.scoring.model import Model, ModelError, Scorer, find_model, read_model, sha256
from bonafide.scoring.single import ScoreBatch


@dataclass(frozen=True, eq=False)
class Loaded:
    """A version in memory; a request keeps the one that it began with.

    Attributes:
        model: Its records.
        score: int16 bytes of B clips -> scores [B].
        sha256: Hash of its files.
    """

    model: Model
    score: ScoreBatch
    sha256: str

    @property
    def version(self) -> str:
        """Name of the version's folder."""
        return self.model.folder.name


class ModelStore:
    """Holds the version in service, and looks for a newer one.

    Args:
        folder: As `find_model`: a version, which stays, or a folder of versions.
        load: Loads a model.
        watch: Called with a loaded version, and with the error of one that cannot be loaded.

    Attributes:
        current: The version in service.

    Raises:
        ModelError: There is no model, or it cannot be used.
    """

    def __init__(
        self,
        folder: str | None,
        *,
        load: Callable[[Model], ScoreBatch] = Scorer,
        watch: Callable[[Loaded | Exception], None] = lambda _: None,
    ) -> None:
        self._folder, self._load, self._watch = folder, load, watch
        self._refused: Path | None = None
        self._last_error = ""
        self._stopped = threading.Event()
        self.current = self._loaded(find_model(folder))
        watch(self.current)

    def refresh(self) -> bool:
        """Loads a newer version if there is one; returns whether there was.

        A version that cannot be loaded is reported once, and the current one stays in service.
        """
        try:
            found = find_model(self._folder)
            if found in (self.current.model.folder, self._refused):
                return False
            newer = self._loaded(found)
        except (ModelError, OSError) as error:
            self._refused = _found(self._folder)
            if str(error) != self._last_error:
                self._last_error = str(error)
                self._watch(error)
            return False
        self.current = newer
        self._watch(newer)
        return True

    def follow(self, seconds: float) -> None:
        """Calls `refresh` regularly in a thread until `stop`."""

        def run() -> None:
            while not self._stopped.wait(seconds):
                self.refresh()

        threading.Thread(target=run, name="versions", daemon=True).start()

    def stop(self) -> None:
        """Ends the search for newer versions."""
        self._stopped.set()

    def _loaded(self, folder: Path) -> Loaded:
        model = read_model(folder)
        return Loaded(model, self._load(model), sha256(folder))


def _found(folder: str | None) -> Path | None:
    try:
        return find_model(folder)
    except ModelError:
        return None
