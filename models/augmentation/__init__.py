"""Augmentation of waveforms and of feature batches."""
