import base64
import dataclasses
import hashlib
import html.parser
import itertools
import json
import re

import numpy as np
import pytest

from bonafide.metrics import treated
from bonafide.metrics.evaluation_json import to_json
from bonafide.report import facts
from bonafide.report.contents import CalibrationEffect, DataChecks, Rejected
from bonafide.report.page import render_page
from bonafide.report.templating import safe_json

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(html.parser.HTMLParser):
    """The elements of a page with their attributes, and the text of the scripts."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.scripts, self.text = [], [], [], []
        self.feed(source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1].append(data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def script(self, id):
        [found] = ["".join(parts) for attrs, parts in self.scripts if attrs.get("id") == id]
        return found

    @property
    def code(self):
        return ["".join(parts) for attrs, parts in self.scripts if "type" not in attrs]

    @property
    def words(self):
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def source(contents):
    return render_page(contents)


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


@pytest.fixture(scope="module")
def hostile_page(hostile):
    return Page(render_page(hostile))


def at(data, path):
    for part in path.split("."):
        data = data[int(part) if part.isdigit() else part]
    return data


def test_the_json_is_that_of_the_evaluation(contents, page):
    found = json.loads(page.script("figures"))
    removal, conditions = found.pop("cue_removal"), found.pop("conditions")
    groups, speakers = found.pop("groups"), found.pop("worst_speakers")
    assert groups["codec"]["opus"] == {
        "n_bonafide": 0, "n_spoof": 80, "eer": None, "eer_ci95": None, "far": 0.25,
        "far_ci95": None, "frr": None, "frr_ci95": None,
    }  # fmt: skip
    assert [one["speaker"] for one in speakers] == [
        one.speaker for one in facts.worst_speakers(contents)
    ]
    assert found == json.loads(json.dumps(to_json(contents.evaluation)))
    assert treated.from_json(removal) == contents.cue_removal
    assert treated.from_json(conditions) == contents.conditions


def test_every_figure_on_the_page_is_that_of_the_json(contents, page):
    data = json.loads(page.script("figures"))
    shown = {
        attrs["data-figure"]: json.loads(attrs["data-value"])
        for _, attrs in page.elements
        if "data-figure" in attrs
    }
    assert {path: at(data, path) for path in shown} == shown
    for name in contents.evaluation.figures:
        assert {name, f"{name}_ci95", f"baseline.{name}", f"delta_{name}"} <= shown.keys()
    assert "p_value" in shown
    assert "operating_points.6.frr" in shown
    assert "eer_unseen_ci95" in shown


def test_the_same_contents_give_the_same_bytes(contents, source, hostile):
    render_page(hostile)  # nothing counts what was rendered before
    assert render_page(contents) == source


def test_the_page_stands_alone(page, source):
    outside = [
        value
        for tag, attrs in page.elements
        for name, value in attrs.items()
        if name in ("src", "href", "srcset", "data", "action") and not value.startswith("#")
    ]
    assert outside
    assert all(value.startswith("audio/U") for value in outside)
    assert "@import" not in source
    assert "url(" not in source[: source.index("</style>")]


def test_the_policy_names_the_two_scripts_and_no_eval(page):
    [policy] = [
        attrs["content"]
        for attrs in page.all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    hashes = {
        "'sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() + "'"
        for code in page.code
    }
    [scripts] = [part for part in policy.split("; ") if part.startswith("script-src ")]
    assert len(page.code) == 2
    assert set(scripts.split()[1:]) == hashes
    assert "default-src 'none'" in policy


def test_links_lead_somewhere_and_ids_are_unique(page, hostile_page):
    for found in (page, hostile_page):
        ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        targets = {attrs["href"][1:] for attrs in found.all("a")}
        targets |= {
            id
            for _, attrs in found.elements
            for id in (attrs.get("aria-labelledby", "") + " " + attrs.get("data-spec", "")).split()
        }
        assert targets <= set(ids)


def test_the_structure_is_one_that_a_screen_reader_can_follow(page):
    tags = [tag for tag, _ in page.elements]
    assert page.all("html") == [{"lang": "en"}]
    assert [tags.count(tag) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert tags.count("table") == tags.count("caption")
    assert all("scope" in attrs for attrs in page.all("th"))
    assert tags.count("figure") == tags.count("figcaption") == tags.count("details") == 6
    for attrs in page.all("div"):
        if "data-spec" in attrs:
            assert attrs["role"] == "img"
            assert attrs["aria-labelledby"]


def test_the_order_is_that_of_a_review(page):
    assert [attrs["id"] for attrs in page.all("section")] == [
        *("verdict", "figures-list", "det-section", "scores-section", "attacks-section"),
        *(
            "conditions",
            "robustness",
            "shortcuts",
            "data",
            "calibration-section",
            "operating",
            "hardest",
            "speakers-section",
            "ranges-section",
            "training-section",
            "provenance",
        ),
        "definitions",
    ]


def test_rules_say_how_they_came_out_in_words(contents, page):
    rules = [attrs for attrs in page.all("li") if "data-passed" in attrs]
    assert [(rule["data-rule"], rule["data-passed"]) for rule in rules] == [
        (rule.name, str(rule.passed).lower()) for rule in contents.verdict.rules
    ]
    assert "Refused by the gate" in page.words
    assert page.words.count("✕ fail") == len(contents.verdict.failures) == 1


def test_the_first_screen_has_the_figures_that_a_bank_decides_on(contents, page):
    said = facts.headline_sentence(contents.evaluation).replace("\u00a0", " ")
    first = page.words.replace("\u00a0", " ")
    assert said in first
    assert first.index(said) < first.index("Rules")
    for title in ("Attacks detected", "Genuine callers rejected"):
        assert first.index(title) < first.index("Rules")


def test_what_the_detector_relies_on_is_said_in_words(contents, page):
    assert "its EER is 25.00 %, +12.50 percentage points" in page.words.replace("\u00a0", " ")
    assert "✕ relies on it" in page.words
    assert "✓ does not need it" in page.words
    assert "≈ undecided" in page.words
    without = Page(render_page(dataclasses.replace(contents, cue_removal=None)))
    assert "Cue removal" not in without.words
    assert "cue_removal" not in json.loads(without.script("figures"))


def test_conditions_are_shown_worst_first(contents, page):
    assert "99 do" in page.words
    assert page.words.index("MP3 at 64 kbit/s") < page.words.index("White noise 30 dB below")
    without = Page(render_page(dataclasses.replace(contents, conditions=None)))
    assert "Robustness" not in without.words
    assert "conditions" not in json.loads(without.script("figures"))


def test_the_page_states_what_training_was_like(contents, page):
    words = page.words.replace("\u00a0", " ")
    assert "638 clips of training (319 of them degraded copies)" in words
    assert "bandwidth7.2 to 8 kHz" in words
    assert "unlike training if more than 0.5 kHz outside" in words
    assert "Of 300 clips of eval, 30 (10.0 %) are unlike training" in words
    without = Page(render_page(dataclasses.replace(contents, training=None)))
    assert "unlike training" not in without.words


def test_what_the_data_gate_found_is_told(contents, page):
    assert "DataGate reported 1 warning." in page.words
    assert "! warning LA_1047 in train and dev" in page.words
    assert "this detector is no better" not in page.words
    clean = dataclasses.replace(contents, data=DataChecks([]))
    assert "DataGate found no fault in the data." in Page(render_page(clean)).words
    without = Page(render_page(dataclasses.replace(contents, data=None)))
    assert "Checks of the data" not in without.words


def test_a_forced_blessing_shows_its_reason_beside_the_verdict(contents):
    page = Page(render_page(dataclasses.replace(contents, forced_reason="only for a demo")))
    assert "Refused by the gate, pushed by a forced blessing" in page.words
    assert "Reason given for the forced blessing: only for a demo" in page.words


def test_warnings_stand_before_the_figures(make_report, make_normal_trials):
    report = make_report(make_normal_trials(1))
    page = Page(render_page(report))
    [warning] = report.evaluation.warnings
    assert page.words.index(warning) < page.words.index("95 % interval")


def test_what_is_missing_is_left_out_or_said_to_be(make_report, make_normal_trials):
    report = make_report(make_normal_trials(1, speakers=0), resamples=0)
    page = Page(render_page(report))
    sections = [attrs["id"] for attrs in page.all("section")]
    assert "training-section" not in sections
    assert "No gate was applied" in page.words
    assert "the number of resamples is 0" in page.words
    assert "It is not known whether UtteranceGen rejected any." in page.words
    assert not [attrs for _, attrs in page.elements if "delta" in attrs.get("data-figure", "")]
    assert not page.all("audio")
    shown = [attrs for _, attrs in page.elements if attrs.get("data-figure") == "eer_ci95"]
    assert [attrs["data-value"] for attrs in shown] == ["null"]


def test_conditions_have_a_table_each(page):
    assert "By codec" in page.words
    assert "alaw4016012.50 %6.25 to 18.75 %10.00 %15.00 %" in page.words  # cells
    assert "opus080too fewnone25.00 %–" in page.words


def test_without_conditions_there_is_no_such_section(make_report, make_normal_trials):
    page = Page(render_page(make_report(make_normal_trials(1))))
    assert "conditions" not in [attrs["id"] for attrs in page.all("section")]


def test_a_comparison_without_intervals(make_report, make_normal_trials):
    trials = make_normal_trials(1)
    report = make_report(trials, resamples=0, baseline_scores=trials.scores[::-1].copy())
    page = Page(render_page(report))
    assert "there is no interval" in page.words
    assert not [attrs for _, attrs in page.elements if attrs.get("data-figure") == "p_value"]


def test_calibration_and_rejections_in_words(contents, page):
    assert "Scores were calibrated as 1.250 × raw score − 0.500." in page.words
    on_dev = facts.calibrated_on(contents)
    assert on_dev in page.words
    assert on_dev.startswith(
        f"The calibration was fitted on dev: {contents.dev.n_bonafide} bona fide and "
    )
    assert facts.calibrated_on(dataclasses.replace(contents, dev=None)) == ""
    assert "UtteranceGen rejected 7 utterances." in page.words
    changed = dataclasses.replace(
        contents,
        calibration=CalibrationEffect(1.0, 0.0, {}, note="the fitted slope is -0.2"),
        rejected=Rejected(0),
    )
    page = Page(render_page(changed))
    assert "Scores were not calibrated: the fitted slope is -0.2" in page.words


@pytest.mark.parametrize(
    ("bonafide", "spoof"),
    [
        ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]),  # EER 0
        ([-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]),  # EER 100 %
        ([1.0], [0.0, 2.0]),
        ([1e6, -1e6, 3.0], [-1e6, 2.0, 1e6]),
        ([1e99, 1.0, 2.0], [-1e99, 1.0, 2.0]),
        ([1.0 + 2e-16, 1.0, 1.0 - 2e-16], [1.0, 1.0 - 1e-16, 1.0]),
        (np.repeat([1.0, 2.0], 50), np.repeat([0.0, 1.0], 50)),
    ],
)
def test_small_and_strange_evaluations_have_a_page(make_report, make_trials_of, bonafide, spoof):
    page = Page(render_page(make_report(make_trials_of(bonafide, spoof, speakers=3))))
    assert "nan" not in page.words.lower().replace("provenance", "")
    assert "inf " not in page.words.lower()
    for attrs, parts in page.scripts:
        if "type" in attrs:
            json.loads("".join(parts), parse_constant=pytest.fail)


def test_hostile_texts_stay_texts(hostile_text, page, hostile_page):
    tags = {tag for tag, _ in hostile_page.elements}
    assert tags <= {tag for tag, _ in page.elements} | {"strong"}  # of the forced blessing
    assert "img" not in tags
    # The two scripts, the figures, one for each chart: nothing more has become a script.
    charts = [attrs for attrs in hostile_page.all("div") if "data-spec" in attrs]
    assert len(hostile_page.scripts) == 3 + len(charts)
    for _, attrs in hostile_page.elements:
        assert not [name for name in attrs if name.startswith("on") or name == "x"]
        assert not attrs.get("src", "").lower().startswith("javascript")
    assert "{{ 7*7 }}" in hostile_page.words
    assert hostile_page.words.count("<script>window.injected=1;alert(1)</script>") > 10
    assert "\u202e" not in hostile_page.words
    assert {attrs["src"][0] for attrs in hostile_page.all("audio")} == {'"'}
    attacks = json.loads(hostile_page.script("figures"))["per_attack"]
    assert hostile_text in attacks


def test_json_in_a_script_cannot_end_it():
    value = {"</script><!--": "&\u2028\ud800"}
    written = safe_json(value)
    assert json.loads(written) == value
    assert not set("<>&\u2028") & set(written)
    written.encode("ascii")


def test_a_large_evaluation_has_a_small_page(make_report, make_normal_trials):
    trials = make_normal_trials(
        8, bonafide=7_000, spoof=63_000, attacks=[f"A{n:02d}" for n in range(7, 20)], speakers=67
    )
    report = make_report(trials, resamples=0, baseline_scores=trials.scores * 0.9 + 0.1)
    assert len(render_page(report).encode()) < 1_500_000
