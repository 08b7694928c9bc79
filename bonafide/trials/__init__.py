"""Trials of an evaluation: protocols, score files, ids and labels."""
