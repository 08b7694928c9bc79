"""Executor of CorpusCheck."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from bonafide.corpora.state import corpus_fingerprint
from bonafide.storage.beam_files import BeamFiles
from components.corpus_check.asv import asv_error_rates
from components.corpus_check.settings import CorpusCheckSettings

_LOG = logging.getLogger("bonafide")


class Executor(base_executor.BaseExecutor):
    """Lists the corpus, reads its protocols and the scores of a speaker verifier."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the two values.

        Args:
            input_dict: Empty.
            output_dict: `corpus_fingerprint_text` and `asv_error_rates_text`, both `String`.
            exec_properties: `settings`, those of `CorpusCheckSettings` as JSON.

        Raises:
            CorpusError: The corpus does not exist, or a protocol or score file is malformed.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = CorpusCheckSettings.from_json(exec_properties["settings"])
        root, layout, options = settings.corpus_root, settings.layout, settings.options
        found = {
            "corpus_fingerprint": corpus_fingerprint(root, layout, BeamFiles(root), options),
            "asv_error_rates": json.dumps(
                {
                    split: dataclasses.asdict(rates)
                    for split, rates in asv_error_rates(
                        root,
                        layout,
                        options=options,
                        scores_dev=settings.asv_scores_dev,
                        scores_eval=settings.asv_scores_eval,
                    ).items()
                },
                sort_keys=True,
            ),
        }
        for name, text in found.items():
            artifact_utils.get_single_instance(output_dict[f"{name}_text"]).write(text)
        _LOG.info("corpus %s: fingerprint %s", root, found["corpus_fingerprint"][:16])
