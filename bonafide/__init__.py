"""Bonafide, a library that detects synthetic speech.

Importing it imports no framework: TensorFlow, Beam and TFX are loaded by what needs them.
"""
