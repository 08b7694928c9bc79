"""Features, model, training and export: what runs inside Transform and Trainer."""
