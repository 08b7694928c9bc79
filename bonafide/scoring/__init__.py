"""Scoring of recordings with a pushed model, without the pipeline's frameworks."""
