"""Transform: TensorFlow Transform's graph, applied shard by shard."""
