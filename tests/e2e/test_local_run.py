"""The real pipeline from the command line: pushed, repeated, refused, forced, changed data."""

import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
import review_pages

from bonafide.audio.degradation_specs import CONDITIONS

pytestmark = pytest.mark.e2e

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COMPONENTS = (
    "UtteranceGen",
    "CuratedSchema",
    "StatisticsGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Trainer",
    "Champion",
    "ModelEvaluator",
    "EvalReport",
    "ModelPusher",
)


def states(console):
    """Component id -> `done` or `cached`, from what a person saw."""
    lines = re.findall(r"^\[ *\d+/\d+\] (\w+) +(done|cached) ", console, re.MULTILINE)
    return dict(lines)


def versions(output):
    serving = output / "serving" / "sample"
    return sorted(path.name for path in serving.iterdir()) if serving.exists() else []


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def pushed(run_pipeline, small_corpus, output):
    """The first run, with a bound that any model passes."""
    return run_pipeline("--corpus", small_corpus, "--output", output, as_users_do=True)


def test_first_run_pushes(pushed, output):
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    assert states(pushed.stdout) == dict.fromkeys(COMPONENTS, "done")
    assert len(versions(output)) == 1
    assert "Pushed" in pushed.stdout
    assert str(output / "serving" / "sample" / versions(output)[0]) in pushed.stdout


def test_console_is_for_people(pushed):
    assert len(pushed.stdout.splitlines()) < 120
    assert pushed.stderr == ""
    for noise in ("Traceback", "INFO:", "WARNING:", "node_info", "execution_id"):
        assert noise not in pushed.stdout


def test_model_serves_without_keras(pushed, output, small_corpus):
    assert pushed.returncode == 0
    audio = next((small_corpus / "LA" / "ASVspoof2019_LA_eval" / "flac").glob("*.flac"))
    program = textwrap.dedent(
        """
        import sys
        sys.modules["keras"] = sys.modules["tf_keras"] = None  # importing either now fails
        import numpy as np, soundfile, tensorflow as tf
        model = tf.saved_model.load(sys.argv[1])
        pcm, rate = soundfile.read(sys.argv[2], dtype="int16")
        features = {"pcm16": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[pcm.astype("<i2").tobytes()]))}
        example = tf.train.Example(features=tf.train.Features(feature=features))
        one = model.signatures["serving_default"](
            examples=tf.constant([example.SerializeToString()]))
        two = model.signatures["score_pcm16"](pcm16=tf.constant([pcm.astype("<i2").tobytes()]))
        for result in (one, two):
            assert sorted(result) == ["probability", "score"], result
            np.testing.assert_allclose(
                result["probability"], tf.sigmoid(result["score"]), atol=1e-6)
        np.testing.assert_allclose(one["score"], two["score"], atol=1e-4)
        """
    )
    version = output / "serving" / "sample" / versions(output)[0]
    subprocess.run([sys.executable, "-c", program, version, audio], check=True, timeout=300)


def test_pushed_model_says_where_it_comes_from(pushed, output):
    assert pushed.returncode == 0
    version = output / "serving" / "sample" / versions(output)[0]
    record = json.loads((version / "assets.extra" / "bonafide.json").read_text())
    assert record["epochs_run"] == 2
    assert record["settings"]["features"]["num_bands"] == 24
    assert len(record["training_fingerprint"]) == 64


def test_the_reports_are_made_of_this_run_and_pushed_beside_the_model(pushed, output):
    assert pushed.returncode == 0
    extra = output / "serving" / "sample" / versions(output)[0] / "assets.extra"
    [evaluation] = (output / "artifacts" / "ModelEvaluator" / "evaluation").iterdir()
    figures = json.loads((evaluation / "evaluation.json").read_text())
    assert (figures["n_bonafide"], figures["n_spoof"]) == (24, 66)
    assert json.loads((extra / "evaluation.json").read_text()) == figures
    page, card = (extra / "report.html").read_text(), (extra / "model_card.md").read_text()
    for text in (page, card):
        assert f"{100 * figures['eer']:.2f}" in text
        assert "corpus fingerprint" in text
        assert "Cue removal" in text
        assert "Robustness" in text
    assert "Checks of the data" in page
    removal = json.loads((evaluation / "cue_removal.json").read_text())
    assert removal["results"]["as_recorded"]["eer"]["value"] == figures["eer"]
    assert list(removal["results"]) == ["as_recorded", "trimmed", "levelled", "trimmed_levelled"]
    conditions = json.loads((evaluation / "conditions.json").read_text())
    assert conditions["results"]["as_recorded"]["eer"]["value"] == figures["eer"]
    assert list(conditions["results"]) == ["as_recorded", *CONDITIONS]
    # With the model goes what the next run's data are compared with.
    assert json.loads((extra / "data_profile.json").read_text())["corpus"] == "sample"
    assert {"data_report.html", "score_profile.json"} <= {path.name for path in extra.iterdir()}
    assert "/artifacts/EvalReport/report/" in pushed.stdout


def test_the_score_files_give_the_same_figures_by_hand(pushed, output, tmp_path):
    """What the pipeline says of a model, `evaluate.py` says of its score files."""
    assert pushed.returncode == 0
    [scores] = (output / "artifacts" / "ModelEvaluator" / "scores").iterdir()
    [evaluation] = (output / "artifacts" / "ModelEvaluator" / "evaluation").iterdir()
    subprocess.run(
        [
            *(sys.executable, "evaluate.py", "--json", tmp_path / "out.json"),
            *("--scores", scores / "eval.submission.txt"),
            *("--protocol", scores / "eval.protocol.txt"),
            *("--dev-scores", scores / "dev.scores.txt"),
            *("--dev-protocol", scores / "dev.protocol.txt"),
        ],
        cwd=pathlib.Path(__file__).resolve().parents[2],
        check=True,
        capture_output=True,
        timeout=300,
    )
    by_hand = json.loads((tmp_path / "out.json").read_text())
    by_pipeline = json.loads((evaluation / "evaluation.json").read_text())
    assert by_hand["provenance"]
    assert {name: by_hand[name] for name in by_pipeline} == by_pipeline


def test_repeated_run_is_cached(pushed, run_pipeline, small_corpus, output):
    before = versions(output)
    again = run_pipeline("--corpus", small_corpus, "--output", output)
    assert again.returncode == 0, again.stdout
    assert states(again.stdout) == dict.fromkeys(COMPONENTS, "cached")
    assert versions(output) == before


def test_a_copied_output_is_cached_and_refers_to_itself(
    pushed, run_pipeline, small_corpus, output, tmp_path
):
    """Nothing is trained or pushed again, and the original is not read."""
    import shutil

    copy = tmp_path / "copied output"
    shutil.copytree(output, copy)
    run = run_pipeline("--corpus", small_corpus, "--output", copy)
    assert run.returncode == 0, run.stdout
    assert states(run.stdout) == dict.fromkeys(COMPONENTS, "cached")
    assert f"moved or copied from {output}" in run.stdout
    assert versions(copy) == versions(output)
    assert f"Pushed to {copy}/serving/sample/{versions(copy)[0]}" in run.stdout
    assert f"tensorboard --logdir '{copy}/artifacts/Trainer/model_run/" in run.stdout
    assert str(output) not in run.stdout.replace(f"from {output}:", "")


def test_refused_then_forced(pushed, run_pipeline, small_corpus, output, tiny):
    before = versions(output)
    refusing = {"settings": (*tiny, "gate.max_eer=0.0001")}
    arguments = ("--corpus", small_corpus, "--output", output)
    refused = run_pipeline(*arguments, **refusing)
    assert refused.returncode == 3, refused.stdout
    assert versions(output) == before
    assert "Not pushed" in refused.stdout
    assert "Gate: EER on eval, upper end of its 95 % interval by speakers" in refused.stdout
    assert "expected at most 0.01 %" in refused.stdout
    assert states(refused.stdout)["Trainer"] == "cached"
    assert states(refused.stdout)["ModelEvaluator"] == "done"

    forced = run_pipeline(*arguments, "--force-blessing", "drill <of> the pager", **refusing)
    assert forced.returncode == 0, forced.stdout
    assert "drill <of> the pager" in forced.stdout
    [new] = set(versions(output)) - set(before)
    record = output / "serving" / "sample" / new / "assets.extra" / "forced_blessing.json"
    assert json.loads(record.read_text())["reason"] == "drill <of> the pager"


def test_other_seed_meets_the_champion(pushed, run_pipeline, small_corpus, output, tiny):
    run = run_pipeline(
        *("--corpus", small_corpus, "--output", output),
        settings=(*tiny, "trainer.seed=7"),
    )
    assert run.returncode == 0, run.stdout
    assert states(run.stdout)["Transform"] == "cached"
    assert states(run.stdout)["Trainer"] == "done"
    assert "Champion on the same utterances" in run.stdout


@pytest.fixture(scope="module")
def both_models(pushed, run_pipeline, small_corpus, output, tiny):
    """The evaluation of a second model, which has a champion; returns its folder."""
    run = run_pipeline(
        *("--corpus", small_corpus, "--output", output), settings=(*tiny, "trainer.seed=7")
    )
    [evaluation] = re.findall(r"^ *evaluation +(\S+)", run.stdout, re.MULTILINE)
    return pathlib.Path(evaluation)


# Charts of the notebook, and the least number of marks in each: points and lines of both models.
REVIEW_CHARTS = {
    **{"metrics-1": 20, "curves-1": 10, "curves-2": 10, "thresholds-1": 2, "thresholds-2": 10},
    **{"versions-1": 6, "versions-2": 4},
}


def test_the_review_notebook_is_drawn_in_an_html_export(both_models, tmp_path):
    """`jupyter nbconvert` runs the notebook and writes HTML, which draws without a network."""
    pytest.importorskip("nbconvert", reason="nbconvert is in the dependency group review")
    notebook = REPOSITORY / "notebooks" / "review.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", str(notebook)]
    exported = subprocess.run(
        [*command, "--output-dir", str(tmp_path), "--ExecutePreprocessor.timeout=300"],
        capture_output=True,
        text=True,
        env={**os.environ, "BONAFIDE_EVALUATION": str(both_models)},
        timeout=600,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    with review_pages.browser() as chromium:
        page, requests = review_pages.opened(chromium, (tmp_path / "review.html").as_uri())
        marks = review_pages.wait_for_charts(page, REVIEW_CHARTS)
        assert "The gate passed the model." in page.inner_text("body")
    for name, least in REVIEW_CHARTS.items():
        assert marks[name] >= least, marks
    # Its math and diagrams would need a network; our views do not.
    assert not [url for url in requests if "google" in url or "vega" in url]


def test_the_review_notebook_is_drawn_in_jupyterlab(both_models, tmp_path):
    pytest.importorskip("jupyterlab", reason="JupyterLab is in the dependency group review")
    notebook = tmp_path / "notebooks" / "review.ipynb"
    notebook.parent.mkdir()
    (tmp_path / "bonafide").symlink_to(REPOSITORY / "bonafide")  # the notebook finds it above
    notebook.write_text((REPOSITORY / "notebooks" / "review.ipynb").read_text())
    with (
        review_pages.jupyterlab(notebook, BONAFIDE_EVALUATION=str(both_models)) as url,
        review_pages.browser() as chromium,
    ):
        page, requests = review_pages.opened(chromium, url)
        review_pages.run_all_cells(page)
        marks = review_pages.wait_for_charts(page, REVIEW_CHARTS)
    for name, least in REVIEW_CHARTS.items():
        assert marks[name] >= least, marks
    assert not [each for each in requests if "127.0.0.1" not in each]


def test_the_other_ways_give_a_model_too(run_pipeline, small_corpus, tmp_path, tiny):
    """Two worker processes, features written by Transform, normalised over the corpus."""
    arguments = ("--corpus", small_corpus, "--output", tmp_path)
    others = {"settings": (*tiny, "transform.materialize=true", "features.normalisation=corpus")}
    run = run_pipeline(*arguments, "--workers", "2", as_users_do=True, **others)
    assert run.returncode == 0, run.stdout
    assert len(versions(tmp_path)) == 1
    # The number of workers decides how long it takes and nothing else.
    again = run_pipeline(*arguments, "--workers", "1", **others)
    assert states(again.stdout) == dict.fromkeys(COMPONENTS, "cached")


def test_removed_results_are_made_again(run_pipeline, small_corpus, tmp_path):
    import shutil

    arguments = ("--corpus", small_corpus, "--output", tmp_path, "--until", "UtteranceGen")
    assert run_pipeline(*arguments).returncode == 0
    shutil.rmtree(tmp_path / "artifacts" / "UtteranceGen" / "examples")
    run = run_pipeline(*arguments)
    assert run.returncode == 0, run.stdout
    assert states(run.stdout) == {"UtteranceGen": "done"}


def test_touched_audio_is_read_again(pushed, run_pipeline, small_corpus, output):
    audio = next((small_corpus / "LA" / "ASVspoof2019_LA_dev" / "flac").glob("*.flac"))
    stamp = audio.stat()
    arguments = ("--corpus", small_corpus, "--output", output, "--until", "UtteranceGen")
    assert states(run_pipeline(*arguments).stdout) == {"UtteranceGen": "cached"}
    os.utime(audio, (stamp.st_atime, stamp.st_mtime + 10))
    try:
        assert states(run_pipeline(*arguments).stdout) == {"UtteranceGen": "done"}
    finally:
        os.utime(audio, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_until_runs_what_is_needed_and_no_more(run_pipeline, small_corpus, output, pushed):
    run = run_pipeline("--corpus", small_corpus, "--output", output, "--until", "datagate")
    assert run.returncode == 0, run.stdout
    assert set(states(run.stdout)) == set(COMPONENTS[:5])


def test_bad_protocol_is_told_without_a_traceback(run_pipeline, small_corpus, tmp_path):
    broken = tmp_path / "corpus"
    protocols = broken / "LA" / "ASVspoof2019_LA_cm_protocols"
    protocols.mkdir(parents=True)
    for path in (small_corpus / "LA" / "ASVspoof2019_LA_cm_protocols").iterdir():
        (protocols / path.name).write_text(path.read_text())
    (protocols / "ASVspoof2019.LA.cm.dev.trl.txt").write_text("LA_0001 LA_D_1 A01 spoof\n")
    run = run_pipeline("--corpus", broken, "--output", tmp_path / "output")
    assert run.returncode == 1
    assert "ASVspoof2019.LA.cm.dev.trl.txt:1" in run.stdout
    assert "LA_0001 LA_D_1 A01 spoof" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_missing_corpus_is_told(run_pipeline, tmp_path):
    run = run_pipeline("--corpus", tmp_path / "nowhere", "--output", tmp_path / "output")
    assert run.returncode == 1
    assert "nowhere" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_second_run_on_the_same_output_is_refused(run_pipeline, small_corpus, tmp_path):
    import fcntl

    (tmp_path / "output").mkdir()
    with (tmp_path / "output" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4242")
        lock.flush()
        run = run_pipeline("--corpus", small_corpus, "--output", tmp_path / "output")
    assert run.returncode == 1
    assert "process 4242" in run.stdout


def test_code_change_runs_the_right_components(run_pipeline, small_corpus, tmp_path):
    import shutil

    repository = pathlib.Path(__file__).resolve().parents[2]
    copy = tmp_path / "repository"
    for folder in ("bonafide", "pipeline", "components", "models", "schema"):
        shutil.copytree(repository / folder, copy / folder)
    for file in ("local_runner.py", "report_artifacts.py", "pyproject.toml"):
        shutil.copy(repository / file, copy)
    arguments = ("--corpus", small_corpus, "--output", tmp_path / "output", "--until", "Transform")
    first = run_pipeline(*arguments, cwd=copy)
    assert set(states(first.stdout).values()) == {"done"}, first.stdout
    with (copy / "models" / "features" / "frontend.py").open("a") as file:
        file.write("\n# changed\n")
    second = states(run_pipeline(*arguments, cwd=copy).stdout)
    assert second.pop("Transform") == "done"
    assert set(second.values()) == {"cached"}
