"""DataGate: stops a run with unfit data before the training."""
