"""Champion: provides a copy of the model that new models are compared with."""
