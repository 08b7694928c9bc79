"""Runs a compiled pipeline with the KFP SDK's own local orchestrator.

    python run_with_kfp_local.py PIPELINE.yaml ROOT '{"epochs": 2, ...}'

Its subprocess runner refuses tasks that are not written with the SDK, although it can run them:
that check is taken out. (Its evaluation of conditions knows no expression that the SDK itself
compiles, so a task with a condition is skipped.)
"""

import json
import os
import pathlib
import sys

from kfp import components, local
from kfp.local import subprocess_task_handler


def main(pipeline_file, root, parameters):
    """Runs it in an empty working directory; raises where a task fails."""
    repository = pathlib.Path(__file__).resolve().parents[2]
    os.environ["PYTHONPATH"] = str(repository)
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    handler = subprocess_task_handler.SubprocessTaskHandler
    handler.validate_not_container_component = lambda *_: None
    work = pathlib.Path(root) / "work"
    work.mkdir(parents=True)
    os.chdir(work)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(pathlib.Path(root) / "artifacts"),
    )
    components.load_component_from_file(pipeline_file)(**json.loads(parameters))


if __name__ == "__main__":
    main(*sys.argv[1:])
