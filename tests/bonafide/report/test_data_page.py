import copy
import re

import pytest

from bonafide.report.data_page import render_data_page

REPORT = {
    "passed": True,
    "counts": {"train": {"bonafide": 3, "spoof": 4}},
    "findings": [],
    "splits": {
        "train": {
            "bonafide": 1234,
            "spoof": 4,
            "attacks": 1,
            "speakers": 0,
            "hours": 0.5,
            "conditions": {},
        },
    },
    "numbers": {
        "train": {
            "dc_dbfs": {
                "eer": 0.1234,
                "ci95": [0.1, 0.2],
                "spoof_higher": True,
                "medians": [-80.5, -40.25],
                "attacks": {"<b>A1</b>": 0.01},
            },
        },
    },
    "titles": {"dc_dbfs": ["DC offset", "dBFS"], "seconds": ["duration", "s"]},
    "drift": {},
    "levels": {"shortcut": "warn"},
    "limits": {"shortcut_eer": 0.3},
}


def finding(severity, **fields):
    return {
        "rule": "shortcut",
        "severity": severity,
        "split": "train",
        "subject": "DC offset",
        "message": "Set <it>.",
        "value": 0.2,
        "limit": 0.3,
    } | fields


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def page_of(*findings):
    return render_data_page(
        copy.deepcopy(REPORT) | {"findings": list(findings)}, title="my <corpus>"
    )


def test_nothing_found():
    shown = text_of(page_of())
    assert "Fit for training 0 errors and 0 warnings" in shown
    assert "Findings None." in shown
    assert "train 1,234 4 1 not known 0.50" in shown
    assert "DC offset (dBFS)" in shown
    assert "duration" not in shown.partition("Made by")[0]
    assert "data_gate.shortcut_eer 0.3" in shown


def test_figures_stand_with_interval_medians_and_attacks():
    shown = text_of(page_of()).replace("\u00a0", " ")
    assert "12.34 % 10.00 to 20.00 % −80.5 against −40.2" in shown
    assert "&lt;b&gt;A1&lt;/b&gt; 1.00 %" in shown


def test_errors_come_first_and_what_comes_from_files_is_escaped():
    page = page_of(finding("warning"), finding("error", subject="<script>x", value=3, limit=0))
    shown = text_of(page).replace("\u00a0", " ")
    assert "Not fit for training 1 error and 1 warning" in shown
    assert shown.index("✕ error") < shown.index("! warning")
    assert "&lt;script&gt;x" in shown
    assert "Set &lt;it&gt;." in shown
    assert "measured 3, limit 0" in shown
    assert "measured 20.00 %, limit 30.00 %" in shown
    assert page.count("<script") == 1  # the figures


@pytest.mark.parametrize("word", ["http://", "https://", "src=", "url("])
def test_nothing_is_loaded(word):
    assert word not in page_of(finding("error"))


def test_drift_is_a_table_of_what_there_is_to_compare_with():
    assert "Drift" not in text_of(page_of())
    report = copy.deepcopy(REPORT) | {
        "drift": {
            "champion": {
                "version": "41",
                "corpus": "<old>",
                "numbers": {"bonafide": {"dc_dbfs": {"bits": 0.25, "medians": [-80.0, -45.5]}}},
            },
            "serving": {
                "log": "calls.csv",
                "recordings": 300,
                "unread": 2,
                "numbers": {"bonafide": {"seconds": {"bits": 0.5, "medians": None}}},
            },
        }
    }
    page = render_data_page(report, title="mine")
    shown = text_of(page)
    assert "corpus &lt;old&gt; , which the champion (version 41) was trained on" in shown
    assert "300 recordings of the log calls.csv (2 more could not be read)" in shown
    assert "bona fide, from the champion&#39;s corpus bona fide, from the serving log" in shown
    assert "DC offset (dBFS) 0.250 \u221280, train \u221245.5 –" in shown
    assert "duration (s) – 0.500" in shown
    report["drift"]["champion"]["numbers"] = {"bonafide": {}}
    del report["drift"]["serving"]
    assert "One of the two sides has too few utterances." in text_of(
        render_data_page(report, title="x")
    )


def test_drift_is_measured_in_bits_and_shares_in_per_cent():
    drifted = finding("warning", rule="champion_drift", value=0.7036, limit=0.1)
    shown = text_of(page_of(drifted, finding("warning")))
    assert "data_gate.champion_drift : measured 0.70 bits, limit 0.10 bits" in shown
    assert "data_gate.shortcut : measured 20.00\u00a0%, limit 30.00\u00a0%".replace(
        "\u00a0", " "
    ) in shown.replace("\u00a0", " ")


def test_what_a_corpus_tells_is_counted_by_split_and_class():
    report = copy.deepcopy(REPORT)
    train = report["splits"]["train"]
    dev = train | {"conditions": {"language": {"de": [7, 1200]}}}
    train["conditions"] = {"language": {"en<": [5, 0], "": [1, 2]}}
    report["splits"]["dev"] = dev
    shown = text_of(render_data_page(report, title="x"))
    assert "By language: bona fide and spoofed utterances Language train dev" in shown
    assert "en&lt; 5 and 0 none not given 1 and 2 none de none 7 and 1,200" in shown


HISTOGRAM = {
    "low": -90.0, "high": -30.0, "bonafide": [0.75, 0.25, 0.0, 0.0], "spoof": [0.0, 0.0, 0.5, 0.5],
    "threshold": -60.0,
}  # fmt: skip


def page_with(histogram, **options):
    report = copy.deepcopy(REPORT) | {
        "findings": [finding("warning")], "histograms": {"dc_dbfs": {"train": histogram}},
    }  # fmt: skip
    return render_data_page(report, title="corpus", **options)


def test_a_finding_has_the_distributions_of_both_classes():
    page = page_with(HISTOGRAM)
    # The highest share reaches the top; 300 wide, 90 high.
    assert 'points="0.0,90.0 0.0,0.0 75.0,0.0 75.0,60.0 150.0,60.0 150.0,90.0' in page
    assert 'class="separates" x1="150.0"' in page
    assert "DC offset, train" in page
    assert "\u221290.000 dBFS" in page
    label = re.search(r'aria-label="(Share of each class[^"]*)"', page)[1].replace("\u00a0", " ")
    assert label == (
        "Share of each class by DC offset in train; the dashed line, at \u221260.000 dBFS, "
        "separates the classes with equal error rates of 12.34 %."
    )
    assert "<script" not in page.replace('<script type="application/json"', "")
    # A threshold outside is not drawn.
    assert 'class="separates"' not in page_with(HISTOGRAM | {"threshold": 5.0})
    # Measures without a finding have no picture.
    assert "polyline class" not in page_of()


def test_the_page_says_when_and_with_what_it_was_made():
    page = page_with(HISTOGRAM, date="2026-02-03T04:05:06+00:00", version="0.2.0 (abc)")
    assert "3 February 2026, 04:05 UTC" in page
    assert text_of(page).count("Bonafide 0.2.0 (abc)") == 2
    assert "Checked" not in page_with(HISTOGRAM)
