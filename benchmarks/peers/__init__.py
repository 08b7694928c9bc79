"""Programs that `benchmarks` runs in separate processes and environments."""
