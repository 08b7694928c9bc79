"""Exit codes of the runners."""

PUSHED, FAILED, REFUSED, INTERRUPTED = 0, 1, 3, 130
