"""Limits that Argo Workflows and the operating system set on the strings of a pipeline.

The backend compiles a run to an Argo workflow. Argo substitutes everything between `{{` and `}}` in
the workflow's strings, and passes parts of the pipeline to the backend's driver and launcher as
process arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# Start of a template tag of Argo.
TAG = "{{"
# The executor input, which the launcher fills in; Argo leaves this tag unchanged.
EXECUTOR_INPUT = "{{$}}"
# `MAX_ARG_STRLEN` on Linux: the longest process argument, including its terminating zero byte.
MOST_ARGUMENT_BYTES = 128 * 1024
# Characters that Go's JSON encoder escapes to six bytes.
_ESCAPED = ("<", ">", "&")


def argument_bytes(value: Any) -> int:
    """Returns the size of a value as one process argument, in bytes, with its zero byte.

    Args:
        value: JSON; the backend encodes it with Go's `encoding/json`.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + 5 * sum(text.count(sign) for sign in _ESCAPED) + 1


def tagged(value: Any, path: str = "") -> Iterator[str]:
    """Yields the path (`root.dag.tasks.Trainer`) of each string in a JSON value that has a tag."""
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
