"""Changes to the specification that TFX's Kubeflow compiler returns; each function edits in place.

The specification is a `PipelineSpec` as a mapping, whose components still have TFX's names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipeline.kubeflow import parameters
from pipeline.kubeflow.artifacts import PAGES, title
from pipeline.kubeflow.deployment import Deployment
from pipeline.kubeflow.entrypoint import OUTPUTS_SPEC
from pipeline.kubeflow.parameters import RunParameter
from pipeline.kubeflow.platform import executor_label, resources

# Our page types -> those that Kubeflow's UI displays; the entrypoint applies the inverse.
_UI_TYPES = {ours: shown for shown, ours in PAGES.items()}
# Components that read or change external state: their cached results would be stale.
NEVER_CACHED = ("CorpusCheck", "WarmStart", "Champion", "ModelPusher")


def type_pages(spec: dict[str, Any]) -> None:
    """Sets page types that Kubeflow's UI displays, in inputs and outputs."""
    for component in spec["components"].values():
        for side in ("inputDefinitions", "outputDefinitions"):
            for artifact in component.get(side, {}).get("artifacts", {}).values():
                ours = title("", artifact["artifactType"].get("instanceSchema", ""))
                if ours in _UI_TYPES:
                    artifact["artifactType"] = {
                        "schemaTitle": _UI_TYPES[ours],
                        "schemaVersion": "0.0.1",
                    }


def give_parameters(spec: dict[str, Any], wanted: Sequence[RunParameter]) -> None:
    """Inserts the tokens, and gives every task the parameters that its properties use."""
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
    for name, finder in parameters.FOUND.items():
        if finder in tasks:
            outputs = spec["components"][finder]["outputDefinitions"]
            outputs.setdefault("parameters", {})[name] = {"parameterType": "STRING"}
    for component, task in tasks.items():
        given = task.get("inputs", {}).get("parameters", {})
        named = sorted(set().union(*(parameters.names_in(text) for text in _texts(given.values()))))
        for name in named:
            own = parameters.PREFIX + name
            inputs = spec["components"][component]["inputDefinitions"]
            inputs["parameters"][own] = {"parameterType": kinds[name]}
            if name in parameters.FOUND:
                given[own] = _output_of(parameters.FOUND[name], name)
                _depend(task, parameters.FOUND[name])
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


def skip_push_of_refused(spec: dict[str, Any]) -> None:
    """Makes the verdict an output parameter of ModelEvaluator and the condition of ModelPusher.

    The condition makes a refusal visible to people and programs: the run succeeds and its last task
    is skipped. ModelPusher checks the blessing nevertheless.
    """
    outputs = spec["components"]["ModelEvaluator"]["outputDefinitions"]
    outputs["parameters"] = {parameters.VERDICT: {"parameterType": "STRING"}}
    pusher = spec["root"]["dag"]["tasks"]["ModelPusher"]
    own = parameters.PREFIX + parameters.VERDICT
    inputs = spec["components"]["ModelPusher"]["inputDefinitions"]["parameters"]
    inputs[own] = {"parameterType": "STRING"}
    pusher["inputs"]["parameters"][own] = _output_of("ModelEvaluator", parameters.VERDICT)
    _depend(pusher, "ModelEvaluator")
    condition = f"inputs.parameter_values['{own}'] == '{parameters.PASSED}'"
    pusher["triggerPolicy"] = {"condition": condition}


def set_options(spec: dict[str, Any], deployment: Deployment) -> None:
    """Sets caching, retries, resources and variables of each task from the deployment file."""
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


def add_declarations(spec: dict[str, Any]) -> None:
    """Adds the declared inputs and outputs of each component to its command.

    The executor input of a pod does not say which of its outputs the component declares,
    and has no types of inputs. TFX adds the inputs in their state before the other edits.
    """
    executors = spec["deploymentSpec"]["executors"]
    for component in spec["components"].values():
        arguments = executors[component["executorLabel"]]["container"]["args"]
        place = arguments.index("--json_serialized_inputs_spec_args") + 1
        inputs, outputs = (
            json.dumps(component.get(side, {}), sort_keys=True)
            for side in ("inputDefinitions", "outputDefinitions")
        )
        arguments[place : place + 1] = [inputs, OUTPUTS_SPEC, outputs]


def name_as_the_sdk_does(spec: dict[str, Any]) -> None:
    """Names components `comp-X` and executors `exec-X`: parts of KFP strip these prefixes."""
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
