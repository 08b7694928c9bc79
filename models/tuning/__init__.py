"""Tuning: a search over settings on attacks held out of training."""
