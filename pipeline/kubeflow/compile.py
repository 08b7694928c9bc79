"""Compiles the pipeline to what open-source Kubeflow Pipelines 2 accepts and its pods can run.

TFX's compiler does most of it, for Vertex AI. What is put right after it (`edits`), in the
specification that it gives and without touching TFX:

- values that are known only when the pipeline runs become parameters (`parameters`), with defaults,
  and what CorpusCheck finds becomes a parameter of the components after it;
- pages get types that Kubeflow's UI shows; retries, caching, resources and images come from the
  deployment file (`deployment`);
- ModelPusher is skipped, where everyone can see it, when the gate has refused the model;
- volumes, secrets, node selectors and the like are a second document (`platform`).

`checks` then holds the result against what the backend demands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from tfx.dsl.components.base import base_component
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from bonafide.storage import files
from bonafide.storage.uris import OBJECT_STORES
from components.corpus_check.component import CorpusCheck
from components.corpus_check.settings import CorpusCheckSettings
from models.settings.trainer import CHAMPION
from pipeline.config import CorpusConfig, Settings
from pipeline.fingerprints import Fingerprints
from pipeline.kubeflow import edits, parameters
from pipeline.kubeflow.checks import CompileError, require_acceptable
from pipeline.kubeflow.deployment import Deployment
from pipeline.kubeflow.parameters import RunParameter
from pipeline.kubeflow.platform import platform_document
from pipeline.pipeline import Places, RunContext, create_components
from pipeline.warm_start import WarmStart

ENTRYPOINT = ("python", "-m", "pipeline.kubeflow.entrypoint")
# Where the image has the bundled corpus (see Dockerfile).
BUNDLED_IN_IMAGE = "/opt/bonafide/samples"


def compile_pipeline(
    settings: Settings,
    deployment: Deployment,
    *,
    pipeline_root: str = "",
    push_destination: str,
) -> list[dict[str, Any]]:
    """Compiles the same graph that runs locally, with CorpusCheck in front.

    Nothing outside this checkout is read: not the corpus, no bucket, no cluster.

    Args:
        settings: What to run.
        deployment: How to run it; must name an image.
        pipeline_root: Where Kubeflow keeps artifacts by default (`minio://`, `s3://`, `gs://`);
            empty leaves it to the submission.
        push_destination: Serving folder by default, as the pods see it.

    Returns:
        The YAML documents: the `PipelineSpec`, and the platform's where there is anything for it.

    Raises:
        CompileError: Something cannot run on Kubeflow; the message names all that was found.
    """
    if settings.corpus.root == CorpusConfig().root:
        settings = dataclasses.replace(
            settings, corpus=dataclasses.replace(settings.corpus, root=BUNDLED_IN_IMAGE)
        )
    if found := list(_not_for_pods(settings, deployment, push_destination)):
        raise CompileError(found)
    wanted = parameters.run_parameters(settings, push_destination)
    spec = _tfx_specification(settings, deployment, wanted)
    if pipeline_root:
        spec["defaultPipelineRoot"] = pipeline_root
    edits.type_pages(spec)
    edits.give_parameters(spec, wanted)
    edits.skip_push_of_refused(spec)
    edits.set_options(spec, deployment)
    edits.tell_declarations(spec)
    edits.name_as_the_sdk_does(spec)
    platform = platform_document(deployment, spec["root"]["dag"]["tasks"])
    require_acceptable(spec, platform, deployment.kfp_version)
    return [spec, platform] if platform else [spec]


_FOR_PODS = ("/", *OBJECT_STORES)
_WHERE = f"an absolute path as the pods see it, or a URI ({', '.join(OBJECT_STORES)})"


def _not_for_pods(
    settings: Settings, deployment: Deployment, push_destination: str
) -> Iterator[str]:
    """What runs here and cannot in a pod."""
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
    if pretrained == CHAMPION:
        yield (
            "trainer.pretrained=champion is resolved when a run is set up, which a compiled "
            "pipeline is not: name a version's folder as the pods see it"
        )
    elif pretrained and not pretrained.startswith(_FOR_PODS):
        yield f"trainer.pretrained: expected {_WHERE}, got {pretrained!r}"


def graph(
    settings: Settings, deployment: Deployment, wanted: Sequence[RunParameter]
) -> list[base_component.BaseComponent]:
    """The components, with tokens where a run will put values."""
    identity = "".join(
        f"-{parameters.token(name)}" for name in ("corpus_fingerprint", "epochs", "seed")
    )
    fingerprints = Fingerprints.take(
        settings, corpus=parameters.token("corpus_fingerprint"), run=identity
    )
    places = Places(
        artifacts="",  # Kubeflow gives every output its place
        serving=parameters.token("push_destination"),
        checkpoints=deployment.checkpoints,
    )
    corpus_check = CorpusCheck(
        settings=CorpusCheckSettings(
            corpus_root=settings.corpus.root,
            layout=settings.corpus.layout,
            layout_options=settings.corpus.options,
            asv_scores_dev=settings.evaluation.asv_scores_dev,
            asv_scores_eval=settings.evaluation.asv_scores_eval,
        )
    )
    components = create_components(
        settings,
        places=places,
        fingerprints=fingerprints,
        context=RunContext(warm_start=WarmStart(settings.trainer.pretrained)),
    )
    return [corpus_check, *components]


def to_yaml(documents: Sequence[dict[str, Any]], *, about: str) -> str:
    """The text of a pipeline file.

    Args:
        documents: From `compile_pipeline`.
        about: Lines for its head, about where it came from.
    """
    head = "".join(f"# {line}\n" for line in about.splitlines())
    return head + yaml.safe_dump_all(documents, sort_keys=True, width=100, allow_unicode=True)


def write(text: str, path: Path) -> None:
    """Writes a pipeline file so that it is there complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o644)


def _tfx_specification(
    settings: Settings, deployment: Deployment, wanted: Sequence[RunParameter]
) -> dict[str, Any]:
    """What TFX's compiler makes of the graph."""
    components = graph(settings, deployment, wanted)
    images = {component.id: deployment.image_of(component.id) for component in components}
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image={**images, "default_image_path": deployment.image},
            default_commands=list(ENTRYPOINT),
            use_pipeline_spec_2_1=True,
        )
    )
    job = runner.run(
        tfx_pipeline.Pipeline(
            pipeline_name=f"bonafide-{settings.name}",
            pipeline_root="",
            components=components,
            enable_cache=True,
            beam_pipeline_args=list(deployment.beam_args),
        ),
        write_out=False,
    )
    return job["pipelineSpec"]
