"""TFX components of this project, one package each."""
