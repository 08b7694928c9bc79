"""Pushed versions of a model: file names, lookup, list, rollback, pruning."""
