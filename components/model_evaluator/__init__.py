"""ModelEvaluator: TFX's Evaluator with an optional champion and an explicit forced blessing."""

from components.model_evaluator.component import ModelEvaluator

__all__ = ["ModelEvaluator"]
