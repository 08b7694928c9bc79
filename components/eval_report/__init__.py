"""EvalReport: the report page and the model card."""

from components.eval_report.component import EvalReport

__all__ = ["EvalReport"]
