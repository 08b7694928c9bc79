"""The artifacts of a run that a report is gathered from, made by the code that makes them."""

import json
import pathlib

import numpy as np
import pytest

from bonafide.corpora import Utterance
from bonafide.dataset import listing
from bonafide.metrics import gate, treated
from bonafide.metrics.evaluation import evaluate
from bonafide.registry.names import FORCED_BLESSING_FILE, RECORD_FILE
from bonafide.report import evaluation_files
from bonafide.trials.trials import make_trials

HEADER = "utterance\tpath\treason\n"


class Run:
    """Folders of artifacts, by the names of EvalReport's inputs, and the corpus."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.uris = {
            name: str(root / name)
            for name in ("examples", "model", "evaluation", "scores", "blessing")
        }
        for uri in self.uris.values():
            pathlib.Path(uri).mkdir(parents=True)
        self.model_path = root / "model" / "Format-Serving"
        self.corpus = root / "corpus"

    def evaluated(self, *, speaker="S{}", champion=True, gate_config=None):
        """Writes evaluation and scores of 40 eval and 40 dev trials with seeded scores."""
        random = np.random.default_rng(7)
        trials, dev = (
            make_trials(
                utterances=[f"{prefix}{number:02d}" for number in range(40)],
                scores=[*random.normal(0.8, 1, 16), *random.normal(-0.8, 1, 24)],
                is_bonafide=[True] * 16 + [False] * 24,
                attacks=["-"] * 16 + ["A07", "A08"] * 12,
                speakers=[speaker.format(number % 8) for number in range(40)],
            )
            for prefix in ("E", "D")
        )
        theirs = trials.scores + random.normal(0, 1, 40) if champion else None
        evaluation_files.write_scores(self.uris["scores"], "eval", trials, theirs)
        evaluation_files.write_scores(self.uris["scores"], "dev", dev, None)
        found = evaluate(trials, dev=dev, baseline_scores=theirs, resamples=100, seed=1)
        config = gate_config or gate.GateConfig(
            max_eer=0.9,
            max_regression=1.0,
            max_relative_regression=1000.0,
            max_calibration_loss=10.0,
            min_bonafide=16,
        )
        evaluation_files.write_results(
            self.uris["evaluation"],
            trials=trials,
            found=found,
            dev=evaluate(dev, resamples=100, seed=1),
            removal=treated.compare(
                trials, {"trimmed": trials.scores - 0.5}, threshold=0.0, resamples=100, seed=1
            ),
            verdict=gate.decide(found, config, gate.Overlap()),
            context={
                "date": "2026-02-03T04:05:06+00:00",
                "champion": {"version": "41", "source": "/serving/41"} if champion else None,
                "calibration": {
                    "slope": 1.5,
                    "offset": -0.25,
                    "note": "",
                    "cllr": {"dev": [0.5, 0.4], "eval": [0.6, 0.45]},
                },
            },
        )
        return trials, found

    def ingested(self, *, rejected=HEADER, utterances=None):
        """Writes what UtteranceGen leaves beside the examples, and recordings but that of E01."""
        utterances = utterances or [f"E{number:02d}" for number in range(39)]
        folder = self.root / "examples"
        counts = {"rejected": 0, "shards": 1, "seconds": 1800.0}
        splits = {
            split: {**counts, "read": 40, "systems": {"-": 16, "A07": 24}}
            for split in ("train", "dev", "eval")
        }
        summary = {
            "corpus": "toy",
            "layout": "asvspoof2019-la",
            "corpus_fingerprint": "f00d",
            "sample_rate": 16000,
            "splits": splits,
        }
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "rejected.tsv").write_text(rejected)
        rows = [
            Utterance(name, "S1", "-", "bonafide", "eval", f"flac/{name} #1.flac", "toy", "p:1")
            for name in utterances
        ]
        (folder / listing.LISTING_FILE).write_text(listing.listing_tsv(rows, []))
        (self.corpus / "flac").mkdir(parents=True, exist_ok=True)
        for row in rows:
            if row.utterance_id != "E01" and "<" not in row.utterance_id:
                (self.corpus / row.path).write_bytes(b"fLaC")

    def trained(self, **facts):
        """Writes the record of a training."""
        record = {
            "seed": 3,
            "parameters": 12345,
            "history": [{"epoch": 1, "loss": 0.5, "dev_loss": 0.6, "dev_eer": 0.1}],
            **facts,
        }
        path = self.model_path / RECORD_FILE
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record))

    def forced(self, reason):
        """Writes the record of a forced blessing."""
        (self.root / "blessing" / FORCED_BLESSING_FILE).write_text(json.dumps({"reason": reason}))


@pytest.fixture
def run_of(tmp_path):
    """Returns a run with nothing in it yet."""
    return Run(tmp_path)


@pytest.fixture
def whole_run(run_of):
    """Returns a run with everything that a report shows."""
    run_of.evaluated()
    run_of.ingested()
    run_of.trained()
    return run_of
