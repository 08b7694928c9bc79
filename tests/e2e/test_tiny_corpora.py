"""Two flat folders without speakers, as people have them: 10, 50 and 200 files."""

import json
import shutil

import pytest

from bonafide.version import REPOSITORY

pytestmark = pytest.mark.e2e
PROTOCOLS = {"train": "train.trn", "dev": "dev.trl", "eval": "eval.trl"}


def flat_corpus(root, files):
    """Copies recordings of the bundled corpus, half of each class, evenly from all of it."""
    corpus = REPOSITORY / "samples" / "LA"
    recordings = {"bonafide": [], "spoof": []}
    for split, ending in PROTOCOLS.items():
        protocol = corpus / f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        for line in protocol.read_text().splitlines():
            _, utterance, _, _, key = line.split()
            recordings[key].append(corpus / f"ASVspoof2019_LA_{split}/flac/{utterance}.flac")
    for key, folder in (("bonafide", "real"), ("spoof", "fake")):
        (root / folder).mkdir(parents=True)
        step = len(recordings[key]) // (files // 2)
        for number, path in enumerate(recordings[key][::step][: files // 2]):
            shutil.copy(path, root / folder / f"{folder[0]}{number}.flac")
    return root


def test_ten_files_are_refused_with_the_number_that_is_needed(run_pipeline, tmp_path):
    corpus = flat_corpus(tmp_path / "corpus", 10)
    done = run_pipeline("--corpus", corpus, "--layout", "auto", "--output", tmp_path / "output")
    assert done.returncode == 1
    assert "at least 20 recordings of each class, got 5 bona fide and 5 spoofed" in done.stdout


@pytest.mark.parametrize("files", [50, 200])
def test_a_model_is_trained_and_judged(run_pipeline, tmp_path, files):
    corpus, output = flat_corpus(tmp_path / "corpus", files), tmp_path / "output"
    done = run_pipeline("--corpus", corpus, "--layout", "auto", "--output", output)
    # The gate cannot push it: nobody knows how many voices there are.
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"data   folders, {files} utterances" in done.stdout
    assert "the splits were made by file" in done.stdout
    assert "real/SPEAKER/1.wav" in done.stdout
    assert "intervals treat all utterances as independent and are too narrow" in done.stdout
    assert "Gate: Speakers with bona fide trials: not known, expected at least 4" in done.stdout
    [report] = (output / "artifacts" / "DataGate" / "report").glob("*/report.json")
    rules = {found["rule"] for found in json.loads(report.read_text())["findings"]}
    assert "unknown_speakers" in rules
    [page] = (output / "artifacts" / "EvalReport" / "report").glob("*/report.html")
    assert "the speakers are not known here" in page.read_text()
