"""Settings: frozen dataclasses whose annotations say what each value must be, and are checked.

One loader for all of them: what a command line, a YAML file, JSON in an execution property or
Python code gives is read by the annotations of a `Section`, or refused in one wording:
`expected X, got Y (where). Do Z.` The annotations and the docstring's `Attributes` are
also the source of `--help-settings` and of docs/settings.md (`bonafide.settings.reference`).

Plain dataclasses, and not pydantic: `import pydantic`, with a TypeAdapter for a single dataclass,
takes 0.22 s more than the standard library alone, where all of `local_runner.py --help` took 0.5 s
(2 cores of an AMD EPYC, medians of 7 in turns, 2026-11-30). `bonafide score`, the executors and
Beam's workers would wait for it too, and `bonafide[score]` would have to install it. What is needed
of it takes some 600 lines here.

Only the declarations are imported here: `overrides`, `yaml_file` and `reference` are not among the
code that a cached training depends on.
"""

from bonafide.settings.errors import SettingsError
from bonafide.settings.rules import Bounds, Choices, Items, Pattern
from bonafide.settings.section import Section

__all__ = ["Bounds", "Choices", "Items", "Pattern", "Section", "SettingsError"]
