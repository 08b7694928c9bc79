"""The version of this project."""

from __future__ import annotations

import importlib.metadata
import subprocess
import tomllib
from pathlib import Path

# Of a checkout; where the library is installed, there is no pyproject.toml in it.
REPOSITORY = Path(__file__).resolve().parent.parent


def project_version() -> str:
    """The version: of the checkout that this is, or else of the installed package."""
    try:
        text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
    except (OSError, ValueError, KeyError):
        project = {}
    if project.get("name") == "bonafide":
        return str(project["version"])
    return importlib.metadata.version("bonafide")


def described_version() -> str:
    """The version, with the git commit where there is one."""
    if not (REPOSITORY / ".git").exists():  # otherwise git would look in the folders above
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
