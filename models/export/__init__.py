"""The servable: one SavedModel with features, network and signatures."""
