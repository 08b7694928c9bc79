"""The command line: what it refuses, and what it makes of paths. Nothing is run."""

import dataclasses
import os
import pathlib

import pytest

import local_runner
from bonafide.version import REPOSITORY
from models.settings.conformer import SIZES
from pipeline.config import PRESETS


@pytest.fixture
def started(monkeypatch):
    """Replaces the run; returns the calls (settings, options, output) that would have begun one."""
    calls = []
    monkeypatch.setattr(local_runner, "run", lambda *args: calls.append(args) or 0)
    return calls


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--until", "Trainr"], ["a component, got 'Trainr'", "Did you mean 'Trainer'"]),
        (["--until", "Tuner"], ["a component of this run, got Tuner", "--set tuner.trials=20"]),
        (["--until", ""], ["a component, got ''", "Trainer", "DataGate"]),
        (["--fo", "typo"], ["unrecognized arguments: --fo"]),
        (["--force-blessing", " "], ["expected a reason", "(--force-blessing)"]),
        (["--force-blessing", ""], ["expected a reason", "(--force-blessing)"]),
        (["--workers", "0"], ["expected 1 process or more, got 0 (--workers)"]),
        (["--corpus", ""], ["the folder of the corpus, got '' (--corpus)"]),
        (
            ["--corpus", "a=/x", "--corpus", "/y"],
            ["one folder, or several corpora with a name each", "(--corpus)"],
        ),
        (
            ["--corpus", "/x", "--corpus", "/y"],
            ["one folder, or several corpora with a name each", "(--corpus)"],
        ),
        (["--corpus", "a=/x", "--corpus", "a=/y"], ["expected unique names, got a twice"]),
        (["--corpus", "a=/x", "--layout", "auto"], ["NAME=DIR@LAYOUT"]),
        (["--corpus", "a=/x?weight=x"], ["trainer.corpus_weights", "NAME=NUMBER", "'a=x'"]),
        (["--corpus", "a=/x?weight=0"], ["numbers above 0", "'a=0'"]),
        (["--corpus", "a=/x?weight="], ["NAME=NUMBER", "'a='"]),
        (["--corpus", "a=/x?weight"], ["a: expected name=value, got 'weight'"]),
        (["--corpus", "a=/x?weight=1,weight=2"], ["a: expected weight once, got it twice"]),
        (["--corpus", "a=/x?weigth=1"], ["a setting of corpus.options, got 'weigth'"]),
        (["--set", "corpus.options=weight=2"], ["a setting of corpus.options, got 'weight'"]),
        (
            ["--corpus", "a=/x?weight=2", "--set", "trainer.corpus_weights=a=3"],
            ["weights of corpora once", "trainer.corpus_weights", "Leave one of them out"],
        ),
        (
            ["--corpus", "a=/x", "--corpus", "b=/y", "--set", "trainer.corpus_weights=c=3"],
            ["corpora of this run (a, b), got c"],
        ),
        (["--set", "trainer.corpus_weights=c=3"], ["corpora of this run (sample), got c"]),
        (
            ["--corpus", "a=/x?weight=2", "--set", "trainer.cache=none"],
            ["no weights of corpora with", "trainer.cache=auto"],
        ),
        (["--preset", "none"], ["invalid choice", "sample"]),
        (["--set", "trainer.epoch=3"], ["Did you mean 'trainer.epochs'"]),
        (["--set", "corpus.layout=cinema"], ["a corpus layout, got 'cinema'"]),
        (["--layout", "cinema"], ["a corpus layout, got 'cinema'", "in-the-wild"]),
        (["--output", "gs://bucket/x"], ["expected a local folder"]),
    ],
)
def test_a_wrong_command_line_fails_at_once(started, capsys, arguments, words):
    with pytest.raises(SystemExit) as caught:
        local_runner.main(arguments)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert not started


def test_a_layout_is_named_in_short(started):
    arguments = ["--layout", "manifest", "--set", "corpus.options=split=eval"]
    assert local_runner.main(arguments) == 0
    [(settings, _, _)] = started
    assert (settings.corpus.layout, settings.corpus.options) == ("manifest", ("split=eval",))


def test_several_corpora_are_a_mixture(started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert local_runner.main(["--corpus", "la=x/../LA", "--corpus", "w=gs://b/w@folders"]) == 0
    assert local_runner.main(["--corpus", "a=b"]) == 0
    [(mixed, _, _), (alone, _, _)] = started
    assert mixed.corpus.root == f"la={tmp_path}/LA@auto;w=gs://b/w@folders"
    assert mixed.corpus.layout == "mixture"
    assert alone.corpus.layout == "asvspoof2019-la"
    assert alone.corpus.root == str(tmp_path / "a=b")


def test_weights_are_for_training_and_not_part_of_the_corpus(started):
    given = ["--corpus", "la=/d/LA", "--corpus", "w=gs://b/w@folders?{}split=train{}"]
    for front, behind in (("weight=3,", ""), ("", ", weight = 0.5"), ("", "")):
        assert local_runner.main([part.format(front, behind) for part in given]) == 0
    assert local_runner.main(["--corpus", "a=/x?weight=2;b=/y", "--corpus", "c=/z?weight=1"]) == 0
    (three, _, _), (half, _, _), (plain, _, _), (joined, _, _) = started
    assert three.trainer.corpus_weights == ("w=3",)
    assert half.trainer.corpus_weights == ("w=0.5",)
    assert plain.trainer.corpus_weights == ()
    assert three.corpus == half.corpus == plain.corpus
    assert plain.corpus.root == "la=/d/LA@auto;w=gs://b/w@folders?split=train"
    assert joined.trainer.corpus_weights == ("a=2", "c=1")
    assert joined.corpus.root == "a=/x@auto;b=/y@auto;c=/z@auto"


def test_weights_of_a_mixture_can_be_set_as_any_setting(started):
    arguments = ["--corpus", "a=/x", "--corpus", "b=/y", "--set", "trainer.corpus_weights=b=3"]
    assert local_runner.main(arguments) == 0
    assert started[0][0].trainer.corpus_weights == ("b=3",)


def test_one_folder_has_one_name(started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "out").mkdir()
    for path in ("out", "./x/../out", "link", "~/out", str(tmp_path / "out")):
        assert local_runner.main(["--output", path, "--corpus", path]) == 0
    assert {output for _, _, output in started} == {tmp_path.resolve() / "out"}
    # The corpus may be a link on purpose: its files are what counts, and they are looked at.
    assert {settings.corpus.root for settings, _, _ in started} == {
        str(tmp_path / "out"),
        str(tmp_path / "link"),
    }


def test_what_is_not_said_is_as_the_preset_says(started, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert local_runner.main([]) == 0
    [(settings, options, output)] = started
    assert output == pathlib.Path.cwd() / "output" / "sample"
    assert settings.corpus.root == str(REPOSITORY / "samples")
    assert (options.until, options.force_blessing, options.workers) == (None, None, None)


def test_components_are_named_in_any_letters(started):
    local_runner.main(["--until", "datagate"])
    assert started[0][1].until == "DataGate"


def test_the_optional_tuner_can_be_asked_for_where_it_is(started):
    assert local_runner.main(["--until", "tuner", "--set", "tuner.trials=3"]) == 0
    assert started[0][1].until == "Tuner"


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        local_runner.main(["--help"])
    text = capsys.readouterr().out
    for part in ("asvspoof2019-la", "trainer.epochs", "gate.max_eer", "exit codes", "DataGate"):
        assert part in text
    assert "the option weight=3" in " ".join(text.split())


@pytest.fixture
def config(tmp_path):
    """Writes a file of settings; returns its path."""

    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_file_of_settings_is_between_the_preset_and_the_options(started, config):
    path = config(
        "preset: small-corpus\n"
        "trainer:\n  epochs: 7\n  seed: 3\n  holdout_attacks: [A01, A02]\n"
        "gate.max_eer: 0.3\ndata_gate: {schema: off}\nconformer: S\nconformer.dropout: 0.25\n"
        "beam: {workers: 3}\n"
    )
    arguments = ["--config", path, "--set", "trainer.seed=4", "--workers", "2"]
    assert local_runner.main(arguments) == 0
    [(settings, options, output)] = started
    assert (settings.name, options.preset, output.name) == ("small-corpus",) * 3
    assert (settings.trainer.epochs, settings.trainer.seed) == (7, 4)
    assert settings.trainer.holdout_attacks == ("A01", "A02")
    assert (settings.gate.max_eer, settings.data_gate.schema) == (0.3, "off")
    assert settings.conformer == dataclasses.replace(SIZES["S"], dropout=0.25)
    assert settings.beam.workers == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "trainer:\n  epoch: 3\n",
            ["a setting, got 'trainer.epoch' (", "run.yaml:2)", "Did you mean 'trainer.epochs'"],
        ),
        ("a: 1\n", ["a setting, got 'a' (", "run.yaml:1)"]),
        ("trainer: {epochs: 0}\n", ["epochs from 1 to 999,999, got '0' (trainer.epochs, ", ":1)"]),
        ("\ntrainer.epochs: [1]\n", ["got ['1'] (trainer.epochs, ", ":2)"]),
        ("trainer.crop_frames: 9999\n", ["at most 194 frames", "got 9999 (trainer.crop_frames, "]),
        ("conformer: XL\n", ["one of S, M, L, got 'XL' (conformer, ", "run.yaml:1)"]),
        ("corpus:\n  layout: cinema\n", ["a corpus layout, got 'cinema' (corpus.layout, ", ":2)"]),
        ("preset: smal\n", ["a preset, got 'smal' (preset, ", "run.yaml:1)", "Did you mean"]),
        ("preset: small-corpus\n", ["one preset, as --preset sample says", "run.yaml:1)"]),
        ("trainer: {\n", ["expected YAML", "run.yaml:2)"]),
        ("trainer.epochs: 3\ntrainer: {epochs: 3}\n", ["each name once", "run.yaml:1 (", ":2)"]),
        ("just text\n", ["a mapping of settings, got 'just text' (", "run.yaml:1)"]),
    ],
)
def test_a_wrong_file_of_settings_is_told_with_its_line(started, config, capsys, text, words):
    with pytest.raises(SystemExit) as caught:
        local_runner.main(["--preset", "sample", "--config", config(text)])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert not started


def test_a_file_that_is_not_there_is_told(capsys):
    with pytest.raises(SystemExit):
        local_runner.main(["--config", "/no/run.yaml"])
    assert "a YAML file, got No such file or directory (/no/run.yaml)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--preset", name] for name in sorted(PRESETS)),
        ["--corpus", "a=/x", "--corpus", "b=gs://b/x@folders?split=train,weight=0.5"],
        ["--preset", "small-corpus", "--layout", "manifest", "--corpus", "/a b/[c]: #d"],
        [
            *("--set", "conformer=M", "--set", "conformer.halved_after=2,4"),
            *("--set", "trainer.cache=none", "--set", "trainer.pretrained=off"),
            *("--set", "trainer.learning_rate=1e-9", "--set", "data_gate.schema=off"),
            *("--set", "corpus.name=null", "--set", "beam.options=--a=1,--b=2"),
        ],
    ],
    ids=" ".join,
)
def test_printed_settings_are_read_back(started, config, capsys, arguments):
    assert local_runner.main([*arguments, "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert not started
    assert local_runner.main(["--config", config(printed)]) == 0
    assert local_runner.main(arguments) == 0
    (again, options, output), (first, _, first_output) = started
    assert again == first
    assert (options.preset, output) == (first.name, first_output)
    assert local_runner.main(["--config", config(printed), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


def test_settings_have_a_help_of_their_own(started, capsys):
    for arguments in (["--help-settings"], ["--help-settings", "trainer"]):
        with pytest.raises(SystemExit) as caught:
            local_runner.main(arguments)
        assert caught.value.code == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "trainer.epochs=30 Passes over the training split. a whole number from 1 to" in text
        assert ("gate.max_eer=0.48" in text) is (len(arguments) == 1)
    with pytest.raises(SystemExit) as caught:
        local_runner.main(["--help-settings", "trainr"])
    assert caught.value.code == 2
    assert "a section, got 'trainr'" in capsys.readouterr().err
    assert not started


@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_before_tensorflow_is_imported(given, found, monkeypatch, tmp_path):
    seen = []

    class Looks:
        def __init__(self, *arguments):
            seen.append(os.environ.get("TF_ENABLE_ONEDNN_OPTS"))

        def run(self):
            return 0

    from pipeline import session

    monkeypatch.setattr(session, "Session", Looks)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # restored at the end, whatever is set
    if given is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    assert local_runner.main(["--output", str(tmp_path)]) == 0
    assert seen == [found]
