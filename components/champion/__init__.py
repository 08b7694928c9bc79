"""Champion: finds the model that new models are compared with, and keeps a copy of it."""
