"""Compiles the pipeline for Kubeflow Pipelines, submits and schedules it, and monitors runs.

    python kubeflow_runner.py compile --image registry.example.com/bonafide:cpu
    python kubeflow_runner.py submit pipeline.yaml --host https://kubeflow.example.com --wait
    python kubeflow_runner.py schedule pipeline.yaml --name weekly --cron "0 3 * * 1"
    python kubeflow_runner.py schedules
    python kubeflow_runner.py runs
    python kubeflow_runner.py status RUN
    python kubeflow_runner.py status RUN --logs Trainer

See `COMMAND --help`, and docs/kubeflow.md for a walkthrough from the cluster to a weekly schedule.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import sys

from bonafide.command_line import CommandParser
from bonafide.logs import everything_into
from bonafide.version import project_version
from pipeline.exit_codes import FAILED
from pipeline.kubeflow.commands import add_commands, run_command
from pipeline.kubeflow.deployment import Deployment, read_deployment
from pipeline.options import add_settings_options, read_settings, settings_yaml

# TensorFlow writes to the file descriptors directly, while it is imported and used.
NOWHERE = pathlib.Path(os.devnull)


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    result = CommandParser(
        description=__doc__,
    )
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    compiling = commands.add_parser(
        "compile",
        help="write the pipeline as YAML; needs no cluster and no network",
    )
    add_settings_options(compiling)
    compiling.add_argument(
        "--output",
        metavar="FILE",
        type=pathlib.Path,
        default=pathlib.Path("pipeline.yaml"),
        help="output file (default: pipeline.yaml)",
    )
    compiling.add_argument(
        "--deployment",
        metavar="FILE",
        help="YAML file: images, resources, volumes, secrets, retries, caching (docs/kubeflow.md)",
    )
    compiling.add_argument("--image", help="container image of all tasks")
    compiling.add_argument(
        "--trainer-image", help="image of Trainer and Tuner, for example with CUDA"
    )
    compiling.add_argument("--corpus", metavar="DIR", help="folder of the corpus in the pods")
    compiling.add_argument(
        "--pipeline-root",
        metavar="URI",
        default="",
        help="location of the artifacts (minio://, s3:// or gs://; default: the cluster's)",
    )
    compiling.add_argument(
        "--push-destination",
        metavar="DIR",
        help="serving folder in the pods: a mounted path or a URI (s3://, minio://, gs://; "
        "default: /data/serving/PRESET)",
    )
    add_commands(commands)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    if options.command != "compile":
        return run_command(options)
    try:
        settings = read_settings(options)
        deployment = read_deployment(options.deployment) if options.deployment else Deployment()
    except ValueError as error:
        command_line.error(str(error))
    if options.corpus:
        corpus = dataclasses.replace(settings.corpus, root=options.corpus)
        settings = dataclasses.replace(settings, corpus=corpus)
    if options.print_config:
        print(settings_yaml(settings), end="")
        return 0
    deployment = dataclasses.replace(
        deployment,
        image=options.image or deployment.image,
        trainer_image=options.trainer_image or deployment.trainer_image,
    )
    destination = options.push_destination or f"/data/serving/{settings.name}"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with everything_into(NOWHERE):
        from pipeline.kubeflow import compile as compiler

    try:
        with everything_into(NOWHERE):
            documents = compiler.compile_pipeline(
                settings,
                deployment,
                pipeline_root=options.pipeline_root,
                push_destination=destination,
            )
        about = f"bonafide {project_version()}, preset {options.preset}"
        compiler.write(compiler.to_yaml(documents, about=about), options.output)
    except compiler.CompileError as error:
        lines = "".join(f"\n  - {problem}" for problem in error.problems)
        print(f"error: this would not run on Kubeflow Pipelines:{lines}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"error: cannot write {options.output}: {error.strerror}", file=sys.stderr)
        return FAILED
    tasks = documents[0]["root"]["dag"]["tasks"]
    print(f"{options.output}: {len(tasks)} tasks, image {deployment.image}")
    for name, known in documents[0]["root"]["inputDefinitions"]["parameters"].items():
        print(f"  --param {name}={known['defaultValue']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
