"""Scoring of lists of any length, by Beam: `bonafide bulk`.

The only part of `scoring` that needs the pipeline's environment.
"""
