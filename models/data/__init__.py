"""From files of examples to batches."""
