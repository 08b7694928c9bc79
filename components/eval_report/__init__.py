"""EvalReport: the page and the model card that people decide on."""

from components.eval_report.component import EvalReport

__all__ = ["EvalReport"]
