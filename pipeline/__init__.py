"""The pipeline: settings, presets, component graph and gate."""
