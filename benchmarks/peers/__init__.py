"""Programs that `benchmarks` runs in processes, and environments, of their own."""
