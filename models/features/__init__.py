"""Features: the front end in TensorFlow and Transform's preprocessing function."""
