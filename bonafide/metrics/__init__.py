"""Detection metrics in plain numpy."""
