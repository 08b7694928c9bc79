"""Benchmarks; each writes `figures` and `ratios` (ours over the reference) as JSON."""
