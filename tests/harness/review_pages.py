"""The review notebook in Chromium: as an HTML export, and in a JupyterLab of its own."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

_CHARTS = """() => [...document.querySelectorAll("[data-spec]")].map((chart) => [
  chart.dataset.spec,
  "drawn" in chart.dataset,
  chart.querySelectorAll(".mark-symbol.role-mark path, .mark-line path").length,
])"""
_SECONDS = 240


@contextlib.contextmanager
def browser():
    """Starts Chromium; skips the test where there is none."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    if not (executable := next(found, None)):
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield launched
        launched.close()


def opened(chromium, url):
    """Opens an address; returns the page, and a list of the requests that it makes."""
    page, requests = chromium.new_page(viewport={"width": 1400, "height": 1000}), []
    page.set_default_timeout(90_000)
    local = ("data:", "blob:", "about:")
    page.on("request", lambda r: None if r.url.startswith(local) else requests.append(r.url))
    page.goto(url, wait_until="domcontentloaded")
    return page, requests


def wait_for_charts(page, names):
    """Waits until the charts are drawn in the frames of a page; returns name -> marks."""
    ends = time.monotonic() + _SECONDS
    while True:
        page.wait_for_timeout(1000)
        found = [
            chart
            for frame in page.frames
            if frame.url == "about:srcdoc"
            for chart in frame.evaluate(_CHARTS)
        ]
        drawn = {name: marks for name, done, marks in found if done}
        if drawn.keys() >= set(names):
            return drawn
        assert time.monotonic() < ends, found


def run_all_cells(page):
    """Runs all cells of the notebook that JupyterLab shows."""
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    # Before its kernel has started, JupyterLab would ask for one.
    page.get_by_text("| Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


@contextlib.contextmanager
def jupyterlab(notebook, **environment):
    """Starts JupyterLab on a notebook, as `make review`; yields the address of the notebook."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    folder = notebook.parent
    options = (
        *("--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    )
    folders = {
        f"JUPYTER_{kind}_DIR": str(folder / f".{kind.lower()}")
        for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **folders, **environment},
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/api?token={token}", folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait_for(url, log):
    ends = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.5)
