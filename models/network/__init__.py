"""The Conformer."""
