"""Compiles the pipeline to what open-source Kubeflow Pipelines 2 accepts and its pods can run.

TFX's compiler does most of it, for Vertex AI. What is put right here, in the specification that it
gives and without touching TFX:

- values that are known only when the pipeline runs become parameters (`parameters`), with defaults,
  and what CorpusCheck finds becomes a parameter of the components after it;
- pages get types that Kubeflow's UI shows; retries, caching, resources and images come from the
  deployment file (`deployment`);
- ModelPusher is skipped, where everyone can see it, when the gate has refused the model;
- volumes, secrets, node selectors and the like are a second document (`platform`).

`checks` then holds the result against what the backend demands.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from components.corpus_check import CorpusCheck
from models.trainer_config import CHAMPION
from pipeline.config import CorpusConfig, Settings
from pipeline.kubeflow import parameters
from pipeline.kubeflow.checks import CompileError, require_acceptable
from pipeline.kubeflow.deployment import Deployment
from pipeline.kubeflow.parameters import RunParameter
from pipeline.kubeflow.platform import executor_label, platform_document, resources
from pipeline.pipeline import Fingerprints, Places, Surroundings, create_components
from pipeline.warm_start import WarmStart

ENTRYPOINT = ("python", "-m", "pipeline.kubeflow.entrypoint")
# Types of pages for Kubeflow's UI, in place of ours.
UI_TYPES = {
    "report_artifacts.HTML": "system.HTML",
    "report_artifacts.Markdown": "system.Markdown",
}
# Where the image has the bundled corpus (see Dockerfile).
BUNDLED_IN_IMAGE = "/opt/bonafide/samples"
# What looks at the world outside, or changes it: a result of an earlier run is no answer.
NEVER_CACHED = ("CorpusCheck", "Champion", "ModelPusher")
VERDICT, PASSED = "verdict", "passed"


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
    spec["defaultPipelineRoot"] = pipeline_root
    if not pipeline_root:
        del spec["defaultPipelineRoot"]
    _type_pages(spec)
    _give_parameters(spec, wanted)
    _skip_push_of_refused(spec)
    _set_options(spec, deployment)
    _name_as_the_sdk_does(spec)
    platform = platform_document(deployment, spec["root"]["dag"]["tasks"])
    require_acceptable(spec, platform)
    return [spec, platform] if platform else [spec]


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
    if not push_destination.startswith(("/", "gs://")):
        yield (
            f"the push destination is {push_destination!r}: an absolute path as the pods see it, "
            "or a gs:// URI, is wanted (TensorFlow cannot write to others)"
        )
    if not deployment.checkpoints.startswith(("/", "gs://")):
        yield (
            f"checkpoints is {deployment.checkpoints!r}: an absolute path or a gs:// URI is wanted"
        )
    pretrained = settings.trainer.pretrained
    if pretrained == CHAMPION:
        yield (
            "trainer.pretrained=champion is resolved when a run is set up, which a compiled "
            "pipeline is not: name a version's folder as the pods see it"
        )
    elif pretrained and not pretrained.startswith(("/", "gs://")):
        yield f"trainer.pretrained is {pretrained!r}: an absolute path or a gs:// URI is wanted"


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
        corpus_root=settings.corpus.root,
        layout=settings.corpus.layout,
        asv_scores_dev=settings.evaluation.asv_scores_dev,
        asv_scores_eval=settings.evaluation.asv_scores_eval,
    )
    components = create_components(
        settings,
        places=places,
        fingerprints=fingerprints,
        surroundings=Surroundings(warm_start=WarmStart(settings.trainer.pretrained)),
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
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


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
        tfx.dsl.Pipeline(
            pipeline_name=f"bonafide-{settings.name}",
            pipeline_root="",
            components=components,
            enable_cache=True,
            beam_pipeline_args=list(deployment.beam_args),
        ),
        write_out=False,
    )
    return copy.deepcopy(job["pipelineSpec"])


def _type_pages(spec: dict[str, Any]) -> None:
    for component in spec["components"].values():
        for side in ("inputDefinitions", "outputDefinitions"):
            for artifact in component.get(side, {}).get("artifacts", {}).values():
                schema = artifact["artifactType"].get("instanceSchema", "")
                title = (yaml.safe_load(schema) or {}).get("title")
                if title in UI_TYPES:
                    artifact["artifactType"] = {
                        "schemaTitle": UI_TYPES[title],
                        "schemaVersion": "0.0.1",
                    }


def _give_parameters(spec: dict[str, Any], wanted: Sequence[RunParameter]) -> None:
    """Puts the tokens in place, and gives every task the parameters that its properties name."""
    tasks = spec["root"]["dag"]["tasks"]
    for place, name in _places(wanted):
        constant = tasks[place.component]["inputs"]["parameters"][place.exec_property][
            "runtimeValue"
        ]
        constant["constant"] = parameters.place_token(constant["constant"], place.path, name)
    spec["root"]["inputDefinitions"] = {
        "parameters": {
            parameter.name: {
                "parameterType": parameter.kind,
                "defaultValue": parameter.default,
                "isOptional": True,
                "description": parameter.about,
            }
            for parameter in wanted
        }
    }
    kinds = {parameter.name: parameter.kind for parameter in wanted}
    kinds |= dict.fromkeys(parameters.FOUND, "STRING")
    checked = spec["components"]["CorpusCheck"]["outputDefinitions"]
    checked["parameters"] = {name: {"parameterType": "STRING"} for name in parameters.FOUND}
    for component, task in tasks.items():
        given = task.get("inputs", {}).get("parameters", {})
        named = sorted(set().union(*(parameters.names_in(text) for text in _texts(given.values()))))
        for name in named:
            own = parameters.PREFIX + name
            inputs = spec["components"][component]["inputDefinitions"]
            inputs["parameters"][own] = {"parameterType": kinds[name]}
            if name in parameters.FOUND:
                given[own] = _output_of("CorpusCheck", name)
                _depend(task, "CorpusCheck")
            else:
                given[own] = {"componentInputParameter": name}


def _places(wanted: Sequence[RunParameter]) -> list[tuple[parameters.Place, str]]:
    found = [(place, parameter.name) for parameter in wanted for place in parameter.places]
    return [
        *found,
        (parameters.Place("ModelEvaluator", "asv_error_rates"), "asv_error_rates"),
    ]


def _texts(given: Any) -> list[str]:
    constants = (value.get("runtimeValue", {}).get("constant") for value in given)
    return [text for text in constants if isinstance(text, str)]


def _skip_push_of_refused(spec: dict[str, Any]) -> None:
    """Makes the verdict a parameter of ModelEvaluator, and a condition of ModelPusher.

    The condition is what people and programs see of a refusal: the run succeeds, its last task is
    skipped. The pusher looks at the blessing all the same.
    """
    outputs = spec["components"]["ModelEvaluator"]["outputDefinitions"]
    outputs["parameters"] = {VERDICT: {"parameterType": "STRING"}}
    pusher = spec["root"]["dag"]["tasks"]["ModelPusher"]
    own = parameters.PREFIX + VERDICT
    inputs = spec["components"]["ModelPusher"]["inputDefinitions"]["parameters"]
    inputs[own] = {"parameterType": "STRING"}
    pusher["inputs"]["parameters"][own] = _output_of("ModelEvaluator", VERDICT)
    _depend(pusher, "ModelEvaluator")
    pusher["triggerPolicy"] = {"condition": f"inputs.parameter_values['{own}'] == '{PASSED}'"}


def _set_options(spec: dict[str, Any], deployment: Deployment) -> None:
    executors = spec["deploymentSpec"]["executors"]
    for component, task in spec["root"]["dag"]["tasks"].items():
        options = deployment.options(component)
        cache = options.cache and component not in NEVER_CACHED
        task["cachingOptions"] = {"enableCache": True} if cache else {}
        if options.retries:
            task["retryPolicy"] = {
                "maxRetryCount": options.retries,
                "backoffDuration": f"{options.retry_wait}s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": "3600s",
            }
        label = spec["components"][component]["executorLabel"]
        container = executors[label]["container"]
        if wanted := resources(options):
            container["resources"] = wanted
        if options.environment:
            container["env"] = [
                {"name": name, "value": value} for name, value in options.environment.items()
            ]
        # The entrypoint has a pod's schema of inputs from here; both must say the same.
        arguments = container["args"]
        place = arguments.index("--json_serialized_inputs_spec_args") + 1
        arguments[place] = json.dumps(
            spec["components"][component].get("inputDefinitions", {}), sort_keys=True
        )


def _name_as_the_sdk_does(spec: dict[str, Any]) -> None:
    """Names components `comp-X` and executors `exec-X`: parts of KFP cut the prefixes off."""
    executors = spec["deploymentSpec"]["executors"]
    for task in spec["root"]["dag"]["tasks"].values():
        name = task["componentRef"]["name"]
        component = spec["components"].pop(name)
        executors[executor_label(name)] = executors.pop(component["executorLabel"])
        component["executorLabel"] = executor_label(name)
        spec["components"][f"comp-{name}"] = component
        task["componentRef"]["name"] = f"comp-{name}"


def _output_of(task: str, key: str) -> dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


def _depend(task: dict[str, Any], on: str) -> None:
    task["dependentTasks"] = sorted({*task.get("dependentTasks", []), on})
