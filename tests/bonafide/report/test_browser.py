"""The page in a real browser: it draws, answers mouse and keyboard, and loads nothing."""

import contextlib
import dataclasses
import json
import shutil
import wave

import pytest

from bonafide import text
from bonafide.metrics.evaluation_json import to_json
from bonafide.report.charts import worst_first
from bonafide.report.data_page import render_data_page
from bonafide.report.page import render_page

EXECUTABLE = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    EXECUTABLE is None, reason="no chromium, chromium-browser or google-chrome on PATH"
)

ALL_DRAWN = """() => {
  const charts = [...document.querySelectorAll("[data-spec]")];
  return charts.length > 0 && charts.every((chart) => "drawn" in chart.dataset);
}"""

# Elements with text of their own whose contrast with the nearest ground is below WCAG's AA.
POOR_CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  let looked = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.getClientRects().length || element.closest("script")) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color);
    const pair = [luminance(ink), luminance(ground(element))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    looked += 1;
    if (contrast < 4.5) poor.push([element.outerHTML.slice(0, 80), contrast]);
  }
  return [looked, poor];
}"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def show(browser):
    """Returns a function that opens a file, and a list of all that it complains and asks for."""
    with contextlib.ExitStack() as stack:

        def show_page(path, *, drawn=True, **context):
            found = stack.enter_context(contextlib.closing(browser.new_context(**context)))
            found.set_default_timeout(60_000)  # drawing waits for a core when tests share few
            page, events = found.new_page(), []
            page.on("console", lambda message: events.append(("console", message.text)))
            page.on("pageerror", lambda error: events.append(("error", str(error))))
            page.on("request", lambda request: events.append(("request", request.url)))
            page.on("dialog", lambda dialog: events.append(("dialog", dialog.message)))
            page.goto(path.as_uri())
            if drawn:
                page.wait_for_function(ALL_DRAWN)
            return page, events

        yield show_page


@pytest.fixture(scope="module")
def path(contents, tmp_path_factory):
    found = tmp_path_factory.mktemp("report") / "report.html"
    found.write_text(render_page(contents), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def opened(show, path):
    """Returns a page and its events that tests look at, but leave as it is."""
    return show(path, viewport={"width": 1200, "height": 900})


@pytest.fixture(scope="module")
def opened_hostile(show, hostile, tmp_path_factory):
    found = tmp_path_factory.mktemp("hostile") / "report.html"
    found.write_text(render_page(hostile), encoding="utf-8")
    return show(found, viewport={"width": 1200, "height": 900})


def hover(page, locator):
    """Moves the mouse to the middle of a mark and returns what the tooltip says."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    return tooltip.inner_text().replace("\t", " ")


def test_charts_are_drawn_without_a_complaint_or_a_request(opened, path):
    page, events = opened
    assert events == [("request", path.as_uri())]
    charts = page.locator("[data-spec]")
    assert charts.count() == 7
    for place in range(charts.count()):
        assert charts.nth(place).locator("svg path, svg line").count() > 10
    assert page.locator(".no-chart").count() == 0


def test_the_page_shows_the_figures_of_its_json(opened, contents):
    page, _ = opened
    data = json.loads(page.locator("#figures").text_content())
    evaluation = json.loads(json.dumps(to_json(contents.evaluation)))
    assert {name: data[name] for name in evaluation} == evaluation
    shown = page.eval_on_selector_all(
        "[data-figure]", "cells => cells.map(cell => [cell.dataset.figure, cell.dataset.value])"
    )
    assert len(shown) > 50
    for name, value in shown:
        found = data
        for part in name.split("."):
            found = found[int(part) if part.isdigit() else part]
        assert found == json.loads(value), name
    assert page.locator('[data-figure="eer"]').inner_text() == text.rate(data["eer"])


def test_the_mouse_finds_the_values(opened, contents):
    page, _ = opened
    evaluation = contents.evaluation
    worst = worst_first(evaluation.per_attack)[0]
    said = hover(page, page.locator("#attacks .mark-rect path").first)
    assert f"Attack {worst}" in said
    assert f"EER {text.rate(evaluation.per_attack[worst].eer)}" in said
    assert "Spoofs 80" in said
    assert "champion, version 17 " in said

    point = evaluation.operating_points[0]
    said = hover(page, page.locator("#det .layer_3_marks path").first)
    assert "Operating point eer" in said
    assert f"FAR {text.rate(point.rates.far)}" in said
    assert f"FRR {text.rate(point.rates.frr)}" in said

    said = hover(page, page.locator("#det .curve_points_marks path").nth(20))
    assert "System this detector" in said or "System champion, version 17" in said
    assert "Threshold" in said


def test_the_keyboard_reaches_everything(show, path):
    page, _ = show(path)
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("link => link === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    details = page.locator("#det details")
    assert details.get_attribute("open") is None
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is not None
    assert details.locator("table").is_visible()


@pytest.mark.parametrize("opened_page", ["opened", "opened_hostile"])
def test_the_page_is_never_wider_than_the_screen(request, opened_page):
    page, _ = request.getfixturevalue(opened_page)
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    for width in (360, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        # The charts follow: those over the whole width fill most of it.
        page.wait_for_function(
            f"""() => {{
              const [narrow, wide] = ["det", "scores"].map(
                (name) => document.querySelector(`#${{name}} svg`).getBoundingClientRect());
              return narrow.right <= {width} && wide.right <= {width} && wide.width > {width} / 2;
            }}"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tables_of_figures_fit_on_a_wide_screen(show, contents, tmp_path):
    named = dataclasses.replace(contents, baseline_name="the champion, version 1795572206")
    (tmp_path / "report.html").write_text(render_page(named), encoding="utf-8")
    page, _ = show(tmp_path / "report.html", viewport={"width": 1440, "height": 900})
    for name in ("headline", "points"):
        box = page.locator(f".scroll:has(> #{name})")
        assert box.evaluate("box => box.scrollWidth - box.clientWidth") == 0, name


def test_light_and_dark_can_be_read(opened):
    page, _ = opened
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        looked, poor = page.evaluate(POOR_CONTRAST)
        assert looked > 300
        assert poor == []
    assert len(grounds) == 2


def test_on_paper_there_are_no_players_and_no_menu(opened):
    page, _ = opened
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = false)")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("nav", "audio", ".skip", "summary"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator("#det svg").first.is_visible()
    page.emulate_media(media="screen", color_scheme="light")


def test_without_javascript_the_tables_are_there(show, path):
    page, events = show(path, drawn=False, java_script_enabled=False)
    assert events == [("request", path.as_uri())]
    assert page.locator("#headline").is_visible()
    assert page.locator(".no-chart").first.is_visible()
    page.locator("#det summary").click()
    assert page.locator("#det-data").is_visible()


def test_hostile_texts_do_nothing(opened_hostile, hostile_text):
    page, events = opened_hostile
    for selector in ("bdi", "#det .mark-symbol path", "#scores .mark-rect path"):
        page.locator(selector).first.hover(force=True)
    bars = page.locator("#attacks .mark-rect path")
    said = [hover(page, bars.nth(place)) for place in range(2)]
    shown = text.visible(hostile_text)
    assert any(f"Attack {shown[:40]}" in tooltip for tooltip in said)
    assert page.locator("#vg-tooltip-element :is(script, img, a)").count() == 0
    assert page.evaluate("window.injected") is None
    assert events == [("request", page.url)]


def test_the_policy_runs_no_other_script(show, path):
    page, events = show(path)
    ran = page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.injected = 1";
      document.body.append(script);
      document.body.setAttribute("onclick", "window.injected = 1");
      document.body.click();
      return window.injected === 1;
    }""")
    assert not ran
    assert any("Content Security Policy" in said for kind, said in events if kind == "console")


def test_audio_beside_the_page_can_be_played(show, path, contents, tmp_path):
    name = "U1 é#1.wav"
    report = dataclasses.replace(contents, audio=lambda utterance: "U1%20%C3%A9%231.wav")
    (tmp_path / "report.html").write_text(render_page(report), encoding="utf-8")
    with wave.open(str(tmp_path / name), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000))
    page, events = show(tmp_path / "report.html")
    assert len(events) == 1  # nothing is loaded before it is asked for
    seconds = page.locator("audio").first.evaluate("""audio => new Promise((resolve, reject) => {
      audio.addEventListener("loadedmetadata", () => resolve(audio.duration));
      audio.addEventListener("error", () => reject(audio.error));
      audio.preload = "metadata";
      audio.load();
    })""")
    assert seconds == pytest.approx(0.5)


def test_the_page_of_data_checks_fits_and_can_be_read(show, tmp_path):
    found = tmp_path / "data_report.html"
    found.write_text(data_page(), encoding="utf-8")
    for width, scheme in ((1200, "light"), (400, "dark")):
        page, events = show(
            found, drawn=False, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        assert events == [("request", found.as_uri())]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        looked, poor = page.evaluate(POOR_CONTRAST)
        assert looked > 40
        assert poor == []


def data_page():
    """A page with long names, both severities and a number of each kind."""
    number = {
        "eer": 0.1234,
        "ci95": [0.1, 0.2],
        "spoof_higher": True,
        "medians": [-80.5, 16_000.0],
        "attacks": {f"A-very-long-name-of-an-attack-{place}" * 2: 0.1 for place in range(3)},
    }
    finding = {"rule": "shortcut", "split": "train", "value": 0.2, "limit": 0.3}
    report = {
        "passed": False,
        "counts": {},
        "findings": [
            finding | {"severity": name, "subject": "S" * 300, "message": "Do this. " * 40}
            for name in ("error", "warning")
        ],
        "splits": {
            split: {
                "bonafide": 9,
                "spoof": 9,
                "attacks": 3,
                "speakers": 2,
                "hours": 0.1,
                "conditions": {"language": {"Ling" * 20: [9, 9]}},
            }
            for split in ("train", "dev", "eval")
        },
        "numbers": {
            split: {"dc_dbfs": number, "all": number | {"medians": None, "ci95": None}}
            for split in ("train", "dev", "eval")
        },
        "drift": {
            "champion": {
                "version": "41",
                "corpus": "old",
                "numbers": {
                    kind: {"dc_dbfs": {"bits": 0.4, "medians": [-80.0, -45.5]}}
                    for kind in ("bonafide", "spoof")
                },
            },
        },
        "titles": {"dc_dbfs": ["DC offset", "dBFS"], "all": ["all numbers together", ""]},
        "levels": {"shortcut": "warn"},
        "limits": {"shortcut_eer": 0.3},
    }
    return render_data_page(report, title="corpus")
