import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from pipeline.leftovers import remove_leftovers


@pytest.fixture
def connection(tmp_path):
    return metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))


def add_execution(store, component, state):
    """An execution as TFX registers it: its node is a context."""
    kind = store.put_execution_type(mlmd.ExecutionType(name=f"type.{component}"))
    context_kind = store.put_context_type(mlmd.ContextType(name="node"))
    number, _, _ = store.put_execution(
        mlmd.Execution(type_id=kind, last_known_state=state),
        [],
        [mlmd.Context(type_id=context_kind, name=f"bonafide-sample.{component}")],
        reuse_context_if_already_exist=True,
    )
    return number


def test_only_what_never_ended_is_removed(connection, tmp_path):
    artifacts = tmp_path / "artifacts"
    states = {
        "RUNNING": mlmd.Execution.RUNNING,
        "NEW": mlmd.Execution.NEW,
        "COMPLETE": mlmd.Execution.COMPLETE,
        "CACHED": mlmd.Execution.CACHED,
        "FAILED": mlmd.Execution.FAILED,
    }
    folders = {}
    with metadata.Metadata(connection) as handle:
        for name, state in states.items():
            number = add_execution(handle.store, "Transform", state)
            folders[name] = [
                artifacts / "Transform" / output / str(number)
                for output in ("transform_graph", "transformed_examples")
            ]
            for folder in folders[name]:
                (folder / "Split-train").mkdir(parents=True)
                (folder / "Split-train" / "shard").write_text("half")
            other = artifacts / "Trainer" / "model" / str(number)  # of an execution of this number
            other.mkdir(parents=True)

    removed = remove_leftovers(connection, str(artifacts))
    assert sorted(removed) == sorted(map(str, folders["RUNNING"] + folders["NEW"]))
    for name, paths in folders.items():
        assert all(path.exists() == (name not in ("RUNNING", "NEW")) for path in paths)
    assert len(list((artifacts / "Trainer" / "model").iterdir())) == len(states)
    assert remove_leftovers(connection, str(artifacts)) == []


def test_nothing_has_run_yet(connection, tmp_path):
    assert remove_leftovers(connection, str(tmp_path / "artifacts")) == []
