"""What Argo Workflows and the operating system demand of texts on their way to a task.

The backend compiles a run to an Argo workflow. Argo replaces what stands between `{{` and `}}` in
every text of it, and hands parts of the pipeline to the backend's driver and launcher as arguments
of a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# How Argo's tags begin.
TAG = "{{"
# The executor input, which the launcher fills in; Argo knows no such tag and leaves it.
EXECUTOR_INPUT = "{{$}}"
# `MAX_ARG_STRLEN` on Linux: the longest argument of a process, the zero byte at its end included.
MOST_ARGUMENT_BYTES = 128 * 1024
# What Go's JSON writes as six bytes.
_ESCAPED = ("<", ">", "&")


def argument_bytes(value: Any) -> int:
    """Bytes of a part of the pipeline as one argument of a process, its zero byte included.

    Args:
        value: JSON, which the backend writes as Go's `encoding/json` does.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + 5 * sum(text.count(sign) for sign in _ESCAPED) + 1


def tagged(value: Any, path: str = "") -> Iterator[str]:
    """Paths, such as `root.dag.tasks.Trainer`, of all texts in a JSON value that have a tag."""
    if isinstance(value, str):
        if TAG in value and value != EXECUTOR_INPUT:
            yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            inner_path = f"{path}.{key}" if path else str(key)
            if TAG in str(key):
                yield inner_path
            yield from tagged(inner, inner_path)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from tagged(inner, f"{path}[{place}]")
