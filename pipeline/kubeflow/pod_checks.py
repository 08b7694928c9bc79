"""Checks the settings for options that work on one machine but not in pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bonafide.registry.warm_start import CHAMPION
from bonafide.storage.uris import OBJECT_STORES
from pipeline.config import Settings
from pipeline.kubeflow.deployment import Deployment

_FOR_PODS = ("/", *OBJECT_STORES)
_WHERE = f"an absolute path in the pods, or a URI ({', '.join(OBJECT_STORES)})"
# Beam runners whose workers are threads or processes of the pod, in lower case.
_RUNNERS_IN_POD = ("fnapirunner", "directrunner", "bundlebaseddirectrunner", "prismrunner")
_ENGINE = (
    "an engine's workers are outside the pod, where the artifacts are local copies that the "
    "launcher made. Use --runner=FnApiRunner with --direct_running_mode=multi_processing, "
    "--direct_num_workers=N and enough cpu and memory for the pod, or run on the engine with "
    "local_runner.py --beam-runner and artifacts that all workers reach (docs/scale.md)"
)


def pod_problems(
    settings: Settings, deployment: Deployment, push_destination: str
) -> Iterator[str]:
    """Yields a message for each setting or deployment option that cannot work in pods.

    Args:
        settings: Settings of the pipeline.
        deployment: Settings of the cluster's tasks.
        push_destination: Default serving folder.
    """
    if not deployment.image:
        yield "no image is named: give --image, or `image` in the deployment file"
    root = settings.corpus.root
    if not root.startswith("/") and "://" not in root:
        yield (f"corpus: expected {_WHERE}, got {root!r}. Give it with --corpus")
    if not push_destination.startswith(_FOR_PODS):
        yield (
            f"push destination: expected {_WHERE}, got {push_destination!r}. Give "
            "--push-destination"
        )
    if not deployment.checkpoints.startswith(_FOR_PODS):
        yield (
            f"checkpoints: expected {_WHERE}, got {deployment.checkpoints!r}. Change it in the "
            "deployment file"
        )
    pretrained = settings.trainer.pretrained
    if pretrained and pretrained != CHAMPION and not pretrained.startswith(_FOR_PODS):
        yield f"trainer.pretrained: expected {_WHERE}, or {CHAMPION}, got {pretrained!r}"
    if settings.beam.runner != "direct":
        yield (
            f"beam.runner: expected direct, got {settings.beam.runner}. Pods take their options "
            f"for Beam from beam_args in the deployment file, and {_ENGINE}"
        )
    runner = beam_runner(deployment.beam_args)
    if runner.rpartition(".")[2].lower() not in _RUNNERS_IN_POD:
        yield f"beam_args: expected a runner that works inside the pod, got {runner}: {_ENGINE}"


def beam_runner(arguments: Sequence[str]) -> str:
    """Returns the last runner in Beam options, or Beam's default."""
    found = "DirectRunner"
    for place, argument in enumerate(arguments):
        if argument.startswith("--runner="):
            found = argument.removeprefix("--runner=")
        elif argument == "--runner" and place + 1 < len(arguments):
            found = arguments[place + 1]
    return found
