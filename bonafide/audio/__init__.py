"""Audio: decoding, levels, landmarks and treatments of recordings, in numpy."""
