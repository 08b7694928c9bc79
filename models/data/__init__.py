"""Input data: from example files to batches."""
