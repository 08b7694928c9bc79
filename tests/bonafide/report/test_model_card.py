import dataclasses
import re

import pytest

from bonafide import text
from bonafide.metrics.gate import Rule, Verdict
from bonafide.metrics.slices import SliceResult
from bonafide.report.model_card import escaped, render_model_card
from bonafide.report.page import render_page

markdown_it = pytest.importorskip("markdown_it", reason="rich brings it")


def parsed(source):
    # HTML on, as in the strictest reading: what is escaped stays text all the same.
    return markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").parse(source)


def tables(source):
    """Returns each table as rows of cell texts."""
    found, tokens = [], iter(parsed(source))
    for token in tokens:
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            content = next(tokens)
            found[-1][-1].append("".join(child.content for child in content.children))
    return found


@pytest.fixture(scope="module")
def card(contents):
    return render_model_card(contents)


def test_the_card_has_the_figures_of_the_page(contents, card):
    page = render_page(contents)
    [figures] = [rows for rows in tables(card) if rows[0][0] == "Measure"]
    assert len(figures) == 1 + len(contents.evaluation.figures)
    assert figures[0][3] == "95 % interval, unseen attacks"
    for _, *cells in figures[1:]:
        assert len(cells) == 7
        for shown in cells:
            assert shown in page
    assert figures[1][:2] == ["EER", text.rate(contents.evaluation.figures["eer"].value)]


def test_the_card_has_every_part(contents, card):
    headings = re.findall(r"^#+ (.*)$", card, re.MULTILINE)
    assert headings == [
        *("Model card: conformer-s", "Intended use", "Out-of-scope use", "Languages", "Licence"),
        *("Gate", "Figures", "Attacks"),
        *("Robustness", "Training data", "Cue removal", "Operating points"),
        *("Calibration", "Hardest trials", "Speakers with rejected calls", "Provenance"),
        *("Data", "Model"),
        *("Rejected utterances", "Limits", "Definitions and sources"),
    ]
    assert (
        "**Refused by the gate.** The model failed 1 of 11 rules: EER of the worst attack." in card
    )
    by_first = {rows[0][0]: rows for rows in tables(card)}
    assert len(by_first["Result"]) == 1 + len(contents.verdict.rules)
    assert by_first["Attack"][1][0] == contents.evaluation.worst_attack
    assert by_first["Of the speech in a clip"][1] == [
        *("bandwidth", "7.2 to 8 kHz", "unlike training if more than 0.5 kHz outside"),
    ]
    assert "The calibration was fitted on dev: " in card
    assert "What 638 clips of training are like (319 of them degraded copies)." in card
    assert "- Of 300 clips of eval, 30 (10.0 %) are unlike training" in card
    assert by_first["Split"][1:] == [["dev", "0.400", "0.310"], ["eval", "0.450", "0.400"]]
    assert len(by_first["Threshold"]) == 1 + len(contents.evaluation.operating_points)


def test_the_card_says_what_the_model_is_for(contents, card):
    assert "This version has not passed a gate: use it for comparison and tests only." in card
    assert "Not recorded in the corpus" in card
    assert "Code: Apache-2.0." in card
    passed = dataclasses.replace(
        contents, verdict=Verdict((Rule("max_eer", "EER", 0.1, 0.2, "rate", True, True),)),
        slices={"language": {"de": SliceResult(40, 160, None, None, None)}},
    )  # fmt: skip
    found = render_model_card(passed)
    assert "has not passed" not in found
    assert "Of the evaluated recordings: de (200 trials)." in found
    sample = dataclasses.replace(
        passed, limits_of="the preset sample: this is not a detector to use"
    )
    assert "- Tests of the pipeline. This is not a detector to use." in render_model_card(sample)
    assert not re.search(r"\d\.\d{7}", card)  # no raw floats


def test_a_plain_card_has_no_empty_parts(make_report, make_normal_trials):
    card = render_model_card(make_report(make_normal_trials(1, speakers=0), resamples=0))
    assert "## Gate" not in card
    assert "## Calibration" not in card
    assert "## Training data" not in card
    assert "No gate was applied" in card
    assert "There are no intervals: the number of resamples is 0." in card
    assert "\n\n\n" not in card


def test_the_same_contents_give_the_same_card(contents, card):
    assert render_model_card(contents) == card


def test_every_row_has_the_cells_of_its_head(card, hostile):
    for source in (card, render_model_card(hostile)):
        found = tables(source)
        assert found
        for rows in found:
            assert len(rows) > 1
            assert {len(row) for row in rows} == {len(rows[0])}


def test_hostile_texts_are_neither_markup_nor_html(hostile):
    source = render_model_card(hostile)
    kinds = {"html_block", "fence", "code_block"}
    inline = {"html_inline", "link_open", "image", "code_inline"}
    for token in parsed(source):
        assert token.type not in kinds
        assert not {child.type for child in token.children or ()} & inline
    titles = [line for line in source.splitlines() if line.startswith("# ")]
    assert len(titles) == 1
    assert "\u202e" not in source
    assert "<script" not in source
    cells = {cell for rows in tables(source) for row in rows for cell in row}
    assert any("<script>window.injected=1;alert(1)</script>" in cell for cell in cells)


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("LA_E_0000001", "LA_E_0000001"),  # as it is, in the source too
        ("_x_", "\\_x\\_"),
        ("a|b", "a\\|b"),
        ("a`b", "a\\`b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("a\nb", "a\\\\u000ab"),
        ("# x", "\\# x"),
        ("$x$ ~y~ *z* [a](b) !", "\\$x\\$ \\~y\\~ \\*z\\* \\[a\\](b) \\!"),
    ],
)
def test_escaping(plain, written):
    assert escaped(plain) == written
