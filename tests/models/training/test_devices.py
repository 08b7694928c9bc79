import types

import keras
import pytest
import tensorflow as tf

from models.training import devices


class FakeStrategy:
    def __init__(self, replicas):
        self.num_replicas_in_sync = replicas


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that makes TensorFlow see other hardware, and records what was made."""
    made = []

    def set_up(*, gpus=(), tpu=None):
        monkeypatch.setattr(devices, "_tpu_address", lambda: tpu)
        monkeypatch.setattr(devices, "_NVIDIA_DRIVER", tmp_path / "no driver")
        physical = [types.SimpleNamespace(name=f"GPU:{i}", about=a) for i, a in enumerate(gpus)]
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind=None: physical if kind == "GPU" else []
        )
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda gpu: {"device_name": "Fake", "compute_capability": gpu.about},
        )
        monkeypatch.setattr(
            tf.config.experimental, "set_memory_growth", lambda *_: made.append("growth")
        )
        monkeypatch.setattr(
            tf.distribute,
            "MirroredStrategy",
            lambda *_: made.append("mirrored") or FakeStrategy(len(physical)),
        )
        monkeypatch.setattr(
            tf.distribute,
            "OneDeviceStrategy",
            lambda device: made.append(device) or FakeStrategy(1),
        )
        monkeypatch.setattr(
            tf.distribute.cluster_resolver,
            "TPUClusterResolver",
            lambda tpu: made.append(f"resolver {tpu}"),
        )
        monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", lambda _: None)
        monkeypatch.setattr(
            tf.tpu.experimental, "initialize_tpu_system", lambda _: made.append("initialised")
        )
        monkeypatch.setattr(tf.distribute, "TPUStrategy", lambda _: FakeStrategy(8))
        return made

    return set_up


def test_without_accelerators_the_cpu_in_float32(machine):
    machine()
    placement = devices.choose_placement()
    assert (placement.kind, placement.description) == ("cpu", "CPU, float32")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ([(8, 0)], "bfloat16"),
        ([(9, 0), (7, 5)], "float16"),
        ([(7, 0)], "float16"),
        ([(6, 1)], "float32"),
    ],
)
def test_gpus_compute_in_what_the_weakest_is_fast_in(machine, capabilities, precision):
    made = machine(gpus=capabilities)
    placement = devices.choose_placement()
    assert placement.kind == "gpu"
    assert placement.precision == precision
    assert placement.needs_loss_scaling == (precision == "float16")
    assert made == ["growth"] * len(capabilities) + (
        ["/gpu:0"] if len(capabilities) == 1 else ["mirrored"]
    )


def test_several_gpus_are_said(machine):
    machine(gpus=[(8, 0), (8, 0)])
    assert devices.choose_placement().description == "2 GPU (Fake) replicas, bfloat16"


def test_a_tpu_comes_before_gpus_and_is_initialised(machine):
    made = machine(gpus=[(8, 0)], tpu="local")
    placement = devices.choose_placement()
    assert placement.description == "8 TPU replicas, bfloat16"
    assert made == ["resolver local", "initialised"]


def test_settings_override_what_is_there(machine):
    machine(gpus=[(8, 0)], tpu="local")
    assert devices.choose_placement("gpu", "float16").description == "GPU (Fake), float16"
    assert devices.choose_placement("cpu").description == "CPU, float32"


@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_refused(machine, device):
    machine()
    with pytest.raises(ValueError, match=f"trainer.device is {device}, but"):
        devices.choose_placement(device)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.NotFoundError(None, None, "No OpKernel was registered\nmore"),
        ValueError("No OpKernel was registered"),
    ],
)
def test_a_tpu_that_tensorflow_cannot_use(machine, monkeypatch, caplog, error):
    def no_kernel(_):
        raise error

    machine(tpu="local")
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", no_kernel)
    assert devices.choose_placement().description == "CPU, float32"
    assert "is tensorflow-tpu installed in place of tensorflow?" in caplog.text
    with pytest.raises(ValueError, match=r"device is tpu: .*tensorflow-tpu.*No OpKernel"):
        devices.choose_placement("tpu")


def test_a_gpu_without_cuda_is_not_passed_over_in_silence(machine, monkeypatch, tmp_path, caplog):
    machine()
    monkeypatch.setattr(devices, "_NVIDIA_DRIVER", tmp_path)
    assert devices.choose_placement().kind == "cpu"
    assert "GPU=1 make env" in caplog.text
    caplog.clear()
    assert devices.choose_placement("cpu").kind == "cpu"
    assert not caplog.text
    with pytest.raises(ValueError, match=r"trainer\.device is gpu, but the driver"):
        devices.choose_placement("gpu")


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("", (0, 1)),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}', (0, 1)),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}', (1, 2)),
        (
            '{"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:1"]}, '
            '"task": {"type": "worker", "index": 1}}',
            (2, 3),
        ),
        (
            '{"cluster": {"chief": ["c:1"], "worker": ["a:1"]}, '
            '"task": {"type": "chief", "index": 0}}',
            (0, 2),
        ),
    ],
)
def test_place_among_workers(monkeypatch, config, place):
    monkeypatch.setenv("TF_CONFIG", config)
    assert devices._place_among_workers() == place


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "x"}}',
    ],
)
def test_a_tf_config_that_is_not_understood(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=r"TF_CONFIG must be JSON with cluster\.worker"):
        devices.choose_placement("cpu")


def test_workers_take_their_gpus_or_cpu(machine, monkeypatch):
    made = machine(gpus=[(8, 0)] * 2)
    monkeypatch.setattr(
        tf.distribute,
        "MultiWorkerMirroredStrategy",
        lambda: made.append("workers") or FakeStrategy(4),
    )
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}',
    )
    placement = devices.choose_placement()
    assert made == ["workers"]
    assert (placement.kind, placement.precision, placement.is_chief) == ("gpu", "bfloat16", False)
    assert placement.description == "4 GPU replicas of 2 workers (this is number 1), bfloat16"
    for device, words in (("cpu", "CUDA_VISIBLE_DEVICES"), ("tpu", "unset it for TPUs")):
        with pytest.raises(ValueError, match=words):
            devices.choose_placement(device)
    machine()
    with pytest.raises(ValueError, match="this worker sees no GPU"):
        devices.choose_placement("gpu")


def test_tpus_are_found_by_name(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "my-tpu")
    assert devices._tpu_address() == "my-tpu"


def test_scope_sets_the_precision_of_layers_and_puts_it_back():
    before = keras.config.dtype_policy().name
    with devices.choose_placement("cpu", "bfloat16").scope():
        layer = keras.layers.Dense(1)
    assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    assert keras.config.dtype_policy().name == before
