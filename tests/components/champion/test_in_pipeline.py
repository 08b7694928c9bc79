import json
import logging

from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner

from bonafide.registry import champion as finder
from bonafide.registry import names
from components.champion.component import Champion


def push_by_hand(destination, version, fingerprint):
    folder = destination / str(version) / names.EXTRA_DIR
    folder.mkdir(parents=True)
    (folder / "bonafide.json").write_text(json.dumps({"training_fingerprint": fingerprint}))
    (folder.parent / names.MODEL_FILE).write_text(f"graph {version}")


def run_pipeline(tmp_path, destination):
    """Runs Champion alone, built as the real pipeline builds it."""
    champion = Champion(
        push_destination=str(destination),
        training_fingerprint="mine",
        known_state=finder.champion_state(str(destination), "mine"),
    )
    database = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    local_dag_runner.LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="champion-test",
            pipeline_root=str(tmp_path / "root"),
            components=[champion],
            enable_cache=True,
            metadata_connection_config=database,
        )
    )


def test_the_cache_holds_until_another_model_is_pushed(tmp_path, caplog):
    destination = tmp_path / "serving"
    caplog.set_level(logging.INFO, logger="bonafide")

    def said():
        messages = [record.getMessage() for record in caplog.records if record.name == "bonafide"]
        caplog.clear()
        return messages

    run_pipeline(tmp_path, destination)
    assert said() == [f"no champion: {destination} contains no complete version"]
    push_by_hand(destination, 1, "mine")  # what this very run would push
    run_pipeline(tmp_path, destination)
    assert said() == []  # cached
    push_by_hand(destination, 2, "other")
    run_pipeline(tmp_path, destination)
    assert said() == [f"champion: {destination}/2"]
    run_pipeline(tmp_path, destination)
    assert said() == []
    [copy] = (tmp_path / "root").glob(f"Champion/model/*/Format-Serving/{names.MODEL_FILE}")
    assert copy.read_text() == "graph 2"
