"""Training: losses, steps, devices, checkpoints, calibration, warm start."""
