"""Files that are written whole or not at all, Beam filesystems, TFRecords, fingerprints."""
