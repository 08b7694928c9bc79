"""WarmStart: finds the weights that a training starts from when a compiled pipeline runs."""
