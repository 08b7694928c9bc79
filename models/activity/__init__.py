"""Training of the weights of `bonafide.audio.activity`."""
