"""Executor of ModelPusher."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.components.pusher import executor as pusher_executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from bonafide.registry import names, store
from bonafide.registry.champion import recorded
from bonafide.registry.names import PAGE_FILE, PROFILE_FILE, SCORE_PROFILE_FILE
from bonafide.storage import uris

_LOG = logging.getLogger("bonafide")


class Executor(pusher_executor.Executor):
    """TFX's Pusher with its copying replaced.

    The stock executor copies into the final folder: if it is killed, it leaves a numbered folder
    that model servers cannot load. It also silently skips the second of two pushes within a second,
    and takes the version from the clock alone, so a model that is pushed after the clock was set
    back is never served.
    """

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed.

        Args:
            input_dict: `model` and `model_blessing`, optionally `report`, `model_card`,
                `evaluation` and `data_report`.
            output_dict: `pushed_model`: a copy of the pushed model, and custom properties `pushed`
                (0 or 1), `pushed_destination` and `pushed_version`.
            exec_properties: `push_destination`, JSON of `pusher_pb2.PushDestination`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            _LOG.info("not pushed: the gate refused the model")
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
        )
        path = push(
            model_path=self.GetModelPath(input_dict),
            destination=destination.filesystem.base_directory,
            blessing_uri=_blessing_uri(input_dict),
            reports=_reports(input_dict),
        )
        io_utils.copy_dir(path, pushed.uri)
        self._MarkPushed(pushed, pushed_destination=path, pushed_version=path.rsplit("/", 1)[-1])


def push(
    *,
    model_path: str,
    destination: str,
    blessing_uri: str | None = None,
    reports: Sequence[str] = (),
) -> str:
    """Publishes a model as the next version of a serving folder, unless it is there already.

    It is there if a version has its training fingerprint (data, code and settings), also with other
    weights: the same training, repeated, makes no new version. A model without a fingerprint is
    compared with the newest version byte for byte. A forced blessing is published again, unless it
    was forced for the same reason, so that its record is with a version. A version keeps its
    reports: a changed report alone does not make a new version.

    Args:
        model_path: SavedModel folder.
        destination: Serving folder, `serving/<name>`.
        blessing_uri: Blessing of the model. If it was forced, its record is copied into the pushed
            model's `assets.extra/`, so that it stays with the model.
        reports: Files of the evaluation, which are also copied there.

    Returns:
        The folder of the new version, or of the one that is the same model.
    """
    extra_files: dict[str, str] = {}
    beside = {f"{names.EXTRA_DIR}/{path.rsplit('/', 1)[-1]}": path for path in reports}
    # A republished version is the same model as the original.
    republished = f"{names.EXTRA_DIR}/{names.REPUBLISHED_FILE}"
    forced = f"{blessing_uri}/{names.FORCED_BLESSING_FILE}"
    if blessing_uri is not None and fileio.exists(forced):
        extra_files[f"{names.EXTRA_DIR}/{names.FORCED_BLESSING_FILE}"] = forced
    versions = store.complete_versions(destination)
    same = _same_training(model_path, destination, versions, forced if extra_files else None)
    if same is not None:
        _LOG.info("not pushed again: %s was trained on the same data, code and settings", same)
        if same != store.version_path(destination, versions[-1]):
            _LOG.warning(
                "%s is not the current version; bonafide versions %s --to %s --reason TEXT makes "
                "it current",
                *(same, destination, same.rpartition("/")[2]),
            )
        return same
    if versions:
        newest = store.version_path(destination, versions[-1])
        not_compared = {*beside, republished}
        if store.is_copy(newest, model_path, extra_files=extra_files, not_compared=not_compared):
            _LOG.info("not pushed again: %s is the same model", newest)
            return newest
    while True:
        path = store.version_path(destination, store.next_version(destination))
        try:
            store.copy_model(model_path, path, extra_files=extra_files | beside)
        except FileExistsError:
            continue  # another push took this number first; the next iteration takes a higher one
        _LOG.info("pushed %s%s", path, " (forced blessing)" if extra_files else "")
        return path


def _same_training(
    model_path: str, destination: str, versions: Sequence[str], forced: str | None
) -> str | None:
    """Returns the newest version with the model's fingerprint and, if forced, with its reason."""
    fingerprint = recorded(model_path, "training_fingerprint")
    if fingerprint is None:
        return None
    for version in reversed(versions):
        path = store.version_path(destination, version)
        if recorded(path, "training_fingerprint") != fingerprint:
            continue
        theirs = f"{path}/{names.EXTRA_DIR}/{names.FORCED_BLESSING_FILE}"
        if forced is None or (uris.exists(theirs) and _reason(theirs) == _reason(forced)):
            return path
    return None


def _reason(record: str) -> str:
    reason: str = json.loads(uris.read_text(record)).get("reason", "")
    return reason


def _reports(input_dict: dict[str, list[types.Artifact]]) -> list[str]:
    """Returns the existing files among reports, figures and verdict."""
    pages = [
        f"{artifact.uri}/{name}"
        for key in ("report", "model_card")
        for artifact in input_dict.get(key) or []
        for name in fileio.listdir(artifact.uri)
    ]
    files = {
        "evaluation": (
            names.EVALUATION_FILE,
            names.VERDICT_FILE,
            names.CONDITIONS_FILE,
            SCORE_PROFILE_FILE,
            names.TRAINING_RANGE_FILE,
        ),
        "data_report": (PAGE_FILE, PROFILE_FILE),
    }
    figures = [
        f"{artifact.uri}/{name}"
        for key, kept in files.items()
        for artifact in input_dict.get(key) or []
        for name in kept
    ]
    # A cached evaluation of an older version lacks newer files.
    return pages + [path for path in figures if fileio.exists(path)]


def _blessing_uri(input_dict: dict[str, list[types.Artifact]]) -> str | None:
    blessings = input_dict.get(standard_component_specs.MODEL_BLESSING_KEY)
    return artifact_utils.get_single_uri(blessings) if blessings else None
