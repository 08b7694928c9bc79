"""Forced blessing: overrides a refusal of the gate, with a recorded reason."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Sequence

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from bonafide.registry.names import FORCED_BLESSING_FILE
from bonafide.registry.versions import acting_user

_LOG = logging.getLogger("bonafide")


def force_blessing(blessing: types.Artifact, *, reason: str, failures: Sequence[str]) -> None:
    """Changes a refusal to a blessing and records the reason in and beside the artifact.

    Args:
        blessing: `ModelBlessing` of the refused model; changed in place.
        reason: Reason given by the user.
        failures: Failures that the gate reported.
    """
    record = {
        "reason": reason,
        "by": acting_user(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "failures": list(failures),
    }
    # The record is written first: a kill at any time leaves no forced blessing without a record.
    io_utils.write_string_file(
        f"{blessing.uri}/{FORCED_BLESSING_FILE}", json.dumps(record, indent=2) + "\n"
    )
    refused = f"{blessing.uri}/{constants.NOT_BLESSED_FILE_NAME}"
    if fileio.exists(refused):
        fileio.remove(refused)
    io_utils.write_string_file(f"{blessing.uri}/{constants.BLESSED_FILE_NAME}", "")
    blessing.set_string_custom_property("forced_blessing_reason", reason)
    blessing.set_string_custom_property("forced_blessing_date", record["date"])
    blessing.set_string_custom_property("forced_blessing_failures", "; ".join(failures))
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE
    )
    _LOG.warning(
        "BLESSING FORCED although the gate refused the model (%s). Reason given: %s",
        "; ".join(failures),
        reason,
    )
