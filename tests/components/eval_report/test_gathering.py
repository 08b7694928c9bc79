import json
import urllib.parse
import urllib.request

import numpy as np

from bonafide.metrics.evaluation_json import to_json
from bonafide.metrics.results import Figure
from bonafide.report.contents import DataFinding
from components.eval_report import gathering


def gather(run, **changes):
    arguments = {
        "evaluation_uri": run.uris["evaluation"],
        "scores_uri": run.uris["scores"],
        "blessing_uri": run.uris["blessing"],
        "examples_uri": run.uris["examples"],
        "model_path": str(run.model_path),
        "title": "toy",
        "corpus_root": str(run.corpus),
        "settings": {"name": "toy", "trainer": {"epochs": 2, "cache_dir": ""}},
        "version": "0.1 (code abc)",
    }
    return gathering.gather(**arguments | changes)


def test_everything_of_a_run_is_there(run_of):
    trials, found = run_of.evaluated()
    run_of.ingested()
    run_of.trained()
    contents = gather(run_of)
    assert (contents.title, contents.version) == ("toy", "0.1 (code abc)")
    assert contents.date == "2026-02-03T04:05:06+00:00"
    assert to_json(contents.evaluation) == to_json(found)
    np.testing.assert_array_equal(contents.trials.scores, trials.scores)
    assert contents.trials.utterances.tolist() == trials.utterances.tolist()
    assert contents.dev.utterances[0] == "D00"
    assert contents.baseline_name == "the champion, version 41"
    assert contents.baseline_scores.shape == (40,)
    assert contents.verdict.passed
    assert contents.forced_reason == ""
    assert (contents.calibration.slope, contents.calibration.offset) == (1.5, -0.25)
    assert contents.calibration.cllr == {"dev": (0.5, 0.4), "eval": (0.6, 0.45)}
    assert contents.history[0]["dev_eer"] == 0.1
    assert contents.rejected.total == 0
    removal = contents.cue_removal
    assert list(removal.results) == ["as_recorded", "trimmed"]
    eer = contents.evaluation.figures["eer"]
    assert removal.results["as_recorded"].eer == Figure(eer.value, eer.ci95)
    assert removal.results["trimmed"].difference.value == 0  # the same order, other thresholds


def test_provenance_says_where_data_model_and_settings_come_from(whole_run):
    sections = gather(whole_run).provenance
    assert sections["Data"] == {
        "corpus": "toy",
        "layout": "asvspoof2019-la",
        "corpus fingerprint": "f00d",
        "sample rate": "16000 Hz",
        **dict.fromkeys(
            ("train", "dev", "eval"),
            "40 utterances (16 bona fide, 24 spoof), 0.50 h, 0 rejected",
        ),
    }
    assert sections["Model"] == {"seed": 3, "trained parameters": 12345}
    assert sections["Champion"] == {"version": "41", "pushed to": "/serving/41"}
    assert sections["Settings"] == {"trainer.epochs": 2, "trainer.cache_dir": "(empty)"}


def test_what_tuning_has_set_is_told_beside_what_was_configured():
    summary = {"corpus": "", "layout": "", "corpus_fingerprint": "", "sample_rate": 1, "splits": {}}
    record = {"tuned": {"conformer.dropout": 0.25, "conformer.stochastic_depth": 0.0}}
    configured = {"conformer": {"dropout": 0.1, "stochastic_depth": 0.0, "width": 96}}
    sections = gathering.provenance(summary, record, None, configured)
    assert sections["Settings"] == {
        "conformer.dropout": "0.25 (tuned; configured: 0.1)",
        "conformer.stochastic_depth": "0.0 (tuned; configured: the same)",
        "conformer.width": 96,
    }


def test_figures_of_training_are_shown_with_few_digits():
    summary = {"corpus": "toy", "layout": "l", "corpus_fingerprint": "f", "sample_rate": 8000}
    record = {"dev_eer": 0.0123456789, "seed": 1}
    settings = {"trainer": {"learning_rate": 0.1 + 0.2, "weight_decay": 0.05}}
    sections = gathering.provenance({**summary, "splits": {}}, record, None, settings)
    assert sections["Model"] == {"seed": 1, "dev EER of the best epoch": "1.23\u00a0%"}
    assert sections["Settings"] == {"trainer.learning_rate": "0.3", "trainer.weight_decay": 0.05}


def test_a_forced_blessing_is_told(whole_run):
    whole_run.forced("drill")
    assert gather(whole_run).forced_reason == "drill"


def test_a_model_without_a_record_and_a_run_without_a_champion(run_of):
    run_of.evaluated(champion=False)
    run_of.ingested()
    contents = gather(run_of)
    assert contents.baseline_scores is None
    assert contents.history == ()
    assert not {"Model", "Champion"} & set(contents.provenance)


def test_rejected_utterances_are_all_counted_and_the_first_shown(whole_run):
    rows = [f'U{number}\tflac/U{number}.flac\tsaid "no"\n' for number in range(30)]
    whole_run.ingested(rejected="utterance\tpath\treason\n" + "".join(rows))
    rejected = gather(whole_run).rejected
    assert rejected.total == 30
    assert len(rejected.first) == 20
    assert rejected.first[0] == ("U0", "flac/U0.flac", 'said "no"')


def test_audio_that_is_there_can_be_played(whole_run):
    audio = gather(whole_run).audio
    uri = audio("E00")
    assert uri.startswith("file:///")
    assert "#" not in uri  # a browser would cut the address there
    path = urllib.request.url2pathname(urllib.parse.urlparse(uri).path)
    assert path == str(whole_run.corpus / "flac" / "E00 #1.flac")
    assert audio("E01") is None  # listed, and the file is gone
    assert audio("E39") is None  # not listed


def test_audio_on_an_object_store_is_not_offered(whole_run):
    assert gather(whole_run, corpus_root="gs://bucket/corpus").audio("E00") is None


def test_the_checks_of_the_data_are_told(whole_run, tmp_path):
    found = {"rule": "shortcut", "severity": "warning", "split": "eval", "subject": "duration"}
    report = {
        "findings": [found | {"message": "it tells", "value": 0.2, "limit": 0.3}],
        "numbers": {"train": {}, "eval": {"all": {"eer": 0.39}}},
    }
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "report.json").write_text(json.dumps(report))
    data = gather(whole_run, data_report_uri=str(tmp_path / "checks")).data
    assert data.findings == [DataFinding("shortcut", "warning", "eval", "duration", "it tells")]
    assert data.all_numbers_eer == 0.39
    assert gather(whole_run).data is None
