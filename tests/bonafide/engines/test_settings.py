"""Options of each engine, as Beam itself reads and checks them; no engine is run."""

import dataclasses

import apache_beam as beam
import pytest
from apache_beam.options import pipeline_options as beam_options
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners import create_runner
from apache_beam.runners.dataflow.internal.apiclient import get_container_image_from_options
from apache_beam.runners.portability import flink_runner, spark_runner
from apache_beam.transforms import environments

from bonafide import engines
from bonafide.engines import BeamConfig, beam_args, choose_workers, describe
from bonafide.settings import SettingsError
from components.utterance_gen.settings import IngestSettings
from components.utterance_gen.shard_writer import WriteShard
from pipeline.config import override, sample

DATAFLOW = BeamConfig(
    runner="dataflow",
    project="bank",
    region="europe-west1",
    temp_location="gs://bucket/temp",
    artifacts="gs://bucket/artifacts",
    environment="docker:europe-docker.pkg.dev/bank/bonafide:1",
)


def parsed(config, workers=2):
    return beam_options.PipelineOptions(beam_args(config, workers))


@pytest.mark.parametrize(
    ("config", "utterances", "workers", "text"),
    [
        (BeamConfig(), 19_999, 1, "in this process (for 19,999 utterances)"),
        (BeamConfig(), 20_000, 4, "4 worker processes (for 20,000 utterances)"),
        (BeamConfig(workers=3), 5, 3, "3 worker processes (as configured)"),
        (BeamConfig(workers=1), 10**6, 1, "in this process (as configured)"),
        (BeamConfig(runner="flink"), 5, 4, "flink, parallelism 4 (for 5 utterances)"),
    ],
)
def test_workers_by_the_size_of_the_corpus(config, utterances, workers, text):
    assert choose_workers(config, utterances, cores=4) == workers
    assert describe(config, workers, utterances) == text


def test_no_more_workers_than_a_machine_can_hold():
    assert choose_workers(BeamConfig(), 10**6, cores=96) == engines.MOST_WORKERS
    assert choose_workers(BeamConfig(), 10**6) >= 1


def test_direct():
    assert beam_args(BeamConfig())[0] == "--runner=FnApiRunner"
    assert parsed(BeamConfig(), 1).view_as(beam_options.DirectOptions).direct_num_workers == 1
    many = parsed(BeamConfig(), 3).view_as(beam_options.DirectOptions)
    assert (many.direct_num_workers, many.direct_running_mode) == (3, "multi_processing")


def test_flink():
    config = BeamConfig(runner="flink", job_server_jar=__file__, environment="external:pool:50000")
    options = parsed(config)
    flink = options.view_as(beam_options.FlinkRunnerOptions)
    portable = options.view_as(beam_options.PortableOptions)
    assert (flink.flink_master, flink.parallelism) == ("[local]", 2)
    assert (portable.environment_type, portable.environment_config) == ("EXTERNAL", "pool:50000")
    server = flink_runner.FlinkJarJobServer(options)
    assert server.path_to_jar() == __file__
    assert "[local]" in server.java_arguments(1, 2, 3, "artifacts")
    assert isinstance(create_runner(beam_runner(options)), flink_runner.FlinkRunner)
    cluster = parsed(dataclasses.replace(config, endpoint="jobmanager:8081"))
    assert cluster.view_as(beam_options.FlinkRunnerOptions).flink_master == "jobmanager:8081"


def beam_runner(options):
    return options.view_as(beam_options.StandardOptions).runner


def test_workers_that_a_program_starts():
    boot = "process:/opt/apache/beam/boot"
    options = parsed(BeamConfig(runner="flink", job_server_jar=__file__, environment=boot))
    portable = options.view_as(beam_options.PortableOptions)
    started = environments.ProcessEnvironment.from_options(portable)
    assert started.command == "/opt/apache/beam/boot"
    assert started.env == {"RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT": "1"}


def test_spark():
    options = parsed(BeamConfig(runner="spark", job_server_jar=__file__))
    assert options.view_as(beam_options.SparkRunnerOptions).spark_master_url == "local[2]"
    assert options.view_as(beam_options.PortableOptions).environment_type == "LOOPBACK"
    server = spark_runner.SparkJarJobServer(options)
    assert server.path_to_jar() == __file__
    assert "local[2]" in server.java_arguments(1, 2, 3, "artifacts")


def test_portable():
    options = parsed(BeamConfig(runner="portable", environment="docker:bonafide:1"))
    portable = options.view_as(beam_options.PortableOptions)
    assert portable.job_endpoint == "localhost:8073"
    assert (portable.environment_type, portable.environment_config) == ("DOCKER", "bonafide:1")
    assert portable.sdk_worker_parallelism == "2"


def test_dataflow_options_pass_beams_own_checks(monkeypatch):
    # Only a warning, for which the bucket itself is asked: without a network that takes minutes.
    options_class = beam_options.GoogleCloudOptions
    monkeypatch.setattr(options_class, "_warn_if_soft_delete_policy_enabled", lambda *_: None)
    options = parsed(DATAFLOW)
    runner = create_runner("DataflowRunner")
    assert PipelineOptionsValidator(options, runner).validate() == []
    worker = options.view_as(beam_options.WorkerOptions)
    assert worker.sdk_container_image == "europe-docker.pkg.dev/bank/bonafide:1"
    assert worker.max_num_workers is None  # Dataflow scales by itself
    asked = parsed(dataclasses.replace(DATAFLOW, workers=7), 7)
    assert asked.view_as(beam_options.WorkerOptions).max_num_workers == 7


def test_dataflow_in_a_closed_network():
    subnetwork = "regions/europe-west1/subnetworks/private"
    config = dataclasses.replace(
        DATAFLOW,
        service_account="runner@bank.iam.gserviceaccount.com",
        network="speech",
        subnetwork=subnetwork,
        public_addresses=False,
        machine_type="n2-highmem-4",
    )
    options = parsed(config)
    worker = options.view_as(beam_options.WorkerOptions)
    assert (worker.network, worker.subnetwork) == ("speech", subnetwork)
    assert worker.use_public_ips is False
    assert worker.machine_type == "n2-highmem-4"
    cloud = options.view_as(beam_options.GoogleCloudOptions)
    assert cloud.service_account_email == "runner@bank.iam.gserviceaccount.com"
    assert parsed(DATAFLOW).view_as(beam_options.WorkerOptions).use_public_ips is None
    url = f"https://www.googleapis.com/compute/v1/projects/host/{subnetwork}"
    assert dataclasses.replace(config, subnetwork=url).subnetwork == url


def test_a_step_compiles_for_dataflow_with_the_projects_image():
    options = parsed(DATAFLOW)
    image = get_container_image_from_options(options)
    assert image == "europe-docker.pkg.dev/bank/bonafide:1"
    pipeline = beam.Pipeline(options=options, runner=create_runner("FnApiRunner"))
    settings = IngestSettings(corpus_root="gs://b/c", layout="auto")
    write = WriteShard(settings, examples_uri="gs://b/e", max_rejected=0)
    _ = pipeline | beam.Create(["gs://b/plan"]) | beam.Reshuffle() | beam.ParDo(write)
    environment = environments.DockerEnvironment.from_container_image(image)
    compiled = pipeline.to_runner_api(default_environment=environment)
    names = {transform.unique_name for transform in compiled.components.transforms.values()}
    assert "ParDo(WriteShard)" in names
    [payload] = {e.payload for e in compiled.components.environments.values() if e.payload}
    assert image.encode() in payload


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"project": ""}, r"expected a project with beam.runner=dataflow, got '' \(beam.project\)"),
        (
            {"temp_location": "/tmp"},
            r"expected a gs:// folder with .*dataflow.* \(beam.temp_location\)",
        ),
        ({"artifacts": ""}, r"expected a gs:// folder with .*dataflow.* \(beam.artifacts\)"),
        (
            {"environment": "loopback"},
            r"expected docker:IMAGE with .*dataflow.* \(beam.environment\)",
        ),
        (
            {"public_addresses": False},
            r"expected the subnetwork of workers .*Private Google Access",
        ),
        (
            {"subnetwork": "regions/us-east1/subnetworks/a"},
            r"expected a subnetwork in beam.region=europe-west1, got 'regions/us-east1",
        ),
        ({"subnetwork": "private"}, r"expected regions/REGION/subnetworks/NAME"),
        ({"service_account": "runner"}, r"expected an e-mail address"),
        ({"machine_type": "N2 big"}, r"expected a machine type"),
        ({"flink_version": "1.19.1"}, r"expected a version such as 1.19"),
        ({"runner": "spank"}, r"expected one of direct, flink.* \(beam.runner\)"),
        (
            {"environment": "docker:"},
            r"expected loopback, external:HOST:PORT.* \(beam.environment\)",
        ),
        ({"workers": -1}, r"expected a whole number of processes, 0 or more, .* \(beam.workers\)"),
        ({"options": ("x",)}, r"expected an option that begins with --.* \(beam.options\)"),
    ],
)
def test_what_an_engine_needs_is_asked_for(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(DATAFLOW, **changes)


def test_the_engine_is_a_setting_and_no_part_of_the_record():
    settings = override(sample(), ["beam.runner=flink", "beam.options=--a=1,--b=2"])
    assert settings.beam.options == ("--a=1", "--b=2")
    assert settings.as_text() == sample().as_text()
    with pytest.raises(SettingsError, match=r"one of direct, .*got 'samza' \(beam\.runner"):
        override(sample(), ["beam.runner=samza"])
