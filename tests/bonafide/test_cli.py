import importlib
import subprocess
import sys

import pytest

from bonafide import cli
from bonafide.version import project_version

HEAVY = ("apache_beam", "keras", "numpy", "pandas", "rich", "scipy", "tensorflow", "tfx")


def modules_after(code):
    """Which heavy packages are loaded after some code has run in a new process."""
    code += f"\nimport sys; print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


def test_help_lists_every_command_and_loads_nothing(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in cli.COMMANDS)
    assert modules_after("from bonafide import cli; cli.main(['--help'])") == "[]"


@pytest.mark.parametrize(
    "package", ["audio", "corpora", "registry", "scoring", "storage", "trials", "registry.champion"]
)
def test_importing_a_leaf_loads_no_framework(package):
    found = modules_after(f"import bonafide.{package}")
    assert not {"apache_beam", "keras", "tensorflow", "tfx"} & set(eval(found))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_under_its_own_name(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: bonafide {name} ")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_module_of_a_command_is_there(name):
    assert callable(importlib.import_module(cli.COMMANDS[name].module).main)


def test_without_a_command_it_shows_the_usage_and_fails(capsys):
    assert cli.main([]) == 2
    assert "usage: bonafide COMMAND" in capsys.readouterr().err


def test_a_misspelt_command_names_the_nearest(capsys):
    assert cli.main(["scroe"]) == 2
    assert "expected a command, got 'scroe'. Did you mean 'score'?" in capsys.readouterr().err


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"bonafide {project_version()}")


def test_the_installed_command_and_the_module_are_the_same(tmp_path):
    for command in (["-m", "bonafide"], ["-c", "from bonafide.cli import script; script()"]):
        done = subprocess.run(
            [sys.executable, *command, "versions", "nothing"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert "expected versions, got none in nothing" in done.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_an_unknown_option_is_an_error_of_two_lines(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--no-such-option"])
    assert stopped.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"bonafide {name}: error: ")
    assert second == f"See bonafide {name} --help."


def test_a_terminal_is_told_what_takes_seconds_to_load(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit):
        cli.main(["bulk", "--no-such-option"])
    assert capsys.readouterr().err.startswith("loading Apache Beam ...\n")
    with pytest.raises(SystemExit):
        cli.main(["init", "--no-such-option"])
    assert "loading" not in capsys.readouterr().err
