"""The documents name files, sections and commands that exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from bonafide.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = ("*.md", "docs/**/*.md", ".github/**/*.md", "samples/README.md")
DOCUMENTS = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SCRIPT = re.compile(r"python3? (?:-m )?((?:\w+[./])*\w+)")


def named(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """Anchors of a document's headings, as GitHub makes them."""
    text = CODE_BLOCK.sub("", path.read_text())
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text))
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_to_files_and_sections(document):
    for link in LINK.findall(CODE_BLOCK.sub("", document.read_text())):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / unquote(name) if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_exist(document):
    text = document.read_text()
    for command in re.findall(r"^(?:.*/)?bonafide ([a-z]+) ", text, re.MULTILINE):
        assert command in COMMANDS
    for name in SCRIPT.findall(text):
        path = ROOT / name.replace(".", "/")
        if name.partition(".")[0] in ("benchmarks", "scripts"):
            assert path.with_suffix(".py").exists(), name
    for target in re.findall(r"^make ([a-z-]+)", text, re.MULTILINE):
        assert f"\n{target}: " in (ROOT / "Makefile").read_text(), target


def test_readme_is_short_and_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert "\nmake run " in text
    assert "\nmake test " in text


def test_every_document_is_reachable_from_the_readme():
    pending, seen = [ROOT / "README.md"], set()
    while pending:
        document = pending.pop()
        if document in seen:
            continue
        seen.add(document)
        for link in LINK.findall(document.read_text()):
            target = (document.parent / unquote(link.partition("#")[0])).resolve()
            if target.suffix == ".md" and target.exists():
                pending.append(target)
    wanted = {path for path in DOCUMENTS if ".github" not in path.parts}
    assert not wanted - seen


def test_pictures_are_small():
    for path in (ROOT / "docs/images").iterdir():
        assert path.stat().st_size <= 200_000, path
