"""Features: the front end in TensorFlow and what Transform runs."""
