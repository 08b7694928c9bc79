"""Executor of EvalReport."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from bonafide.report.model_card import render_model_card
from bonafide.report.page import render_page
from components.eval_report import gathering

REPORT_FILE = "report.html"
MODEL_CARD_FILE = "model_card.md"


class Executor(base_executor.BaseExecutor):
    """Writes the page and the model card."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Gathers, renders and writes.

        Args:
            input_dict: `examples`, `model`, `evaluation`, `scores`, `blessing`, optionally
                `data_report`.
            output_dict: `report` and `model_card`.
            exec_properties: See `EvalReportSpec`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        uris = {
            name: artifact_utils.get_single_uri(found)
            for name, found in input_dict.items()
            if found
        }
        contents = gathering.gather(
            evaluation_uri=uris["evaluation"],
            scores_uri=uris["scores"],
            blessing_uri=uris["blessing"],
            examples_uri=uris["examples"],
            data_report_uri=uris.get("data_report"),
            model_path=path_utils.serving_model_path(uris["model"]),
            title=exec_properties["title"],
            corpus_root=exec_properties["corpus_root"],
            settings=gathering.parse_settings(exec_properties["settings"]),
            version=exec_properties["version"],
        )
        for name, file, text in (
            ("report", REPORT_FILE, render_page(contents)),
            ("model_card", MODEL_CARD_FILE, render_model_card(contents)),
        ):
            uri = artifact_utils.get_single_uri(output_dict[name])
            io_utils.write_string_file(f"{uri}/{file}", text)
