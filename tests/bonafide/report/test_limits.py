"""Limits of `bonafide evaluate`, from options and files to exit codes."""

import json

import numpy as np
import pytest

from bonafide.report import command, limits
from bonafide.report.arguments import parser

TRIALS = ["--scores", "scores.txt", "--protocol", "protocol.txt", "--resamples", "200"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Scores of 20 speakers with an EER of about 16 %, and of a much worse system."""
    random = np.random.default_rng(1)
    rows = [(f"U{n:03d}", f"S{n % 20:02d}", n % 2 == n // 20 % 2) for n in range(800)]
    scores = [2.0 * bonafide + random.normal() - 1 for _, _, bonafide in rows]
    (tmp_path / "protocol.txt").write_text(
        "".join(f"{s} {u} - {'- bonafide' if b else 'A07 spoof'}\n" for u, s, b in rows)
    )
    for name, noise in (("scores.txt", 0.0), ("bad.txt", 3.0)):
        (tmp_path / name).write_text(
            "".join(
                f"{row[0]} {score + random.normal() * noise}\n"
                for row, score in zip(rows, scores, strict=True)
            )
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return command.main([*TRIALS, *arguments])


def test_a_limit_that_is_kept_is_code_0_and_one_that_is_not_is_code_3(folder, capsys):
    assert run("--max-eer", "0.3") == command.OK == 0
    assert "Gate passed: 1 limit kept, of --max-eer." in capsys.readouterr().out
    assert run("--max-eer", "0.1", "--json", "out.json") == command.REFUSED == 3
    shown = " ".join(capsys.readouterr().out.split())
    assert "Gate refused, by --max-eer: EER on eval, upper end of its 95 % interval by " in shown
    assert "expected at most 10.00 %" in shown
    found = json.loads((folder / "out.json").read_text())["gate"]
    assert (found["passed"], found["source"]) == (False, "--max-eer")
    assert [rule["name"] for rule in found["rules"]] == ["max_eer"]


def test_the_upper_end_decides_and_not_the_point(folder, capsys):
    assert run("--resamples", "200", "--json", "out.json") == 0
    assert "No gate was applied: no figure was compared" in capsys.readouterr().out
    data = json.loads((folder / "out.json").read_text())
    assert "gate" not in data
    between = (data["eer"] + data["eer_ci95"][1]) / 2
    assert run("--max-eer", str(between)) == 3
    assert run("--max-eer", str(data["eer_ci95"][1] + 1e-9)) == 0


@pytest.mark.parametrize("lines", ["max_eer: 0.3\nmin_speakers: 20\n", "gate:\n  max_eer: 0.3\n"])
def test_a_file_of_limits(folder, lines):
    (folder / "limits.yaml").write_text(lines)
    assert run("--gate", "limits.yaml") == 0
    assert run("--gate", "limits.yaml", "--max-eer", "0.01") == 3  # an option wins
    assert run("--gate", "limits.yaml", "--min-speakers", "21") == 3
    assert run("--gate", "limits.yaml", "--min-spoof-speakers", "20") == 0


def test_only_what_is_named_is_checked(folder):
    # These scores are no log-likelihood ratios, and one attack is all there is.
    (folder / "scaled.txt").write_text(
        "".join(
            f"{name} {100 * float(score)}\n"
            for name, score in (
                line.split() for line in (folder / "scores.txt").read_text().splitlines()
            )
        )
    )
    assert command.main(["--scores", "scaled.txt", *TRIALS[2:], "--max-eer", "0.3"]) == 0
    arguments = ["--scores", "scaled.txt", *TRIALS[2:], "--max-calibration-loss", "0.2"]
    assert command.main(arguments) == 3


def test_regressions_and_conditions_need_the_other_side(folder, capsys):
    assert run("--max-regression", "0.05", "--baseline", "bad.txt") == 0
    worse = ["--scores", "bad.txt", *TRIALS[2:], "--baseline", "scores.txt"]
    assert command.main([*worse, "--max-regression", "0.05"]) == 3
    capsys.readouterr()
    for arguments, message in (
        (["--max-regression", "0.05"], "expected --baseline with max_regression"),
        (["--max-condition-far", "0.5"], "expected --condition with max_condition_far"),
        (["--max-condition-far", "0.5", "--condition", "x=bad.txt"], "expected --dev-scores with"),
    ):
        assert run(*arguments) == 1
        assert message in capsys.readouterr().err
    dev = ["--dev-scores", "scores.txt", "--dev-protocol", "protocol.txt"]
    condition = ["--condition", "noise=bad.txt", *dev]
    assert run(*condition, "--max-condition-far", "0.9") == 0
    assert run(*condition, "--max-condition-frr", "0.2") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_err: 0.1\n", "limits.yaml:1"),
        ("max_eer: 5\n", "a fraction"),
        ("max_eer: many\n", "limits.yaml:1"),
        ("", "expected limits, such as max_eer: 0.05, got none (limits.yaml)"),
        ("- max_eer\n", "a mapping of settings"),
        ("allow_attack_overlap: true\n", "limits.yaml:1"),  # training is not known
    ],
)
def test_what_is_no_limit_is_refused_before_any_work(folder, capsys, text, message):
    (folder / "limits.yaml").write_text(text)
    assert run("--gate", "limits.yaml", "--json", "out.json") == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: expected ")
    assert message in shown.err
    assert not (folder / "out.json").exists()


def test_every_limit_has_an_option_with_a_help_text():
    shown = parser(None).format_help()
    for name in limits.NAMES:
        assert f"--{name.replace('_', '-')}" in shown


def test_the_page_shows_the_verdict_of_the_limits(folder):
    assert run("--max-eer", "0.1", "--html", "page.html") == 3
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "Refused by the gate" in page
    assert 'data-rule="max_eer" data-passed="false"' in page
    assert 'data-rule="min_speakers"' not in page
