"""The engines: one module for what they have in common."""
