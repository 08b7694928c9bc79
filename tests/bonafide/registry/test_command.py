import io
import json
import multiprocessing
import os
import pathlib
import signal
import time

import pytest
from rich.console import Console

from bonafide.registry import command, names, store, versions

FIGURES = {
    **{"eer": 0.2757, "eer_ci95": [0.2043, 0.3595], "worst_attack": "A11"},
    **{"worst_attack_eer": 0.481, "cllr": 0.8, "n_bonafide": 164, "n_spoof": 278},
}


def make_version(serving, name, *, figures=None, forced=None):
    """A version with what the pipeline puts beside a model; the graph says which it is."""
    extra = serving / name / names.EXTRA_DIR
    (serving / name / "variables").mkdir(parents=True)
    extra.mkdir()
    (serving / name / "variables" / "variables.index").write_text(f"variables of {name}")
    (extra / "bonafide.json").write_text(json.dumps({"dev_eer": 0.25, "seed": 3}))
    if figures:
        (extra / "evaluation.json").write_text(json.dumps(figures))
    if forced:
        (extra / "forced_blessing.json").write_text(json.dumps({"reason": forced}))
    (serving / name / names.MODEL_FILE).write_text(f"graph of {name}")


def content(folder):
    """Path below the folder -> content, of every file."""
    folder = pathlib.Path(folder)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture
def serving(tmp_path):
    folder = tmp_path / "serving" / "bonafide"
    make_version(folder, "1700000000")  # pushed before figures were kept
    make_version(folder, "1700000100", figures=FIGURES)
    make_version(folder, "1700000200", figures=FIGURES | {"eer": 0.3}, forced="a demo")
    (folder / "1700000300").mkdir()  # incomplete
    return folder


def run(capsys, *arguments, code=0):
    assert command.main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def test_the_list_has_the_newest_first_and_what_is_known(serving, capsys):
    lines = [" ".join(line.split()) for line in run(capsys, serving).out.splitlines()]
    assert [line for line in lines if line.startswith("17")] == [
        "1700000200 2023-11-14 22:16 30.00 % (20.43 to 35.95) A11 48.10 % 25.00 % current",
        "1700000100 2023-11-14 22:15 27.57 % (20.43 to 35.95) A11 48.10 % 25.00 %",
        "1700000000 2023-11-14 22:13 - - 25.00 %",
        "1700000200: pushed by a forced blessing: a demo",
    ]


def test_a_narrow_terminal_has_a_block_for_each_version(serving):
    found = versions.read_versions(str(serving))
    console = Console(width=40, file=io.StringIO(), highlight=False, markup=False)
    command.show(found, versions.summaries(found), console)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "1700000200 current"
    assert "  worst attack: A11 48.10 %" in lines
    assert max(map(len, lines)) <= 40


def test_the_list_as_json(serving, capsys):
    rows = json.loads(run(capsys, serving, "--json").out)
    assert [row["version"] for row in rows] == ["1700000000", "1700000100", "1700000200"]
    assert [row["current"] for row in rows] == [False, False, True]
    assert rows[0]["eval_eer"] is None
    assert rows[1] == {
        **{"version": "1700000100", "current": False, "pushed": "2023-11-14 22:15:00"},
        **{"eval_eer": 0.2757, "eval_eer_ci95": [0.2043, 0.3595], "cllr": 0.8},
        **{"worst_attack": "A11", "worst_attack_eer": 0.481, "n_bonafide": 164, "n_spoof": 278},
        **{"dev_eer": 0.25, "seed": 3, "republished_of": None, "republished_reason": None},
        **{"forced_reason": None, "forced_by": None, "forced_date": None, "forced_failures": []},
        **{"republished_by": None, "thresholds": {}, "corpus": None, "conditions": {}},
    }


def test_an_older_version_becomes_the_newest_and_none_is_changed(serving, capsys, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ana")
    before = content(serving)
    start = int(time.time())
    out, _ = run(capsys, serving, "--to", "1700000100", "--reason", "misses\u202e A17")
    new = store.complete_versions(str(serving))[-1]
    assert start <= int(new) <= time.time()
    assert f"version {new} is now current, a copy of version 1700000100" in out
    assert f"{new}: copy of 1700000100 by ana: misses\\u202e A17\n" in out
    added = content(serving / new)
    record = json.loads(added.pop("assets.extra/republished.json"))
    assert added == content(serving / "1700000100")
    assert {key: record[key] for key in ("of", "instead_of", "reason")} == {
        **{"of": "1700000100", "instead_of": "1700000200", "reason": "misses\u202e A17"}
    }
    after = content(serving)
    assert {name: text for name, text in after.items() if not name.startswith(new)} == before
    [*_, row] = json.loads(run(capsys, serving, "--json").out)
    assert (row["version"], row["current"], row["eval_eer"]) == (new, True, 0.2757)
    assert row["republished_of"] == "1700000100"


def test_a_rollback_can_be_rolled_back(serving):
    first = versions.make_current(str(serving), "1700000000", reason="x", now_seconds=1_700_000_400)
    second = versions.make_current(
        str(serving), "1700000200", reason="y", now_seconds=1_700_000_400
    )
    third = versions.make_current(str(serving), first, reason="z", now_seconds=1_700_000_400)
    assert (first, second, third) == ("1700000400", "1700000401", "1700000402")
    graphs = [(serving / name / names.MODEL_FILE).read_text() for name in (first, second, third)]
    assert graphs == [f"graph of {name}" for name in ("1700000000", "1700000200", "1700000000")]
    record = json.loads((serving / third / "assets.extra/republished.json").read_text())
    assert (record["of"], record["instead_of"]) == (first, second)


def test_a_number_that_a_push_takes_first_is_left_to_it(serving, monkeypatch):
    taken = []
    next_version = store.next_version

    def raced(*arguments, **options):
        number = next_version(*arguments, **options)
        if not taken:
            make_version(serving, str(number))
            taken.append(str(number))
        return number

    monkeypatch.setattr(store, "next_version", raced)
    new = versions.make_current(str(serving), "1700000000", reason="x")
    assert int(new) == int(taken[0]) + 1
    assert (serving / taken[0] / names.MODEL_FILE).read_text() == f"graph of {taken[0]}"


def test_pruning_keeps_the_newest(serving, capsys):
    out, _ = run(capsys, serving, "--keep", "2")
    assert out.startswith("removed: 1700000000\n")
    assert store.complete_versions(str(serving)) == ["1700000100", "1700000200"]
    assert run(capsys, serving, "--keep", "5").out.startswith("removed: nothing\n")
    # First back, then away with the others.
    run(capsys, serving, "--to", "1700000100", "--reason", "x", "--keep", "1")
    [left] = store.complete_versions(str(serving))
    assert (serving / left / names.MODEL_FILE).read_text() == "graph of 1700000100"
    assert (serving / "1700000300").is_dir()  # not ours to judge: a copy may be under way


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--to", "1700000200", "--reason", "x"], "1700000200 is already the current one"),
        (["--to", "7", "--reason", "x"], "expected one of 1700000000, 1700000100, got version 7"),
        (["--to", "1700000300", "--reason", "x"], "got version 1700000300"),
        (["--to", "../bonafide/1700000000", "--reason", "x"], "got version ../"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(serving, capsys, arguments, reason):
    before = content(serving)
    _, err = run(capsys, serving, *arguments, code=1)
    assert err.startswith("error: ")
    assert reason in err
    assert content(serving) == before


def test_a_folder_without_versions(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        _, err = run(capsys, folder, code=1)
        assert "expected versions, got none in" in err
        assert "Name the folder of a model" in err


def test_a_record_that_is_no_json_is_named(serving, capsys):
    (serving / "1700000100/assets.extra/evaluation.json").write_text("{")
    _, err = run(capsys, serving, code=1)
    assert "1700000100/assets.extra/evaluation.json is not JSON" in err


@pytest.mark.parametrize(
    "arguments", [["--to", "7"], ["--reason", "x"], ["--keep", "0"], ["--keep", "x"], []]
)
def test_a_wrong_command_line(serving, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        command.main([*([str(serving)] if arguments else []), *arguments])
    assert stopped.value.code == 2
    assert len(content(serving)) == 12


def go_back_slowly(serving, started):
    """Goes back and hangs after the first file, as if the disk were slow."""
    copy_file = store.uris.copy_file

    def hang(*args, **kwargs):
        copy_file(*args, **kwargs)
        started.set()
        time.sleep(60)

    store.uris.copy_file = hang
    versions.make_current(serving, "1700000000", reason="x")


def test_a_rollback_that_is_killed_leaves_the_current_version_current(serving):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=go_back_slowly, args=(str(serving), started))
    process.start()
    assert started.wait(120)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert store.complete_versions(str(serving))[-1] == "1700000200"
    [half_made] = [path for path in serving.iterdir() if path.name.startswith(".")]
    assert half_made.name.startswith(".incoming-")
    new = versions.make_current(str(serving), "1700000000", reason="x")
    assert store.complete_versions(str(serving))[-1] == new
