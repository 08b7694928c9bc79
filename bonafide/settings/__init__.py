"""Settings: frozen dataclasses that validate their values by annotations.

All values, from a command line, a YAML file, JSON in an execution property or Python code, are
parsed by the annotations of a `Section`, or refused with the same wording:
`expected X, got Y (where). Do Z.` The annotations and the docstring's `Attributes` are
also the source of `--help-settings` and of docs/settings.md (`bonafide.settings.reference`).

The settings are dataclasses without pydantic: `import pydantic`, with a TypeAdapter for one
dataclass, takes 0.22 s more than the standard library alone, while `local_runner.py --help` takes
0.5 s (2 cores of an AMD EPYC, medians of 7 in turns, 2026-11-30). `bonafide score`, the executors
and Beam's workers would have the same delay, and `bonafide[score]` would depend on pydantic. The
required part of it takes about 600 lines here.

Only the declarations are imported here, so that a cached training does not depend on `overrides`,
`yaml_file` and `reference`.
"""

from bonafide.settings.errors import SettingsError
from bonafide.settings.rules import Bounds, Choices, Items, Pattern
from bonafide.settings.section import Section

__all__ = ["Bounds", "Choices", "Items", "Pattern", "Section", "SettingsError"]
