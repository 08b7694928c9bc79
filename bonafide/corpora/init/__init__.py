"""`bonafide init`: what a folder holds, what is wrong with it, and a first file of settings."""
