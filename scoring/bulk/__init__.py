"""Scoring of lists of any length, by Beam: `python -m scoring.bulk`.

The only part of `scoring` that needs the pipeline's environment.
"""
