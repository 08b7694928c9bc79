import subprocess

from bonafide import version


def test_the_version_names_the_commit_where_there_is_one(tmp_path, monkeypatch):
    project = '[project]\nname = "bonafide"\nversion = "1.2.3"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.setattr(version, "REPOSITORY", tmp_path)
    asked = []

    def git(command, **options):
        asked.append((command[0], options["cwd"]))
        return subprocess.CompletedProcess(command, 0, "abc123-dirty\n", "")

    monkeypatch.setattr(version.subprocess, "run", git)
    assert version.described_version() == "1.2.3"
    assert asked == []
    (tmp_path / ".git").mkdir()
    assert version.described_version() == "1.2.3 (abc123-dirty)"
    assert asked == [("git", tmp_path)]

    def no_git(command, **_):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(version.subprocess, "run", no_git)
    assert version.described_version() == "1.2.3"


def test_an_installed_library_states_the_version_of_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "REPOSITORY", tmp_path)
    monkeypatch.setattr(version.importlib.metadata, "version", lambda name: f"{name} 9.9")
    assert version.project_version() == "bonafide 9.9"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1.0"\n')
    assert version.project_version() == "bonafide 9.9"
