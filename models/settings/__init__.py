"""Settings of `models`, one module per section; none imports a framework.

Import the modules, not this package: the imports of a pipeline step are part of its cache key, and
the features do not depend on the settings of training.
"""
