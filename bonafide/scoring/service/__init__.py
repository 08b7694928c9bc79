"""`bonafide serve`: the page and the HTTP API, on the engine of `bonafide score`."""
