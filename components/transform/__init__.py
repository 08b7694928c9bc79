"""Transform: TensorFlow Transform's graph, with data processed by shards, not by clips."""
