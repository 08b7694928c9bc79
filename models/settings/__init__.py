"""The settings of everything in `models`, one module a section; none imports a framework.

Import the modules, not this package: what a step of a pipeline imports decides when its cache is
used, and the features do not depend on the settings of training.
"""
