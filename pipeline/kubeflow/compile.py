"""Compiles the pipeline to what open-source Kubeflow Pipelines 2 accepts and its pods can run.

TFX's compiler does most of it, for Vertex AI. What is put right after it (`edits`), in the
specification that it gives and without touching TFX:

- values that are known only when the pipeline runs become parameters (`parameters`), with defaults,
  and what CorpusCheck and WarmStart find becomes a parameter of the components after them;
- pages get types that Kubeflow's UI shows; retries, caching, resources and images come from the
  deployment file (`deployment`);
- ModelPusher is skipped, where everyone can see it, when the gate has refused the model;
- volumes, secrets, node selectors and the like are a second document (`platform`).

`checks` then holds the result against what the backend demands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from tfx.dsl.components.base import base_component
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from bonafide.registry import warm_start
from bonafide.storage import files
from components.corpus_check.component import CorpusCheck
from components.corpus_check.settings import CorpusCheckSettings
from components.warm_start.component import WarmStart
from pipeline.config import CorpusConfig, Settings
from pipeline.fingerprints import Fingerprints
from pipeline.kubeflow import edits, parameters
from pipeline.kubeflow.checks import CompileError, require_acceptable
from pipeline.kubeflow.deployment import Deployment
from pipeline.kubeflow.platform import platform_document
from pipeline.kubeflow.pod_checks import pod_problems
from pipeline.pipeline import Places, RunContext, create_components

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
    """Compiles the same graph that runs locally, with CorpusCheck (and WarmStart) in front.

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
    if found := list(pod_problems(settings, deployment, push_destination)):
        raise CompileError(found)
    wanted = parameters.run_parameters(settings, push_destination)
    spec = _tfx_specification(settings, deployment)
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


def graph(settings: Settings, deployment: Deployment) -> list[base_component.BaseComponent]:
    """The components, with tokens where a run will put values."""
    pretrained = settings.trainer.pretrained
    # The hash of the first weights last, so that WarmStart can leave it out.
    known_in_run = (
        "corpus_fingerprint",
        "epochs",
        "seed",
        *(["pretrained_digest"] * bool(pretrained)),
    )
    fingerprints = Fingerprints.take(
        settings,
        corpus=parameters.token("corpus_fingerprint"),
        run="".join(f"-{parameters.token(name)}" for name in known_in_run),
    )
    serving = parameters.token("push_destination")
    finders: list[base_component.BaseComponent] = [
        CorpusCheck(
            settings=CorpusCheckSettings(
                corpus_root=settings.corpus.root,
                layout=settings.corpus.layout,
                layout_options=settings.corpus.options,
                asv_scores_dev=settings.evaluation.asv_scores_dev,
                asv_scores_eval=settings.evaluation.asv_scores_eval,
            )
        )
    ]
    if pretrained:
        whole = fingerprints.training(settings)
        finders.append(
            WarmStart(
                pretrained=pretrained,
                push_destination=serving,
                training_fingerprint=whole.removesuffix(
                    f"-{parameters.token('pretrained_digest')}"
                ),
            )
        )
    components = create_components(
        settings,
        places=Places(
            artifacts="",  # Kubeflow gives every output its place
            serving=serving,
            checkpoints=deployment.checkpoints,
        ),
        fingerprints=fingerprints,
        context=RunContext(
            warm_start=warm_start.WarmStart(parameters.token("pretrained") if pretrained else "")
        ),
    )
    return [*finders, *components]


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


def _tfx_specification(settings: Settings, deployment: Deployment) -> dict[str, Any]:
    """What TFX's compiler makes of the graph."""
    components = graph(settings, deployment)
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
