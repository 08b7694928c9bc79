"""Champion: finds the model to beat and keeps a copy of it as evidence."""
