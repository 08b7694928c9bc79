"""Detection metrics in plain numpy, and their adapters for TFMA."""
