"""DataGate: stops a run on bad data before it costs a training."""
