"""ModelEvaluator: measures a model, compares it with the champion, and blesses it or not."""
