"""The version of this project."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

# Of a checkout; an installed library has no pyproject.toml.
REPOSITORY = Path(__file__).resolve().parent.parent


def project_version() -> str:
    """Returns the version of this checkout, or of the installed package."""
    try:
        text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
    except (OSError, ValueError, KeyError):
        project = {}
    if project.get("name") == "bonafide":
        return str(project["version"])
    return importlib.metadata.version("bonafide")


def described_version() -> str:
    """Returns the version, with the git commit if there is one."""
    if not (REPOSITORY / ".git").exists():  # otherwise git would search the parent folders
        return project_version()
    try:
        described = subprocess.run(
            ["git", "describe", "--tags", "--always", "--dirty"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return project_version()
    return f"{project_version()} ({described.stdout.strip()})"
