"""What runs on one machine and cannot run in pods: found in the settings before compiling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bonafide.registry.warm_start import CHAMPION
from bonafide.storage.uris import OBJECT_STORES
from pipeline.config import Settings
from pipeline.kubeflow.deployment import Deployment

_FOR_PODS = ("/", *OBJECT_STORES)
_WHERE = f"an absolute path as the pods see it, or a URI ({', '.join(OBJECT_STORES)})"
# Beam's runners whose workers are threads or processes of the pod, in lower case.
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
    """Everything in the settings and the deployment that pods cannot run, as sentences.

    Args:
        settings: What to run.
        deployment: How to run it.
        push_destination: Serving folder by default.
    """
    if not deployment.image:
        yield "no image is named: give --image, or `image` in the deployment file"
    root = settings.corpus.root
    if not root.startswith("/") and "://" not in root:
        yield (
            f"the corpus is {root!r}: give --corpus the folder as the pods see it, an absolute "
            "path or a URI"
        )
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
    """The runner that options for Beam name, the last one; Beam's default where they name none."""
    found = "DirectRunner"
    for place, argument in enumerate(arguments):
        if argument.startswith("--runner="):
            found = argument.removeprefix("--runner=")
        elif argument == "--runner" and place + 1 < len(arguments):
            found = arguments[place + 1]
    return found
