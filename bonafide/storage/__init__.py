"""Atomic file writes, object stores, Beam filesystems, TFRecords, fingerprints."""
