"""Client and load generator of a model server."""
