"""Compiles the pipeline for open-source Kubeflow Pipelines 2.

TFX's compiler, made for Vertex AI, does most of the work. `edits` then changes the specification
that it returns, without patching TFX:

- values that are known only at run time become parameters with defaults (`parameters`), and the
  results of CorpusCheck and WarmStart become parameters of the components after them;
- pages get types that Kubeflow's UI displays; retries, caching, resources and images come from the
  deployment file (`deployment`);
- ModelPusher has a condition, so that it is shown as skipped when the gate refused the model;
- volumes, secrets, node selectors and the like go into a second document (`platform`).

`checks` validates the result against the requirements of the backend.
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
# The bundled corpus in the image (see Dockerfile).
BUNDLED_IN_IMAGE = "/opt/bonafide/samples"


def compile_pipeline(
    settings: Settings,
    deployment: Deployment,
    *,
    pipeline_root: str = "",
    push_destination: str,
) -> list[dict[str, Any]]:
    """Compiles the graph of local runs, preceded by CorpusCheck (and WarmStart).

    Reads nothing outside this checkout: no corpus, no bucket, no cluster.

    Args:
        settings: Settings of the pipeline.
        deployment: Settings of the cluster's tasks; must name an image.
        pipeline_root: Default location of artifacts (`minio://`, `s3://`, `gs://`);
            empty leaves it to the submission.
        push_destination: Default serving folder, as a path or URI in the pods.

    Returns:
        The YAML documents: the `PipelineSpec`, and the platform document unless it is empty.

    Raises:
        CompileError: The pipeline cannot run on Kubeflow; the message lists all reasons.
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
    edits.add_declarations(spec)
    edits.name_as_the_sdk_does(spec)
    platform = platform_document(deployment, spec["root"]["dag"]["tasks"])
    require_acceptable(spec, platform, deployment.kfp_version)
    return [spec, platform] if platform else [spec]


def graph(settings: Settings, deployment: Deployment) -> list[base_component.BaseComponent]:
    """Returns the components, with tokens in place of run-time values."""
    pretrained = settings.trainer.pretrained
    # The hash of the initial weights comes last, so that WarmStart can omit it.
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
            artifacts="",  # Kubeflow assigns the URI of each output
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
    """Returns the text of a pipeline file.

    Args:
        documents: From `compile_pipeline`.
        about: Comment lines for its start, which state its origin.
    """
    head = "".join(f"# {line}\n" for line in about.splitlines())
    return head + yaml.safe_dump_all(documents, sort_keys=True, width=100, allow_unicode=True)


def write(text: str, path: Path) -> None:
    """Writes a pipeline file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o644)


def _tfx_specification(settings: Settings, deployment: Deployment) -> dict[str, Any]:
    """Returns the specification that TFX's compiler makes of the graph."""
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
