"""A pushed model for phones and other small machines: one LiteRT (TFLite) file, features included.

Run as `python -m scoring.edge`; see `docs/serving.md`.
"""
