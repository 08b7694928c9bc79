"""The same steps on another engine: Python workers speak to it over sockets, as to a cluster.

Prism is Beam's portable engine for one machine, Flink and Spark are the ones that people run; they
take the steps over Beam's job API. What they write must be what the direct runner writes, also if a
machine of a Flink cluster is lost in the middle of each step.
"""

import csv
import hashlib
import pathlib
import re
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from bonafide.audio.decoding import decode
from bonafide.scoring import command
from bonafide.scoring.model import Scorer, find_model, read_model
from bonafide.trials.score_files import read_scores
from tests.harness import flink_cluster

pytestmark = pytest.mark.e2e

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PRISM = REPOSITORY / ".engines" / "prism"
BOOT = REPOSITORY / ".engines" / "boot"
FLINK = REPOSITORY / ".engines" / "flink-job-server.jar"
SPARK = REPOSITORY / ".engines" / "spark-job-server.jar"
SETTINGS = ("transform.materialize=true", "features.normalisation=corpus", "beam.workers=2")


def wait_for_port(port, process):
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the server ended"
        time.sleep(0.1)
    raise AssertionError(f"nothing answers at port {port}")


@pytest.fixture(scope="module")
def prism():
    """The endpoint of a Prism that runs for this module."""
    if not PRISM.exists():
        pytest.skip("there is no Prism in .engines: scripts/get_engines.sh builds it, with Go")
    port = flink_cluster.free_port()
    command = [PRISM, f"--job_port={port}", "--serve_http=false"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        wait_for_port(port, process)
        yield f"localhost:{port}"
        process.kill()


@pytest.fixture(scope="module")
def worker_pool():
    """The address of a pool of Python workers, as one would run beside each engine's worker."""
    port = flink_cluster.free_port()
    command = [REPOSITORY / "scripts" / "worker_pool.sh", "--port", str(port)]
    with subprocess.Popen(command) as process:
        wait_for_port(port, process)
        yield f"localhost:{port}"
        process.terminate()


@pytest.fixture(scope="module")
def by_the_direct_runner(run_pipeline, small_corpus, tmp_path_factory, tiny):
    return transformed(run_pipeline, small_corpus, tmp_path_factory.mktemp("direct"), tiny)


def transformed(run_pipeline, corpus, output, tiny, *settings, until="Transform"):
    """Runs at least up to Transform; returns digests of examples, features, and the engine."""
    run = run_pipeline(
        *("--corpus", corpus, "--output", output, "--until", until),
        settings=(*tiny, *SETTINGS, *settings),
    )
    assert run.returncode == 0, run.stdout
    examples, features = (
        {str(path.relative_to(folder)): path for path in sorted(folder.rglob("Split-*/*"))}
        for name in ("UtteranceGen/examples", "Transform/transformed_examples")
        for folder in (output / "artifacts" / name).glob("*")
    )
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in examples.items()
    }
    engine = re.search(r"Beam +(.*)", run.stdout).group(1)
    return digests, {name: read_features(path) for name, path in features.items()}, engine


def read_features(path):
    """Ids and features [N, T * F] of a shard."""
    ids, features = [], []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        ids.append(feature["utterance_id"].bytes_list.value[0])
        features.append(feature["features"].float_list.value)
    return ids, np.array(features)


def assert_same(found, expected):
    """The same shards byte for byte, and the same features but for the order of additions."""
    assert found[0] == expected[0]
    assert len(found[0]) >= 3
    assert found[1].keys() == expected[1].keys()
    for name, (ids, features) in found[1].items():
        assert ids == expected[1][name][0]
        np.testing.assert_allclose(features, expected[1][name][1], atol=1e-4)


@pytest.fixture(scope="module")
def on_prism(prism, run_pipeline, small_corpus, tmp_path_factory, tiny):
    """A whole run on Prism, with workers in our process: its folder, and what `transformed` has."""
    output = tmp_path_factory.mktemp("prism")
    engine = ("beam.runner=portable", f"beam.endpoint={prism}")
    return output, transformed(
        run_pipeline, small_corpus, output, tiny, *engine, until="ModelPusher"
    )


def test_prism_with_workers_in_this_process(on_prism, by_the_direct_runner):
    _, found = on_prism
    assert found[2] == "portable, parallelism 2 (as configured)"
    assert_same(found, by_the_direct_runner)


def test_the_evaluator_and_bulk_scoring_on_prism(on_prism, prism, small_corpus, tmp_path):
    output, _ = on_prism
    engine = ("--beam-runner", "portable", "--set", f"beam.endpoint={prism}")
    assert_scores_of_score_py(output, engine, small_corpus, tmp_path)


def assert_scores_of_score_py(output, engine, small_corpus, tmp_path):
    """Evaluator and bulk scoring say of a recording what score.py says, which is without Beam.

    Args:
        output: Output of a run on the engine.
        engine: Options of `bonafide bulk` that select the engine.
        small_corpus: The run's corpus.
        tmp_path: A folder.
    """
    [version] = output.glob("serving/*/*")
    recordings = sorted(small_corpus.glob("LA/ASVspoof2019_LA_eval/flac/*.flac"))
    listed, table = tmp_path / "list.txt", tmp_path / "alone.csv"
    listed.write_text("\n".join(map(str, recordings)))
    model = ("--model", str(version))
    # Some hold less than a second of speech and have no score.
    assert command.main(["--list", str(listed), "--csv", str(table), *model]) in (0, 4)
    alone = rows_of(table)
    assert alone.keys() == {path.stem for path in recordings}
    expected = {name: float(row["score"]) for name, row in alone.items() if row["score"]}
    assert len(expected) > len(recordings) / 2

    bulk = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "bonafide",
                "bulk",
                listed,
                *model,
                "--output",
                tmp_path / "bulk",
            ),
            *("--shard-recordings", "20", "--workers", "2"),
            *engine,
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert bulk.returncode in (0, 4), bulk.stdout
    in_bulk = rows_of(*tmp_path.glob("bulk/scores-*"))
    found = {name: float(row["score"]) for name, row in in_bulk.items() if row["score"]}
    assert found == pytest.approx(expected, abs=1e-5)

    [evaluated] = output.glob("artifacts/ModelEvaluator/scores/*/eval.scores.txt")
    scored = read_scores(str(evaluated))
    by_evaluator = dict(zip(scored.utterances, scored.scores.tolist(), strict=True))
    assert by_evaluator.keys() == alone.keys()
    # The Evaluator takes the first second, as in training, and score.py the speech wherever it is.
    pushed = read_model(find_model(str(version)))
    clips = [decode(path.read_bytes(), pushed.sample_rate, 0.1) for path in recordings]
    scores = Scorer(pushed)([clip[: pushed.clip_samples].tobytes() for clip in clips])
    for path, score in zip(recordings, scores.tolist(), strict=True):
        assert by_evaluator[path.stem] == pytest.approx(score, abs=1e-4)


def rows_of(*paths):
    """Recording -> row of CSV files of scores."""
    rows = [row for path in paths for row in csv.DictReader(path.read_text().splitlines())]
    return {pathlib.Path(row["path"]).stem: row for row in rows}


def test_prism_with_a_pool_of_workers(
    prism, worker_pool, by_the_direct_runner, run_pipeline, small_corpus, tmp_path, tiny
):
    settings = (
        *("beam.runner=portable", f"beam.endpoint={prism}"),
        f"beam.environment=external:{worker_pool}",
    )
    found = transformed(run_pipeline, small_corpus, tmp_path, tiny, *settings)
    assert_same(found, by_the_direct_runner)


def test_flink_inside_the_job_server_with_workers_that_boot_starts(
    by_the_direct_runner, run_pipeline, small_corpus, tmp_path, tiny
):
    """As in a container: Beam's boot in the environment of `python`, and our code in PYTHONPATH."""
    if reason := flink_cluster.missing():
        pytest.skip(reason)
    if not BOOT.exists():
        pytest.skip("there is no boot in .engines: scripts/get_engines.sh builds it, with Go")
    start = tmp_path / "boot"
    start.write_text(
        "#!/bin/sh\n"
        f"export PATH='{pathlib.Path(sys.executable).parent}':$PATH PYTHONPATH='{REPOSITORY}'\n"
        f"exec '{BOOT}' \"$@\"\n"
    )
    start.chmod(0o755)
    settings = (
        *("beam.runner=flink", f"beam.job_server_jar={FLINK}"),
        f"beam.environment=process:{start}",
    )
    found = transformed(run_pipeline, small_corpus, tmp_path / "output", tiny, *settings)
    assert_same(found, by_the_direct_runner)


def test_spark_inside_the_job_server(
    by_the_direct_runner, run_pipeline, small_corpus, tmp_path, tiny
):
    if not SPARK.exists():
        pytest.skip("there is no Spark in .engines: WITH_SPARK=1 scripts/get_engines.sh fetches it")
    settings = ("beam.runner=spark", f"beam.job_server_jar={SPARK}")
    found = transformed(run_pipeline, small_corpus, tmp_path, tiny, *settings)
    assert_same(found, by_the_direct_runner)


def test_a_flink_cluster_that_loses_a_machine_in_each_step(
    by_the_direct_runner, worker_pool, run_pipeline, small_corpus, tmp_path, tiny
):
    """Two TaskManagers, which share a pool of workers; one is killed in each step."""
    if reason := flink_cluster.missing():
        pytest.skip(reason)
    logs, output = tmp_path / "flink", tmp_path / "output"
    logs.mkdir()
    with (
        flink_cluster.FlinkCluster.run(logs) as cluster,
        cluster.one_killed_in_each_step() as killed,
    ):
        settings = (
            *("beam.runner=flink", f"beam.endpoint={cluster.endpoint}"),
            *(f"beam.job_server_jar={FLINK}", f"beam.environment=external:{worker_pool}"),
        )
        found = transformed(
            run_pipeline, small_corpus, output, tiny, *settings, until="ModelPusher"
        )
        steps = len(killed)
        options = [word for setting in settings for word in ("--set", setting)]
        assert_scores_of_score_py(output, options, small_corpus, tmp_path)
        states = cluster.jobs()
    assert_same(found, by_the_direct_runner)
    # UtteranceGen, StatisticsGen, Transform's analysis and features, Evaluator; bulk scoring.
    assert steps >= 5
    assert len(killed) > steps
    assert {states[job] for job in killed} == {"FAILED"}
    assert sum(state == "FINISHED" for state in states.values()) >= len(killed)
