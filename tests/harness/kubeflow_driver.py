"""What the driver of Kubeflow Pipelines makes for a task, as plainly as possible.

Read in `backend/src/v2/driver`, `metadata` and `cacheutils` of kubeflow/pipelines 2.17.0, and
compared with inputs that its unmodified driver made (tests/pipeline/kubeflow/recorded).
"""

import json
import re

# The output that the driver adds where PUBLISH_LOGS is on, as it is by default since 2.5.
LOGS = "executor-logs"
# What a default installation says of its store, in every artifact.
STORE_SESSION_INFO = json.dumps(
    {
        "Provider": "minio",
        "Params": {
            "accessKeyKey": "accesskey",
            "disableSSL": "true",
            "endpoint": "http://minio-service.kubeflow:9000",
            "forcePathStyle": "true",
            "fromEnv": "false",
            "maxRetries": "5",
            "region": "us-east-1",
            "secretKeyKey": "secretkey",
            "secretName": "mlpipeline-minio-artifact",
        },
    },
    separators=(",", ":"),
)
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'")


def run_parameters(spec, given):
    """The values of a run's parameters, with defaults; of the root component's driver."""
    defined = spec["root"]["inputDefinitions"]["parameters"]
    assert given.keys() <= defined.keys(), f"unknown parameters: {given.keys() - defined.keys()}"
    values = {name: parameter["defaultValue"] for name, parameter in defined.items()} | given
    for name, value in values.items():
        is_text = defined[name]["parameterType"] == "STRING"
        assert isinstance(value, str) is is_text, f"input parameter {name} type mismatch"
    return values


def resolve_inputs(task, component, done, values):
    """`resolveInputs`: the inputs of an executor input.

    Args:
        task: Of the pipeline's `dag`.
        component: The task's.
        done: Task -> what became of it, with `artifacts` and `parameters`.
        values: Of the run's parameters.
    """
    given = task.get("inputs", {})
    found = {}
    for name, source in given.get("parameters", {}).items():
        if "componentInputParameter" in source:
            value = values[source["componentInputParameter"]]
        elif "taskOutputParameter" in source:
            output = source["taskOutputParameter"]
            value = done[output["producerTask"]].parameters[output["outputParameterKey"]]
        else:
            value = source["runtimeValue"]["constant"]
        kind = component["inputDefinitions"]["parameters"][name]["parameterType"]
        assert isinstance(value, str) is (kind == "STRING"), f"{name}: type mismatch"
        found[name] = as_go(value)
    artifacts = {}
    for name, source in given.get("artifacts", {}).items():
        output = source["taskOutputArtifact"]
        artifact = done[output["producerTask"]].artifacts[output["outputArtifactKey"]]
        # A type is recorded, and given to nobody.
        artifacts[name] = {"artifacts": [{**artifact, "type": {"instanceSchema": ""}}]}
    return _without_empty({"parameterValues": found, "artifacts": artifacts})


def will_trigger(task, inputs):
    """Whether the task's condition holds, if it has one."""
    condition = task.get("triggerPolicy", {}).get("condition")
    if not condition:
        return True
    name, wanted = _CONDITION.fullmatch(condition).groups()
    return inputs["parameterValues"][name] == wanted


def provision_outputs(task_root, component):
    """`provisionOutputs`: the outputs of an executor input.

    Args:
        task_root: URI of the folder for this execution.
        component: The task's.
    """
    defined = component.get("outputDefinitions", {})
    types = {name: own["artifactType"] for name, own in defined.get("artifacts", {}).items()}
    types[LOGS] = {"schemaTitle": "system.Artifact"}
    return _without_empty(
        {
            "artifacts": {
                name: {"artifacts": [{"name": name, "uri": f"{task_root}/{name}", "type": kind}]}
                for name, kind in types.items()
            },
            "parameters": {
                name: {"outputFile": f"/tmp/kfp/outputs/{name}"}
                for name in defined.get("parameters", {})
            },
            "outputFile": f"{local_path(task_root)}/output_metadata.json",
        }
    )


def cache_key(inputs, outputs, component, container, claims):
    """`GenerateCacheKey`, as a text.

    Args:
        inputs: Of the executor input.
        outputs: Likewise.
        component: The task's.
        container: Its container, of which image and command count, and nothing else.
        claims: Names of the volumes' claims.
    """
    parameters = component.get("outputDefinitions", {}).get("parameters", {})
    return json.dumps(
        {
            "inputArtifactNames": {
                name: [artifact["name"] for artifact in found["artifacts"]]
                for name, found in inputs.get("artifacts", {}).items()
            },
            "inputParameterValues": inputs.get("parameterValues", {}),
            "outputArtifactsSpec": {
                name: {key: value for key, value in found["artifacts"][0].items() if key != "uri"}
                for name, found in outputs["artifacts"].items()
            },
            "outputParametersSpec": {
                name: own["parameterType"] for name, own in parameters.items()
            },
            "containerSpec": {
                "image": container["image"],
                "cmdArgs": [*container["command"], *container["args"]],
                "pvcNames": sorted(set(claims)),
            },
        },
        sort_keys=True,
    )


def claims_of(documents, label):
    """Names of the claims that the platform document mounts into an executor's pods."""
    if len(documents) < 2:
        return []
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return [mount["constant"] for mount in executors.get(label, {}).get("pvcMount", [])]


def secret_variables(documents, label, secrets):
    """Environment variables of an executor's pods that come from secrets.

    Args:
        documents: Of the pipeline file.
        label: Of the executor.
        secrets: Name -> key -> value, of the namespace; a pod whose secret is not there never
            starts.
    """
    if len(documents) < 2:
        return {}
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {
        entry["envVar"]: secrets[secret["secretName"]][entry["secretKey"]]
        for secret in executors.get(label, {}).get("secretAsEnv", [])
        for entry in secret["keyToEnv"]
    }


def recorded(name, artifact, identity):
    """`RecordArtifact` and `toRuntimeArtifact`: an output as later tasks are given it.

    Args:
        name: Of the output.
        artifact: The output, with the URI and metadata that the executor gave it.
        identity: Its number in the metadata store.
    """
    metadata = {key: _stored(value) for key, value in artifact.get("metadata", {}).items()}
    return {
        "name": str(identity),
        "uri": artifact["uri"],
        "metadata": {
            "display_name": name,
            "store_session_info": STORE_SESSION_INFO,
            **metadata,
        },
    }


def local_path(uri):
    """`LocalPathForURI`: where the launcher keeps the copy of what is at a URI."""
    scheme, _, rest = uri.partition("://")
    return f"/{ {'gs': 'gcs', 'minio': 'minio', 's3': 's3'}[scheme] }/{rest}"


def as_go(value):
    """Numbers as Go writes doubles: 1.0 without a point."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: as_go(inner) for key, inner in value.items()}
    return [as_go(inner) for inner in value] if isinstance(value, list) else value


def _stored(value):
    """`StructValueToMLMDValue` and back: what the metadata store makes of a property."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return {"list": as_go(value)}
    return {"struct": as_go(value)} if isinstance(value, dict) else as_go(value)


def _without_empty(message):
    """JSON of a message has no empty maps."""
    return {key: value for key, value in message.items() if value != {}}
