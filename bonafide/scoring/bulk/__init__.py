"""Scoring of lists of any length with Beam: `bonafide bulk`.

It is the only part of `scoring` that requires the pipeline's environment.
"""
