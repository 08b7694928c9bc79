"""Which attacks have enough spoofs to be the worst one. Standard library only, as the gate."""

from __future__ import annotations

from collections.abc import Mapping

# An attack with fewer spoofs is the worst by chance: a single error is more than 5 %.
LEAST_TRIALS = 20


def counted(spoofs: Mapping[str, int]) -> frozenset[str]:
    """Returns the attacks that may be the worst one: all of them if none has enough spoofs.

    Args:
        spoofs: Attack -> number of its spoofs.
    """
    enough = frozenset(name for name, number in spoofs.items() if number >= LEAST_TRIALS)
    return enough or frozenset(spoofs)
