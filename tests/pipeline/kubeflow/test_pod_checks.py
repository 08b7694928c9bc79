import pytest

from pipeline.config import override, sample
from pipeline.kubeflow.deployment import parse_deployment
from pipeline.kubeflow.pod_checks import beam_runner, pod_problems


def problems(*assignments, destination="/serving", **deployment):
    settings = override(sample(), ["corpus.root=/corpus", *assignments])
    return list(pod_problems(settings, parse_deployment({"image": "x", **deployment}), destination))


def test_what_runs_in_pods_is_accepted():
    assert problems() == []
    assert problems("trainer.pretrained=champion", destination="s3://models/serving") == []


@pytest.mark.parametrize(
    ("arguments", "runner"),
    [
        ([], "DirectRunner"),
        (["--runner=FnApiRunner", "--direct_num_workers=4"], "FnApiRunner"),
        (["--runner", "BundleBasedDirectRunner"], "BundleBasedDirectRunner"),
        (["--runner=FlinkRunner", "--runner=PrismRunner"], "PrismRunner"),
        (["--runner=apache_beam.runners.FnApiRunner"], "apache_beam.runners.FnApiRunner"),
    ],
)
def test_beam_in_the_pod_is_accepted(arguments, runner):
    assert beam_runner(arguments) == runner
    assert problems(beam_args=arguments) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runner=FlinkRunner", "--flink_master=jobmanager:8081"],
        ["--runner", "DataflowRunner", "--temp_location=gs://b/t"],
        ["--runner=SparkRunner"],
        ["--runner=PortableRunner", "--job_endpoint=prism:8073"],
        ["--runner=apache_beam.runners.dataflow.DataflowRunner"],
    ],
)
def test_an_engine_is_refused_with_the_way_out(arguments):
    [problem] = problems(beam_args=arguments)
    assert f"got {beam_runner(arguments)}: an engine's workers are outside the pod" in problem
    assert "--direct_running_mode=multi_processing" in problem
    assert "local_runner.py --beam-runner" in problem


def test_an_engine_in_the_settings_is_refused():
    [problem] = problems("beam.runner=flink")
    assert problem.startswith("beam.runner: expected direct, got flink.")
    assert "beam_args" in problem
