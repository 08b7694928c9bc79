"""How a pushed model is served, and a client of such a server."""
