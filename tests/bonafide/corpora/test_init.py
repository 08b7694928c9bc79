"""`bonafide init`: what it says, what it refuses, and that the runner takes its file."""

import pathlib
import shutil

import pytest

import local_runner
from bonafide import cli
from bonafide.corpora.init.look import LARGE, Look, look_at
from bonafide.storage.local_files import LocalFiles
from bonafide.version import REPOSITORY
from pipeline.config import PRESETS

FLAC = REPOSITORY / "samples/LA/ASVspoof2019_LA_train/flac"


@pytest.fixture
def flat(tmp_path):
    """Flat folders of some recordings of each class."""

    def make(count, name="my corpus"):
        recordings = sorted(FLAC.glob("*.flac"))[:count]
        for kind in ("real", "fake"):
            (tmp_path / name / kind).mkdir(parents=True)
            for number, path in enumerate(recordings):
                shutil.copy(path, tmp_path / name / kind / f"{kind[0]}{number}.flac")
        return tmp_path / name

    return make


def init(*arguments):
    return cli.main(["init", *map(str, arguments)])


def test_it_says_what_is_there_and_writes_a_file_for_the_runner(flat, tmp_path, capsys):
    root = flat(25)
    (root / "real" / "._r1.flac").write_bytes(b"x")
    (root / "fake" / "empty.wav").write_bytes(b"")
    (root / "notes.txt").write_text("x")
    target = tmp_path / "run.yaml"
    assert init(root, "--output", target) == 0
    text = capsys.readouterr().out
    for part in (
        f"Corpus    {root}",
        "Layout    folders",
        "51 recordings: 25 bona fide, 26 spoofed",
        "Speakers  not named",
        "1 file of 0 bytes: fake/empty.wav",
        "and the gate needs 20 (gate.min_bonafide",
        "1 file such as ._a.wav, which macOS adds to archives, was ignored",
        "1 file of other kinds below the root is not read: .txt 1",
        "Preset    small-corpus",
        "Time      about",
        f"local_runner.py --config {target} --until DataGate",
    ):
        assert part in text
    assert local_runner.main(["--config", str(target), "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "preset: small-corpus" in printed
    assert "my_corpus" in printed
    assert str(root) in printed


def test_options_of_the_layout_are_checked_and_kept(flat, tmp_path, capsys):
    root, target = flat(25), tmp_path / "run.yaml"
    assert init(root, "--option", "split=eval", "--output", target) == 0
    text = capsys.readouterr().out
    assert "There is no train and no dev" in text
    assert "Preset" not in text
    assert 'options: ["split=eval"]' in target.read_text()
    for wrong in (["--option", "splt=eval"], ["--layout", "foldrs"]):
        with pytest.raises(SystemExit) as caught:
            init(root, *wrong, "--output", tmp_path / "other.yaml")
        assert caught.value.code == 2
        assert "Did you mean" in capsys.readouterr().err


def test_a_file_that_exists_is_kept(flat, tmp_path, capsys):
    root, target = flat(20), tmp_path / "run.yaml"
    target.write_text("mine")
    with pytest.raises(SystemExit):
        init(root, "--output", target)
    assert "--force" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert init(root, "--output", target, "--force") == 0
    assert "preset:" in target.read_text()


def test_a_corpus_that_cannot_be_used_gets_no_file(flat, tmp_path, capsys):
    target = tmp_path / "run.yaml"
    assert init(tmp_path / "nothing", "--output", target) == 1
    assert "which does not exist" in capsys.readouterr().err
    assert init(flat(5), "--output", target) == 1
    assert "at least 20 recordings of each class" in capsys.readouterr().err
    assert not target.exists()


def test_the_bundled_corpus_has_no_finding_about_its_splits():
    look = look_at(LocalFiles(str(REPOSITORY / "samples")), "auto")
    assert look.layout == "asvspoof2019-la"
    assert look.speakers == {"train": 43, "dev": 23, "eval": 37}
    assert 0.4 < look.hours < 0.8
    [finding] = look.findings
    assert "of other kinds" in finding


def test_presets_exist_and_time_grows_with_the_corpus():
    def of_size(number):
        counts = {"train": {"bonafide": number, "spoof": 0}}
        return Look(str(pathlib.Path("/x")), "folders", counts, None, {}, 0.0, None, (), ())

    small, large = of_size(1000), of_size(LARGE + 1)
    assert (small.preset, large.preset) == ("small-corpus", "asvspoof2019-la")
    assert {small.preset, large.preset} <= PRESETS.keys()
    assert 3 < small.minutes(4) < small.minutes(1) < large.minutes(1)


def test_speakers_of_eval_are_counted_as_the_gate_counts_them(tmp_path, capsys):
    """Synthetic voices are no bona fide speakers."""
    lines = ["path,key,speaker,system,split"]
    for number in range(180):
        split = ("train", "dev", "eval")[number % 3]
        key = "spoof" if number % 2 else "bonafide"
        speaker = "S1" if key == "bonafide" else f"TTS-{number % 10}"
        lines.append(f"{number}.wav,{key},{speaker}-{split},{'A' if number % 2 else '-'},{split}")
        (tmp_path / f"{number}.wav").write_bytes(b"RIFF")
    lines.insert(100, "x.wav,perhaps,S1,-,train")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    assert init(tmp_path, "--output", tmp_path / "run.yaml") == 0
    text = capsys.readouterr().out
    assert "1 row is malformed and left out: manifest.csv:101: unknown key 'perhaps'" in text
    assert "eval has 1 speaker with bona fide recordings, and the gate needs 4" in text
    assert "speakers with spoofed recordings" not in text


def test_its_errors_come_without_the_usage(tmp_path, capsys):
    with pytest.raises(SystemExit):
        init(tmp_path, "--outptu", "x")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "bonafide init: error: unrecognized arguments: --outptu x"
    assert second == "See bonafide init --help."
