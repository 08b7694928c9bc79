"""EvalReport: the page and the model card that people decide on."""
