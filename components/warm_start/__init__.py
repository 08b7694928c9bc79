"""WarmStart: finds the initial weights of a training when a compiled pipeline runs."""
