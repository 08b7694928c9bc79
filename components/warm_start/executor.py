"""Executor of WarmStart."""

from __future__ import annotations

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from bonafide.registry.warm_start import find_warm_start

_LOG = logging.getLogger("bonafide")
# Placeholder of the hash: an empty parameter would look like a missing one.
NO_WEIGHTS = "none"


class Executor(base_executor.BaseExecutor):
    """Finds the weights and computes their hash."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the two values.

        Args:
            input_dict: Empty.
            output_dict: `pretrained_text` and `pretrained_digest_text`, both `String`.
            exec_properties: See `WarmStartSpec`.

        Raises:
            FileNotFoundError: The weights do not exist.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        fingerprint = exec_properties["training_fingerprint"]
        start = find_warm_start(
            exec_properties["pretrained"],
            exec_properties["push_destination"],
            lambda digest: f"{fingerprint}-{digest or NO_WEIGHTS}",
        )
        found = {
            "pretrained": start.pretrained,
            "pretrained_digest": start.digest or NO_WEIGHTS,
        }
        for name, text in found.items():
            artifact_utils.get_single_instance(output_dict[f"{name}_text"]).write(text)
        if start.digest:
            _LOG.info("warm start: %s (sha256 %s)", start.pretrained, start.digest[:16])
        else:
            _LOG.info("warm start: no model has been pushed yet, training starts from scratch")
