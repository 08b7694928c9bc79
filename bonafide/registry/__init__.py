"""Pushed versions of a model: names of their files, finding, listing, rolling back, pruning."""
