"""The command line: what it refuses, and what it makes of paths. Nothing is run."""

import pathlib

import pytest

import local_runner
from bonafide.version import REPOSITORY


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
        (["--corpus", "a=/x", "--corpus", "a=/y"], ["the name a is there twice"]),
        (["--corpus", "a=/x", "--layout", "auto"], ["NAME=DIR@LAYOUT"]),
        (["--corpus", "a=/x?weight=x"], ["trainer.corpus_weights", "NAME=NUMBER", "'a=x'"]),
        (["--corpus", "a=/x?weight=0"], ["numbers above 0", "'a=0'"]),
        (["--corpus", "a=/x?weight="], ["NAME=NUMBER", "'a='"]),
        (["--corpus", "a=/x?weight"], ["a: expected name=value, got 'weight'"]),
        (["--corpus", "a=/x?weight=1,weight=2"], ["a: weight is there twice"]),
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
def test_a_wrong_command_line_is_told_at_once(started, capsys, arguments, words):
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
    assert "weight=3 among the options" in " ".join(text.split())
