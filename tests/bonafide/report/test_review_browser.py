"""The review views in a real browser: drawn, picked, sorted, and without a request."""

import shutil

import pytest

from bonafide.report.review import views

EXECUTABLE = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    EXECUTABLE is None, reason="no chromium, chromium-browser or google-chrome on PATH"
)

DRAWN = """() => {
  const charts = [...document.querySelectorAll("[data-spec]")];
  return charts.length > 0 && charts.every((chart) => "drawn" in chart.dataset);
}"""
# Marks of each chart: points, and lines that have a path.
MARKS = """() => Object.fromEntries([...document.querySelectorAll("[data-spec]")].map((chart) => [
  chart.dataset.spec,
  chart.querySelectorAll("[class*=_points] path, .mark-symbol.role-mark path").length,
]))"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield launched
        launched.close()


def shown(browser, path):
    """Opens a file; returns the page and what it asks for or complains about."""
    page, events = browser.new_page(viewport={"width": 1200, "height": 900}), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("request", lambda request: events.append(request.url))
    page.goto(path.as_uri())
    return page, events


@pytest.mark.parametrize("name", ["metrics_view", "curves_view"])
def test_views_are_drawn_in_a_frame_without_a_network(browser, results, tmp_path, name):
    """As in an HTML export of the notebook: the frame is all that there is."""
    path = tmp_path / "export.html"
    frame = getattr(views, name)(results)._repr_html_()
    path.write_text(f"<!doctype html><body>{frame}</body>", encoding="utf-8")
    page, events = shown(browser, path)
    [_, inner] = page.frames
    inner.wait_for_function(DRAWN)
    marks = inner.evaluate(MARKS)
    if name == "metrics_view":
        assert marks == {"metrics-1": 5}  # of two models and three slices, one is not known
    else:
        assert marks == {"curves-1": 22, "curves-2": 22, "thresholds-1": 10, "thresholds-2": 44}
    # The frame is as high as its content: no scroll bar inside the notebook.
    height = page.evaluate("document.querySelector('iframe').clientHeight")
    assert height >= inner.evaluate("document.documentElement.scrollHeight")
    assert events == [path.as_uri()]


def test_pickers_and_headings_choose_and_sort(browser, results, tmp_path):
    path = tmp_path / "review.html"
    path.write_text(views.metrics_view(results).page(), encoding="utf-8")
    page, _ = shown(browser, path)
    page.wait_for_function(DRAWN)

    def column(number):
        cells = f"tr:not([hidden]) > :nth-child({number}) bdi"
        return page.evaluate(
            f"[...document.querySelectorAll('tbody {cells}')].map(e => e.innerText)"
        )

    assert column(1) == ["all trials"] * 2 + ["A07"] * 2 + ["A08"] * 2
    page.get_by_role("button", name="EER").click()
    assert column(3) == ["2.00 %", "10.00 %", "20.00 %", "30.00 %", "40.00 %", "–"]
    page.get_by_role("button", name="EER").click()
    assert column(3) == ["40.00 %", "30.00 %", "20.00 %", "10.00 %", "2.00 %", "–"]
    page.locator("select[data-signal=slice]").select_option("A07")
    assert column(3) == ["40.00 %", "30.00 %"]
    page.locator("select[data-signal=metric]").select_option("spoof_count")
    page.wait_for_function("document.querySelectorAll('.mark-symbol.role-mark path').length === 3")
