"""Unfinished outputs of a killed run: found in the metadata, removed before the next run."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.dsl.io import fileio
from tfx.orchestration import metadata

_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def remove_leftovers(connection: mlmd.ConnectionConfig, artifacts: str) -> list[str]:
    """Removes the outputs of unfinished executions, and marks these as failed.

    TFX removes the outputs of failed components. A killed component leaves them, possibly as large
    as a corpus, in a folder that no artifact refers to. The caller must hold the lock of the output
    folder, because running executions are unfinished too.

    Args:
        connection: Connection to the metadata store.
        artifacts: TFX's pipeline root, whose folders are COMPONENT/OUTPUT/EXECUTION.

    Returns:
        The removed folders.
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
