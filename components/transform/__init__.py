"""Transform: TensorFlow Transform's graph, with data that goes by the shard and not by the clip."""
