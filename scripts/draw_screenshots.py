"""Takes the screenshots of the documentation: the report and the scoring page, in Chromium.

    python -m scripts.draw_screenshots --output output/sample --into docs/images

`--output` is the output folder of a run that pushed a model (`make run`). Chromium has to be on the
PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bonafide.version import REPOSITORY
from scripts.pictures import save

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
RECORDING = REPOSITORY / "samples/LA/ASVspoof2019_LA_eval/flac/LA_E_1005513.flac"
SIZE = {"width": 1120, "height": 820}
CHARTS_DRAWN = """() => {
  const charts = [...document.querySelectorAll("[data-spec]")];
  return charts.length > 0 && charts.every((chart) => "drawn" in chart.dataset);
}"""


def newest(paths: Sequence[Path], what: str) -> Path:
    """Returns the path whose folder has the highest number.

    Raises:
        SystemExit: There is none.
    """
    if not paths:
        sys.exit(f"error: expected {what}, got none. Run `make run`, or name its --output.")
    return max(paths, key=lambda path: int((path if path.is_dir() else path.parent).name))


@contextlib.contextmanager
def scoring_page(model: Path) -> Iterator[str]:
    """Runs `bonafide serve` on a free port, and yields the address of its page."""
    command = [sys.executable, "-m", "bonafide", "serve", "--model", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        try:
            yield process.stdout.readline().split()[0]
        finally:
            process.terminate()


def open_page(browser: Browser, address: str) -> Page:
    """Opens an address in a window of its own, in the light colour scheme."""
    page = browser.new_page(viewport=SIZE, color_scheme="light")
    page.goto(address)
    return page


def draw_report(browser: Browser, report: Path) -> dict[str, bytes]:
    """Returns screenshots of the report: its first screen, and the curves further down."""
    page = open_page(browser, report.resolve().as_uri())
    # Charts are drawn when they come near the window.
    page.locator("#det-section").scroll_into_view_if_needed()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(CHARTS_DRAWN)
    page.evaluate("window.scrollTo(0, 0)")
    found = {"report.png": page.screenshot()}
    page.locator("#attacks-section").scroll_into_view_if_needed()
    found["report_attacks.png"] = page.locator("#attacks-section").screenshot()
    return found


def draw_scoring(browser: Browser, model: Path, recording: Path) -> dict[str, bytes]:
    """Returns a screenshot of the scoring page after it has scored a recording."""
    with scoring_page(model) as address:
        page = open_page(browser, address)
        page.set_input_files("#file", recording)
        page.wait_for_selector("#result:not([hidden])")
        page.wait_for_function("document.getElementById('picture').naturalWidth > 0")
        return {"scoring_page.png": page.screenshot(full_page=True)}


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=REPOSITORY / "output/sample")
    parser.add_argument("--into", type=Path, default=REPOSITORY / "docs/images")
    parser.add_argument("--recording", type=Path, default=RECORDING)
    options = parser.parse_args()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        sys.exit(f"error: expected one of {', '.join(BROWSERS)} on the PATH, got none.")
    reports = list(options.output.glob("artifacts/EvalReport/report/*/report.html"))
    versions = list(options.output.glob("serving/*/[0-9]*"))
    report, model = newest(reports, "a report"), newest(versions, "a pushed model")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        pictures = draw_report(browser, report)
        pictures |= draw_scoring(browser, model, options.recording)
        browser.close()
    options.into.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        save(png, options.into / name)


if __name__ == "__main__":
    main()
