"""Results of the trials of a search, in a file, so that a killed search can resume."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping
from typing import Any

from bonafide.storage import uris
from bonafide.storage.files import is_leftover

_LOG = logging.getLogger("bonafide")
_FILE = "trials.json"


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """Result of a trial.

    Attributes:
        values: `section.field` -> value of the searched settings.
        dev_eer: EER on dev, a fraction; None if training diverged.
        failure: Reason of the failure; empty without one.
    """

    values: Mapping[str, Any]
    dev_eer: float | None = None
    failure: str = ""


class TrialRecord:
    """The results of a search so far.

    Args:
        directory: Folder of the file, a path or URI; need not exist.
        fingerprint: Fingerprint of data, settings and code; a record with another is not used.
    """

    def __init__(self, directory: str, fingerprint: str) -> None:
        self._directory = directory
        self._fingerprint = fingerprint
        self._path = uris.join(directory, _FILE)
        self._results = self._load()

    def __len__(self) -> int:
        return len(self._results)

    def find(self, values: Mapping[str, Any]) -> TrialResult | None:
        """The result with these values, or None."""
        return next((result for result in self._results if result.values == values), None)

    def add(self, result: TrialResult) -> None:
        """Stores a result; the file is always complete."""
        self._results.append(result)
        trials = [dataclasses.asdict(result) for result in self._results]
        content = {"fingerprint": self._fingerprint, "trials": trials}
        uris.write_text(self._path, json.dumps(content, indent=2) + "\n")

    def remove(self) -> None:
        """Removes the file, and the folder if it is then empty."""
        for name in uris.names_in(self._directory):
            if name == _FILE or is_leftover(name):
                uris.remove_file(uris.join(self._directory, name))
        if not uris.names_in(self._directory):
            uris.remove_folder(self._directory)

    def _load(self) -> list[TrialResult]:
        if not uris.exists(self._path):
            return []
        try:
            content = json.loads(uris.read_text(self._path))
            if content["fingerprint"] != self._fingerprint:
                raise ValueError("it belongs to other data, settings or code")
            return [TrialResult(**trial) for trial in content["trials"]]
        except (ValueError, KeyError, TypeError) as error:
            _LOG.warning("%s is not used, tuning starts over: %s", self._path, error)
            return []
