"""Conversion of a pushed model for phones and other small machines: one LiteRT (TFLite) file.

Run as `bonafide edge`; see `docs/serving.md`.
"""
