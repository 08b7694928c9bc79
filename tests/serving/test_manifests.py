import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from bonafide.serving import client
from models.export import warmup

SERVING = pathlib.Path(__file__).resolve().parents[2] / "serving"
FILES = sorted(str(path.relative_to(SERVING)) for path in SERVING.rglob("*.yaml"))
GRPC, REST = 8500, 8501


def load(name):
    return yaml.safe_load((SERVING / name).read_text())


def config(name):
    return (SERVING / "config" / name).read_text()


def number(name, text):
    [found] = re.findall(rf"^{name} {{ value: (\d+) }}$", text, re.MULTILINE)
    return int(found)


def flags(arguments):
    """--name=value -> name: value; a flag alone is True."""
    pairs = (argument.removeprefix("--").partition("=") for argument in arguments)
    return {name: value if equals else True for name, equals, value in pairs}


@pytest.fixture
def compose():
    return load("compose.yaml")["services"]["bonafide"]


@pytest.fixture
def pod():
    return load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]


@pytest.fixture
def predictor():
    return load("kserve/inference_service.yaml")["spec"]["predictor"]


@pytest.fixture
def model():
    parsed = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(config("models.config"), parsed)
    [found] = parsed.model_config_list.config
    return found


def test_every_file_is_yaml_and_there_are_some():
    assert len(FILES) == 7
    for name in FILES:
        assert isinstance(load(name), dict), name


def test_the_newest_version_is_served(model):
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1


def test_batches_are_as_large_as_the_client_sends_and_warming_up_makes_them():
    text = config("batching.txt")
    assert number("max_batch_size", text) == client.BATCH_CLIPS == max(warmup.BATCH_SIZES)
    assert "pad_variable_length_inputs: true" in text


def test_the_server_is_told_the_same_everywhere(compose, pod, predictor):
    [container] = pod["containers"]
    alone, in_cluster = flags(compose["command"]), flags(container["args"])
    assert alone == in_cluster
    assert alone["port"] == str(GRPC)
    assert alone["rest_api_port"] == str(REST)
    # KServe's runtime has ports and the model's place.
    own = {"port", "rest_api_port", "model_config_file"}
    expected = {name: value for name, value in alone.items() if name not in own}
    assert flags(predictor["model"]["args"]) == expected
    for name in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        folder, file = alone[name].rsplit("/", 1)
        assert folder == "/config"
        assert (SERVING / "config" / file).is_file()
        assert file in load("config/kustomization.yaml")["configMapGenerator"][0]["files"]


def test_batches_have_a_thread_for_each_core(compose, pod, predictor):
    threads = number("num_batch_threads", config("batching.txt"))
    [container] = pod["containers"]
    for limits in (container["resources"]["limits"], predictor["model"]["resources"]["limits"]):
        assert int(limits["cpu"]) == threads
    assert flags(compose["command"])["tensorflow_intra_op_parallelism"] == str(threads)


def test_one_image_everywhere(compose, pod, predictor):
    [container] = pod["containers"]
    assert compose["image"] == container["image"]
    assert compose["image"] == f"tensorflow/serving:{predictor['model']['runtimeVersion']}"


def test_the_model_is_where_the_server_looks_and_called_what_the_client_asks_for(
    compose, pod, predictor, model, monkeypatch
):
    [container] = pod["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts["models"]["mountPath"] == model.base_path
    assert mounts["models"]["readOnly"]
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    assert any(f":{model.base_path}:ro" in volume for volume in compose["volumes"])
    [claim] = [v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    place = f"pvc://{claim['claimName']}/{mounts['models']['subPath']}"
    assert predictor["model"]["storageUri"] == place
    names = {model.name, load("kserve/inference_service.yaml")["metadata"]["name"]}
    asked = []

    def over_rest(url, name):
        asked.append((url, name))

        def predict(*_):
            raise client.ServerError("not here")

        return predict

    monkeypatch.setattr(client, "over_rest", over_rest)
    assert client.main(["/no/such/recording"]) == 1
    assert asked == [(f"http://localhost:{REST}", names.pop())]
    assert not names


def test_ports_and_names_of_the_service_are_those_of_the_pod(compose, pod):
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": GRPC, "http": REST}
    service = load("kubernetes/service.yaml")["spec"]
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports
    deployment = load("kubernetes/deployment.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    # For this machine alone.
    assert compose["ports"] == [f"127.0.0.1:{port}:{port}" for port in (GRPC, REST)]
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(REST)
    assert f'path: "{annotations["prometheus.io/path"]}"' in config("monitoring.config")


def test_a_pod_is_ready_when_the_model_is(compose, pod, model):
    [container] = pod["containers"]
    ready = f"/v1/models/{model.name}/metadata"
    assert container["readinessProbe"]["httpGet"] == {"path": ready, "port": "http"}
    assert f"GET {ready} HTTP" in compose["healthcheck"]["test"][-1]
    assert f"/dev/tcp/127.0.0.1/{REST}" in compose["healthcheck"]["test"][-1]


@pytest.mark.parametrize("kind", ["kubernetes", "kserve"])
def test_everything_that_a_kustomization_names_is_there(kind):
    for name in load(f"{kind}/kustomization.yaml")["resources"]:
        assert (SERVING / kind / name).exists()
    config_map = load("config/kustomization.yaml")["configMapGenerator"][0]["name"]
    pod = load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    predictor = load("kserve/inference_service.yaml")["spec"]["predictor"]
    for volumes in (pod["volumes"], predictor["volumes"]):
        assert [v["configMap"]["name"] for v in volumes if "configMap" in v] == [config_map]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl here")
@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("kubernetes", ["ConfigMap", "Deployment", "Service"]),
        ("kserve", ["ConfigMap", "InferenceService"]),
    ],
)
def test_kustomize_builds_them(kind, kinds):
    done = subprocess.run(
        ["kubectl", "kustomize", str(SERVING / kind)], capture_output=True, text=True, check=True
    )
    built = list(yaml.safe_load_all(done.stdout))
    assert sorted(manifest["kind"] for manifest in built) == kinds
    [config_map] = [manifest for manifest in built if manifest["kind"] == "ConfigMap"]
    assert sorted(config_map["data"]) == ["batching.txt", "models.config", "monitoring.config"]
