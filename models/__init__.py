"""Features, model, training and export: the code that Transform and Trainer run."""
