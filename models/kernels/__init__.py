"""Layers, dropout and an optimizer that replace those of Keras on the CPU."""
