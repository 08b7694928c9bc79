"""The compiled pipeline, run by an orchestrator that we did not write: the KFP SDK's local one."""

import json
import re
import subprocess
import sys

import pytest
from kubeflow_cluster import REPOSITORY

pytestmark = pytest.mark.e2e


def test_the_sdk_runs_it_to_a_verdict(tmp_path, tiny, small_corpus):
    path = tmp_path / "pipeline.yaml"
    subprocess.run(
        [
            *(sys.executable, "kubeflow_runner.py", "compile", "--image", "python-bonafide"),
            *("--output", str(path), "--corpus", str(small_corpus)),
            *("--push-destination", str(tmp_path / "serving")),
            *(part for setting in tiny for part in ("--set", setting)),
        ],
        cwd=REPOSITORY,
        check=True,
        timeout=300,
    )
    parameters = {
        **{"corpus_root": str(small_corpus), "push_destination": str(tmp_path / "serving")},
        **{"epochs": 1, "seed": 3, "max_eer": 1.0, "force_blessing_reason": ""},
    }
    done = subprocess.run(
        [
            *(sys.executable, str(REPOSITORY / "tests/harness/run_with_kfp_local.py")),
            *(str(path), str(tmp_path / "root"), json.dumps(parameters)),
        ],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    log = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
    assert done.returncode == 0, log[-4000:]
    succeeded = re.findall(r"Task '(\w+)' finished with status SUCCESS", log)
    [run] = (tmp_path / "root" / "artifacts").iterdir()
    tasks = {folder.name for folder in run.iterdir()}
    assert set(succeeded) == tasks
    assert len(tasks) == 11  # all but ModelPusher, whose condition it cannot read
    assert "verdict: 'passed'" in log
    assert (run / "EvalReport" / "report" / "report.html").exists()
