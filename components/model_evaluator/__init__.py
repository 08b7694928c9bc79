"""ModelEvaluator: evaluates a model, compares it with the champion, and applies the gate."""
