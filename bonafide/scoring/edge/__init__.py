"""A pushed model for phones and other small machines: one LiteRT (TFLite) file, features included.

Run as `bonafide edge`; see `docs/serving.md`.
"""
