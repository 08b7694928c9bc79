"""Unfinished outputs of a killed run: found in the metadata, removed before the next run."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.dsl.io import fileio
from tfx.orchestration import metadata

_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def remove_leftovers(connection: mlmd.ConnectionConfig, artifacts: str) -> list[str]:
    """Removes the outputs of executions that never ended, and marks those as failed.

    A component that fails has its outputs removed by TFX. One that is killed leaves them, as large
    as a corpus maybe, in a folder that no artifact names. Only for who holds the output folder:
    what runs now has not ended either.

    Args:
        connection: Of the metadata store.
        artifacts: TFX's pipeline root, whose folders are COMPONENT/OUTPUT/EXECUTION.

    Returns:
        What was removed.
    """
    removed = []
    with metadata.Metadata(connection) as handle:
        store = handle.store
        for execution in store.get_executions():
            if execution.last_known_state not in _UNFINISHED:
                continue
            for context in store.get_contexts_by_execution(execution.id):
                if context.type != "node":
                    continue
                component = context.name.rpartition(".")[2]
                for folder in fileio.glob(f"{artifacts}/{component}/*/{execution.id}"):
                    fileio.rmtree(folder)
                    removed.append(folder)
            execution.last_known_state = mlmd.Execution.FAILED
            store.put_executions([execution])
    return removed
