"""Executor of Champion."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from bonafide.registry import champion as finder


class Executor(base_executor.BaseExecutor):
    """Finds the champion and copies it into the output."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Finds the champion again; fails if it changed since the run began.

        Args:
            input_dict: Empty.
            output_dict: `model`: the champion in `Format-Serving/` with `champion.json` beside it,
                or only `no_champion.json`.
            exec_properties: `push_destination`, `training_fingerprint`, `known_state`.

        Raises:
            ChampionChangedError: The serving folder has changed since the run began.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        destination = exec_properties["push_destination"]
        version = finder.confirm_champion(
            destination, exec_properties["training_fingerprint"], exec_properties["known_state"]
        )
        model = artifact_utils.get_single_instance(output_dict["model"])
        finder.save_champion(destination=destination, version=version, uri=model.uri)
        model.set_string_custom_property("champion_version", version or "")
