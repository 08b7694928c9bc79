"""How the weights of `bonafide.audio.activity` were made."""
