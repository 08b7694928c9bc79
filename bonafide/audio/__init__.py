"""Audio in numpy: decoding, levels, landmarks and treatments of recordings."""
