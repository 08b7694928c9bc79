import dataclasses
import datetime
import errno
import hashlib
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from bonafide.metrics import evaluation, evaluation_json, results
from bonafide.metrics.costs import AsvErrorRates
from bonafide.report import command, console
from bonafide.trials.trials import make_trials

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)

# A01: -2s 0s; A02: 1s; bona fide -1 2 3 4.
PROTOCOL = """\
S0 B1 - - bonafide
S1 B2 - - bonafide
S0 B3 - - bonafide
S1 B4 - - bonafide
S0 F1 - A01 spoof
S1 F2 - A01 spoof
S0 F3 - A02 spoof
"""
SCORES = "F3 1\nB4 4\nF1 -2\nB1 -1\nF2 0\nB3 3\nB2 2\n"
# At its threshold of 1 the verifier misses no target, accepts one non-target of four and rejects
# one spoof of four; see the tests of asv_scores.
ASV = "".join(
    f"A07 {kind} {score}\n"
    for kind, scores in {
        "target": (1, 3, 4, 5), "nontarget": (-2, -1, 0, 2), "spoof": (0.5, 1, 3.5, 6),
    }.items()
    for score in scores
)  # fmt: skip
ASV_RATES = AsvErrorRates(false_accept=1 / 4, miss=0.0, spoof_miss=1 / 4)

# The keys that other programs rely on.
KEYS = {
    "n_bonafide": int, "n_spoof": int, "eer": float, "eer_threshold": float, "eer_ci95": list,
    "auc": float, "min_tdcf_legacy": float, "min_tdcf_revised": float, "min_dcf": float,
    "act_dcf": float, "cllr": float, "min_cllr": float, "per_attack": dict, "worst_attack": str,
    "provenance": dict,
}  # fmt: skip
BASELINE_KEYS = {"delta_eer": float, "delta_eer_ci95": list, "p_value": float}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to be in, so that paths are given as people give them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_scores_of_several_conditions(files, capsys):
    worse = "".join(f"{row[0]} {row[4] + 1.5!r}\n" for row in simulated(1))
    (files / "mp3.txt").write_text(worse)
    arguments = ["--scores", "eval.txt", "--protocol", "eval.trl", "--resamples", "100"]
    arguments += ["--dev-scores", "dev.txt", "--dev-protocol", "dev.trl"]
    conditions = ["--condition", "mp3:64k=mp3.txt", "--condition", "our line=eval.txt"]
    outputs = ["--json", "out.json", "--html", "out.html"]
    assert command.main([*arguments, *conditions, *outputs]) == 0
    found = json.loads((files / "out.json").read_text())
    assert list(found["conditions"]["results"]) == ["as_recorded", "mp3:64k", "our line"]
    moved = found["conditions"]["results"]["mp3:64k"]
    assert moved["far_difference"]["ci95"][0] > 0
    assert found["provenance"]["sha256"].keys() >= {"mp3.txt"}
    page = (files / "out.html").read_text()
    assert "MP3 at 64 kbit/s" in page
    shown = capsys.readouterr().out
    assert shown.index("MP3 at 64") < shown.index("our line")
    # The same file for a condition: nothing moves.
    assert found["conditions"]["results"]["our line"]["difference"]["value"] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--condition", "mp3.txt"], "expected NAME=FILE"),
        (
            ["--condition", "a=x", "--condition", "a=y"],
            "expected another name for each --condition",
        ),
    ],
)
def test_conditions_need_names(files, capsys, given, said):
    with pytest.raises(SystemExit):
        command.main(["--scores", "eval.txt", "--protocol", "eval.trl", *given])
    assert said in capsys.readouterr().err


@pytest.fixture
def files(folder):
    """The files of the small example and of a simulated system."""
    texts = {"scores.txt": SCORES, "protocol.txt": PROTOCOL, "asv.txt": ASV}
    for name, seed in (("eval", 1), ("dev", 2)):
        rows = simulated(seed)
        texts[f"{name}.trl"] = "".join(f"{row[1]} {row[0]} - {row[2]} {row[3]}\n" for row in rows)
        texts[f"{name}.txt"] = "".join(f"{row[0]} {row[4]!r}\n" for row in reversed(rows))
        texts[f"{name}.old"] = "".join(f"{row[0]},{row[5]!r}\n" for row in sorted(rows))
        texts[f"{name}.old"] = "utterance,score\n" + texts[f"{name}.old"]
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def simulated(seed):
    """Utterance, speaker, attack, key, our score and that of a worse system."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in rng.permutation(90):
        bonafide = number % 3 == 0
        attack = "-" if bonafide else f"A{number % 2 + 7:02d}"
        score = rng.normal(2.0 if bonafide else 0.0, 1)
        key = "bonafide" if bonafide else "spoof"
        row = (f"U{seed}{number:02d}", f"S{number % 7}", attack, key)
        rows.append((*row, float(score), float(score + rng.normal(0, 1.5))))
    return rows


def trials_of(rows, column=4):
    """The same trials without any file."""
    return make_trials(
        utterances=[row[0] for row in rows],
        scores=[row[column] for row in rows],
        is_bonafide=[row[3] == "bonafide" for row in rows],
        attacks=[row[2] for row in rows],
        speakers=[row[1] for row in rows],
    )


SMALL = ("--scores", "scores.txt", "--protocol", "protocol.txt")
LARGE = ("--scores", "eval.txt", "--protocol", "eval.trl")
EVERYTHING = (
    *LARGE, "--asv-scores", "asv.txt", "--baseline", "eval.old", "--dev-scores", "dev.txt",
    "--dev-protocol", "dev.trl",
)  # fmt: skip


def figures(*arguments, resamples=20):
    """What evaluate.py writes as JSON."""
    assert command.main([*arguments, "--resamples", str(resamples), "--json", "out.json"]) == 0
    return json.loads(pathlib.Path("out.json").read_text())


def without_provenance(data):
    return {name: value for name, value in data.items() if name != "provenance"}


def words(text):
    """A text whose lines may be broken anywhere."""
    return " ".join(text.split())


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# What is written.


def test_every_figure_by_hand(files):
    data = figures(*SMALL, "--asv-scores", "asv.txt")
    assert {name: type(data[name]) for name in KEYS} == KEYS
    assert (data["n_bonafide"], data["n_spoof"], data["n_speakers"]) == (4, 3, 2)
    # -2s -1b 0s 1s 2b 3b 4b: least |1/4 - 1/3| after 0s.
    assert data["eer"] == pytest.approx(7 / 24, abs=1e-15)
    assert data["eer_threshold"] == 0.0
    assert data["auc"] == pytest.approx(10 / 12, abs=1e-15)
    # After 1s FRR is 1/4 and FAR 0: C1 = .9405 - .02375 and C2 = .375 give .91675 / 4.
    assert data["min_tdcf_legacy"] == pytest.approx(0.2291875 / 0.375, abs=1e-14)
    assert data["min_tdcf_revised"] == pytest.approx(0.2529375 / 0.39875, abs=1e-14)
    assert data["min_dcf"] == pytest.approx(0.475, abs=1e-15)
    # At -.64 B1 is lost, F2 and F3 pass.
    assert data["act_dcf"] == pytest.approx(0.475 + 2 / 3, abs=1e-15)
    bonafide = math.fsum(math.log2(1 + math.exp(-score)) for score in (-1, 2, 3, 4)) / 4
    spoof = math.fsum(math.log2(1 + math.exp(score)) for score in (-2, 0, 1)) / 3
    assert data["cllr"] == pytest.approx((bonafide + spoof) / 2, abs=1e-14)
    least = (math.log2(11 / 3) / 4 + 2 / 3 * math.log2(11 / 8)) / 2
    assert data["min_cllr"] == pytest.approx(least, abs=1e-14)
    assert {name: attack["n_spoof"] for name, attack in data["per_attack"].items()} == {
        "A01": 2,
        "A02": 1,
    }
    assert data["per_attack"]["A01"]["eer"] == pytest.approx(3 / 8, abs=1e-15)
    assert data["per_attack"]["A02"]["eer"] == pytest.approx(1 / 8, abs=1e-15)
    assert data["worst_attack"] == "A01"
    low, high = data["eer_ci95"]
    assert 0 <= low <= data["eer"] <= high <= 1


def test_the_json_is_the_whole_evaluation_of_the_files(files):
    data = figures(*EVERYTHING, "--seed", "3")
    rows = simulated(1)
    expected = evaluation.evaluate(
        trials_of(rows),
        asv=ASV_RATES,
        dev=trials_of(simulated(2)),
        baseline_scores=np.array([row[5] for row in rows]),
        resamples=20,
        seed=3,
    )
    speakers = data.pop("worst_speakers")
    assert speakers[0]["frr_ci95"][0] == max(one["frr_ci95"][0] for one in speakers)
    assert without_provenance(data) == evaluation_json.to_json(expected)
    assert {name: type(data[name]) for name in KEYS | BASELINE_KEYS} == KEYS | BASELINE_KEYS


def test_differences_to_a_baseline_are_ours_less_theirs(files):
    # The baseline tells all apart; its lines are in another order than ours.
    (files / "old.txt").write_text("B1 1\nB2 2\nB3 3\nB4 4\nF1 -1\nF2 -2\nF3 -3\n")
    data = figures(*SMALL, "--baseline", "old.txt")
    assert data["baseline"]["eer"] == 0.0
    assert data["delta_eer"] == pytest.approx(7 / 24, abs=1e-15)
    low, high = data["delta_eer_ci95"]
    # Two speakers say next to nothing of a difference.
    assert -1 <= low <= data["delta_eer"] <= high <= 1
    assert 0 < data["p_value"] <= 1
    back = figures("--scores", "old.txt", *SMALL[2:], "--baseline", "scores.txt")
    assert back["delta_eer"] == -data["delta_eer"]
    assert back["delta_eer_ci95"] == [-high, -low]


def test_without_other_files_what_needs_them_is_not_there(files):
    data = figures(*SMALL)
    assert not {*BASELINE_KEYS, "baseline"} & set(data)
    assert data["min_tdcf_legacy"] is data["min_tdcf_revised"] is None
    assert set(data["provenance"]["sha256"]) == {"scores.txt", "protocol.txt"}
    assert any("Freeze them on a development set" in warning for warning in data["warnings"])


def test_where_the_figures_come_from(files):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    arguments = [*EVERYTHING, "--title", "my system", "--resamples", "0", "--json", "out.json"]
    assert command.main(arguments) == 0
    found = json.loads((files / "out.json").read_text())["provenance"]
    assert set(found) == {"sha256", "version", "command", "date"}
    inputs = ["eval.txt", "eval.trl", "asv.txt", "eval.old", "dev.txt", "dev.trl"]
    assert found["sha256"] == {
        name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in inputs
    }
    assert shlex.split(found["command"]) == ["evaluate.py", *arguments]
    date = datetime.datetime.fromisoformat(found["date"])
    assert before <= date <= datetime.datetime.now(datetime.UTC)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.fullmatch(rf"{re.escape(project['version'])}( \(\S+\))?", found["version"])


def test_digests_are_of_the_bytes_and_paths_are_as_given(files):
    data = b"\xef\xbb\xbf" + SCORES.replace("\n", "\r\n").encode() + b"\r\n"
    (files / "scores.txt").write_bytes(data)
    path = str(files / "scores.txt")
    found = figures("--scores", path, "--protocol", "./protocol.txt")
    assert found["eer"] == pytest.approx(7 / 24, abs=1e-15)
    assert found["provenance"]["sha256"] == {
        path: hashlib.sha256(data).hexdigest(),
        "./protocol.txt": hashlib.sha256(PROTOCOL.encode()).hexdigest(),
    }


# What the options do.


def test_thresholds_are_those_of_the_development_set(files):
    # The same system ten higher: its EER threshold is 10, above all that is evaluated.
    higher = "".join(
        f"D{name} {int(score) + 10}\n" for name, score in map(str.split, SCORES.splitlines())
    )
    (files / "dev_scores.txt").write_text(higher)
    (files / "dev_protocol.txt").write_text(re.sub(r"^(\S+) ", r"\1 D", PROTOCOL, flags=re.M))
    dev = ("--dev-scores", "dev_scores.txt", "--dev-protocol", "dev_protocol.txt")
    data = figures(*SMALL, *dev)
    points = {point["name"]: point for point in data["operating_points"]}
    assert (points["eer"]["threshold"], points["eer"]["chosen_on"]) == (10.0, "dev")
    assert (points["eer"]["far"], points["eer"]["frr"], points["eer"]["hter"]) == (0.0, 1.0, 0.5)
    assert points["bayes"]["chosen_on"] == "costs"
    # The figures of the evaluated trials are not touched.
    alone = figures(*SMALL)
    assert {name: data[name] for name in results.FIGURES} == {
        name: alone[name] for name in results.FIGURES
    }
    assert data["eer_threshold"] == alone["eer_threshold"] == 0.0
    points = {point["name"]: point for point in alone["operating_points"]}
    assert (points["eer"]["threshold"], points["eer"]["chosen_on"]) == (0.0, "eval")
    assert not any("development set" in warning for warning in data["warnings"])


def test_subsets_of_both_protocols_can_be_chosen(files):
    line = "S{0} {1}{0} none none {2} {3} notrim {1}\n"
    rows = [("-", "bonafide"), ("-", "bonafide"), ("A07", "spoof"), ("A07", "spoof")]
    subsets = ("eval", "progress", "hidden")
    meta = [line.format(n, name, *row) for name in subsets for n, row in enumerate(rows)]
    (files / "meta.txt").write_text("".join(meta))
    # Bona fide 1 and 3, spoofs -1 and 2, shifted by subset: |1/2 - 1/2| after the first 1.
    shifts = dict(zip(subsets, (0, 10, 20), strict=True))
    scores = [
        f"{name}{n} {score + shift}\n"
        for name, shift in shifts.items()
        for n, score in enumerate((1, 3, -1, 2))
    ]
    (files / "all.txt").write_text("".join(scores))
    both = ("--scores", "all.txt", "--protocol", "meta.txt", "--dev-scores", "all.txt")
    both = (*both, "--dev-protocol", "meta.txt")

    def found(*options):
        data = figures(*both, *options, resamples=0)
        return data["n_spoof"], data["eer_threshold"], data["operating_points"][0]["threshold"]

    assert found() == (2, 1.0, 11.0)
    assert found("--subset", "hidden") == (2, 21.0, 11.0)
    assert found("--dev-subset", "hidden") == (2, 1.0, 21.0)
    assert found("--subset", "all", "--dev-subset", "eval")[::2] == (6, 1.0)


def test_lower_is_bonafide_is_the_same_as_negated_scores(files):
    plain = figures(*EVERYTHING)
    for name in ("eval.txt", "eval.old", "dev.txt"):
        text = (files / name).read_text()
        (files / name).write_text(re.sub(r"(?<=[ ,])(-?)([\d.])", turned, text))
    turned_around = figures(*EVERYTHING, "--lower-is-bonafide")
    assert without_provenance(turned_around) == without_provenance(plain)
    # Without the option the same files say that something is wrong.
    assert figures(*EVERYTHING)["eer"] > 0.5


def turned(found):
    return ("" if found[1] else "-") + found[2]


def test_a_flipped_sign_is_told(files, capsys):
    # -4b -3b -2b 1b | -1s 0s 2s: FRR 3/4 and FAR 1 after -2, FRR 3/4 and FAR 2/3 after -1.
    (files / "scores.txt").write_text("F3 -1\nB4 -4\nF1 2\nB1 1\nF2 0\nB3 -3\nB2 -2\n")
    data = figures(*SMALL, resamples=0)
    assert data["eer"] == pytest.approx(17 / 24, abs=1e-15)
    [warning] = [text for text in data["warnings"] if "flipped" in text]
    assert re.match(r"The EER is 70\.83\s?%, above 50 %: the sign of the scores is prob", warning)
    assert f"Warning: {words(warning)}" in words(capsys.readouterr().out)
    data = figures(*SMALL, "--lower-is-bonafide", resamples=0)
    assert data["eer"] == pytest.approx(7 / 24, abs=1e-15)
    assert "flipped" not in words(capsys.readouterr().out)


def test_the_order_of_lines_and_the_form_of_the_file_do_not_matter(files):
    plain = figures(*SMALL)
    lines = SCORES.splitlines()
    forms = {
        "other.txt": "\n".join(sorted(lines)),
        "scores.tsv": "filename\tcm-score\n" + "\n".join(lines[::-1]).replace(" ", "\t"),
        "scores.csv": "utterance,score\r\n" + "\r\n".join(lines).replace(" ", ","),
        "four.txt": "B4 - bonafide 4\nF1 A01 spoof -2\nF2 A01 spoof 0\nB1 - bonafide -1\n"
        "B3 - bonafide 3\nB2 - bonafide 2\nF3 A02 spoof 1\n",
    }
    for name, text in forms.items():
        (files / name).write_text(text)
        found = figures("--scores", name, *SMALL[2:])
        assert without_provenance(found) == without_provenance(plain), name


def test_the_same_seed_gives_the_same_result(files):
    first = figures(*EVERYTHING, "--seed", "7")
    assert without_provenance(figures(*EVERYTHING, "--seed", "7")) == without_provenance(first)
    other = figures(*EVERYTHING, "--seed", "8")
    assert (first["bootstrap"]["seed"], other["bootstrap"]["seed"]) == (7, 8)
    assert first["eer_ci95"] != other["eer_ci95"]
    assert first["delta_eer_ci95"] != other["delta_eer_ci95"]
    assert first["eer"] == other["eer"]


def test_a_thousand_draws_with_seed_one_are_usual(files):
    assert command.main([*LARGE, "--json", "out.json"]) == 0
    usual = json.loads((files / "out.json").read_text())
    assert (usual["bootstrap"]["resamples"], usual["bootstrap"]["seed"]) == (1000, 1)
    same = figures(*LARGE, "--seed", "1", resamples=1000)
    assert without_provenance(same) == without_provenance(usual)


def test_no_draws_give_no_intervals(files, capsys):
    data = figures(*LARGE, "--baseline", "eval.old", "--seed", "0", resamples=0)
    assert data["eer_ci95"] is data["delta_eer_ci95"] is data["p_value"] is None
    assert (data["bootstrap"]["resamples"], data["bootstrap"]["seed"]) == (0, 0)
    assert isinstance(data["delta_eer"], float)
    assert "the number of resamples is 0" in words(capsys.readouterr().out)


# What people see.


def test_the_console_shows_the_figures(files, capsys):
    (files / "old.txt").write_text("B1 1\nB2 2\nB3 3\nB4 4\nF1 -1\nF2 -2\nF3 -3\n")
    before = content(files)
    arguments = [*SMALL, "--asv-scores", "asv.txt", "--baseline", "old.txt", "--resamples", "20"]
    assert command.main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = [words(line) for line in shown.out.splitlines()]
    assert lines[0] == "scores.txt"
    assert f"{lines[1]} {lines[2]}" == (
        "7 trials: 4 bona fide, 3 spoofed (2 attacks), 2 speakers (2 with bona fide trials, 2 with "
        "spoofed ones)"
    )
    assert lines[3] == "95 % intervals from 20 resamples of 2 speakers, seed 1"
    ours, theirs = [line for line in lines if re.match(r"EER \d", line)]
    assert ours.startswith("EER 29.17 % ")
    assert theirs.startswith("EER 0 % +29.17 ")
    assert any(line.startswith("EER of the worst attack (A01) 37.50 % ") for line in lines)
    assert any(line.startswith("min t-DCF (2019) 0.6112 ") for line in lines)
    assert any(line.startswith("minDCF 0.4750 ") for line in lines)
    first, second = [line for line in lines if re.match(r"A0\d ", line)]
    assert re.fullmatch(r"A01 2 37\.50 % .* 0 %", first)  # the baseline's last
    assert re.fullmatch(r"A02 1 12\.50 % .* 0 %", second)
    # Some terminals have no typographic signs.
    assert not {"\u2212", "\u00a0"} & set(shown.out)
    assert any(line.startswith("frr1 eval -2.000 66.67 ") for line in lines)
    assert content(files) == before  # nothing is written unasked


def test_easier_attacks_are_counted_where_there_are_too_many(files, capsys):
    # The higher its number, the more of the bona fide trials lie below an attack's only spoof.
    lines = [f"S B{n} - - bonafide\n" for n in range(40)]
    lines += [f"S F{n} - A{n:02d} spoof\n" for n in range(32)]
    (files / "protocol.txt").write_text("".join(lines))
    scores = [f"B{n} {n}\n" for n in range(40)] + [f"F{n} {n + 0.5}\n" for n in range(32)]
    (files / "scores.txt").write_text("".join(scores))
    data = figures(*SMALL, resamples=0)
    assert len(data["per_attack"]) == 32
    shown = [words(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in shown if re.match(r"A\d\d ", line)] == [
        f"A{n:02d}" for n in range(31, 1, -1)
    ]
    assert "and 2 easier attacks: see --json" in shown


def test_no_figure_is_cut_on_a_narrow_terminal(files, capsys):
    # Wide thresholds and wide intervals: a useless detector whose scores are in the thousands.
    rng = np.random.default_rng(1)
    scores = dict.fromkeys((f"U{n:04d} S{n % 20} {n % 3 == 0:d}" for n in range(2000)), 0.0)
    scores = {name: 3000 * (rng.normal() + 0.3 * int(name[-1])) for name in scores}
    rows = [(*name.split(), score) for name, score in scores.items()]
    keys = {"1": "- - bonafide", "0": "- A07 spoof"}
    (files / "protocol.txt").write_text(
        "".join(f"{speaker} {name} {keys[flag]}\n" for name, speaker, flag, _ in rows)
    )
    (files / "scores.txt").write_text("".join(f"{row[0]} {row[3]}\n" for row in rows))
    assert command.main([*SMALL, "--resamples", "200"]) == 0
    shown = capsys.readouterr().out
    assert "100.00" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    # Names of thresholds stand on one line each.
    for name in ("eer", "frr5", "frr1", "far5", "far1", "far0.1", "bayes"):
        assert re.search(rf"^ *{re.escape(name)} +(eval|costs) ", shown, re.M), name


def test_differences_that_are_sure_are_green_where_better_and_red_where_worse():
    rows = simulated(1)
    good = trials_of(rows)
    bad = dataclasses.replace(good, scores=-good.scores)

    def styles(trials, other):
        found = evaluation.evaluate(trials, baseline_scores=other.scores, resamples=100)
        table = console.comparison_table(found.comparison)
        names = list(table.columns[0].cells)
        return [table.rows[names.index(name)].style for name in ("EER", "AUC")]

    assert styles(good, bad) == ["green", "green"]
    assert styles(bad, good) == ["red", "red"]
    assert styles(good, good) == [None, None]


def test_titles_and_ids_cannot_move_the_cursor_or_be_markup(files, capsys):
    (files / "protocol.txt").write_text(PROTOCOL.replace("A02", "[red]A2"))
    title = "\x1b[31m[bold]x\u202e"
    assert command.main([*SMALL, "--resamples", "0", "--title", title]) == 0
    shown = capsys.readouterr().out
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", shown)
    assert "[bold]x" in shown.splitlines()[0]
    assert "[red]A2 " in shown


def test_the_page_names_the_figures(files):
    before = set(content(files))
    data = figures(*EVERYTHING, "--html", "page.html", "--title", "<b>mine</b> & yours")
    page = (files / "page.html").read_text(encoding="utf-8")
    for name in ("eer", "min_tdcf_legacy", "min_dcf", "act_dcf", "cllr", "delta_eer", "p_value"):
        assert f'data-figure="{name}" data-value="{data[name]!r}"' in page, name
    assert f"{100 * data['eer']:.2f}\u00a0%" in page
    for point in data["operating_points"]:
        assert f'data-value="{point["threshold"]!r}"' in page
    for path, digest in data["provenance"]["sha256"].items():
        assert path in page
        assert digest in page
    assert "&lt;b&gt;mine&lt;/b&gt; &amp; yours" in page
    assert "<b>mine" not in page
    assert re.search(r"that of\s+eval\.old|between it and\s+eval\.old", page)
    assert data["provenance"]["version"] in page
    assert set(content(files)) == before | {"out.json", "page.html"}


def test_a_page_needs_no_other_option(files):
    before = set(content(files))
    assert command.main([*SMALL, "--resamples", "0", "--html", "page.html"]) == 0
    page = (files / "page.html").read_text(encoding="utf-8")
    assert 'data-figure="eer" data-value="0.2916666' in page
    assert "<title>scores.txt" in page
    assert set(content(files)) == before | {"page.html"}


# What is refused.

PLAIN_SCORES = dict(line.split() for line in SCORES.splitlines())


def lines_of(changed=(), **scores):
    return "".join(f"{name} {score}\n" for name, score in (PLAIN_SCORES | scores).items())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("scores.txt", lines_of().replace("F2 0\n", "").replace("B3 3\n", ""),
         "  2 trials of 7 without a score: B3, F2\n"),
        ("scores.txt", lines_of(X1=1), "  1 score of 8 without a trial: X1\n"),
        ("scores.txt", lines_of() + "B1 -1\n",
         "scores.txt: expected each utterance once, got 1 duplicate: B1"),
        ("scores.txt", lines_of(F1="nan"),
         "scores.txt:3: expected a finite score, got nan; 1 of 7 are NaN"),
        ("scores.txt", lines_of(B4="inf"),
         "scores.txt:2: expected a finite score, got inf; 1 of 7 are NaN"),
        ("scores.txt", lines_of(B4="high"),
         "scores.txt:2: expected a number as the score, got 'high'"),
        ("scores.txt", lines_of(F3=1, B4=1, F1=0, B1=0, F2=0, B3=1, B2=1),
         "scores.txt with protocol.txt: expected at least three different scores, got 2 (0, 1) in "
         "7 trials. These are decisions, not scores"),
        ("scores.txt", lines_of(**dict.fromkeys(PLAIN_SCORES, "0.5")), "got 1 (0.5) in 7 trials"),
        ("scores.txt", "B1 A07 spoof -1\n" + "".join(
            f"{name} {'- bonafide' if name[0] == 'B' else 'A01 spoof'} {score}\n"
            for name, score in PLAIN_SCORES.items() if name != "B1"),
         "B1 (key spoof, in the protocol bonafide), F3 (system A01, in the protocol A02)"),
        ("scores.txt", "", "scores.txt: the file is empty; expected 2 columns: UTTERANCE SCORE"),
        ("scores.txt", "B1,1\n", "6 trials of 7 without a score: B2, B3, B4, F1, F2 and 1 more"),
        ("scores.txt", "B1/1\n", "scores.txt:1: expected 2 or 3 or 4 or 6 columns separated"),
        ("protocol.txt", PROTOCOL + "S1 B9 - A01 bonafide\n",
         "protocol.txt:8: expected '-' as the attack of a bona fide trial, got 'A01'"),
        ("protocol.txt", PROTOCOL.replace("spoof", "fake"),
         "protocol.txt:5: expected 'bonafide' or 'spoof' as the key in column 5, got 'fake'"),
        ("protocol.txt", PROTOCOL.replace("- - bonafide", "- A01 spoof"), "no bona fide trial"),
        ("protocol.txt", "", "protocol.txt: the file is empty; expected 5 columns"),
        ("asv.txt", ASV.replace("A07 target 1\n", "A07 target\n"), "asv.txt:1: expected 3 columns"),
        ("asv.txt", "A07 target 1\n", "got no nontarget and no spoof trial"),
        ("asv.txt", ASV.replace("spoof ", "spoof -9"), "asv.txt: t-DCF: expected positive"),
        ("baseline.txt", lines_of(X1=1), "the scores in baseline.txt do not fit the protocol prot"),
        ("baseline.txt", lines_of(**dict.fromkeys(PLAIN_SCORES, 1)), "baseline.txt with protocol"),
        ("baseline.txt", lines_of(F3="1e200"), "got a magnitude of 1e+200"),
        ("dev.txt", lines_of(), "the scores in dev.txt do not fit the protocol dev.trl"),
        ("dev.trl", PROTOCOL, "the scores in dev.txt do not fit the protocol dev.trl"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_and_nothing_is_written(files, capsys, name, text, message):
    (files / "baseline.txt").write_text(lines_of())
    (files / name).write_text(text)
    (files / "out.json").write_text("from before\n")
    before = content(files)
    arguments = [*SMALL, "--asv-scores", "asv.txt", "--baseline", "baseline.txt", "--dev-scores"]
    arguments += ["dev.txt", "--dev-protocol", "dev.trl", "--json", "out.json", "--html", "p.html"]
    assert command.main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert content(files) == before


def test_files_that_cannot_be_read_are_named(files, capsys):
    assert command.main(["--scores", "none.txt", "--protocol", "protocol.txt"]) == 1
    assert capsys.readouterr().err == "error: cannot read none.txt: No such file or directory\n"
    assert command.main(["--scores", "scores.txt", "--protocol", "."]) == 1
    assert capsys.readouterr().err == "error: cannot read .: Is a directory\n"
    (files / "scores.txt").write_bytes(f"{SCORES}Bä 1\n".encode("latin-1"))
    assert command.main(list(SMALL)) == 1
    assert capsys.readouterr().err.startswith("error: scores.txt: not a UTF-8 text file")


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_where_nothing_can_be_written_is_told_before_any_work(files, capsys, monkeypatch, option):
    before = content(files)
    assert command.main([*SMALL, option, "none/out"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"error: cannot write \S*none/out: there is no folder \S*none\n", shown.err)
    (files / "folder").mkdir()
    assert command.main([*SMALL, option, "folder"]) == 1
    assert "it exists and is not a file" in capsys.readouterr().err
    monkeypatch.setattr(command.os, "access", lambda path, mode: mode != os.W_OK)
    assert command.main([*SMALL, option, "out"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "out: the folder is read-only" in shown.err
    assert content(files) == before


def no_room(self, text, **_):
    """Writes ten characters to a disk that is then full; which file it was is not said."""
    with self.open("w") as stream:
        stream.write(text[:10])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_no_file_is_ever_there_by_half(files, capsys, monkeypatch, option):
    (files / "out").write_text("from before\n")
    before = content(files)
    monkeypatch.setattr(pathlib.Path, "write_text", no_room)
    assert command.main([*SMALL, "--resamples", "0", option, "out"]) == 1
    assert capsys.readouterr().err.endswith(": No space left on device\n")
    assert content(files) == before


def test_what_could_not_be_written_is_named(files, capsys, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "write_text", no_room)
    assert command.main([*SMALL, "--resamples", "0", "--json", "out.json"]) == 1
    assert re.match(r"error: cannot write \S*out\.json", capsys.readouterr().err)


def test_a_name_that_is_too_long_is_told_and_the_longest_one_is_not_too_long(files, capsys):
    before = content(files)
    assert command.main([*SMALL, "--resamples", "0", "--json", "x" * 300]) == 1
    assert capsys.readouterr().err.startswith("error: cannot write ")
    assert content(files) == before
    assert command.main([*SMALL, "--resamples", "0", "--json", "x" * 255]) == 0
    assert json.loads((files / ("x" * 255)).read_text())["n_spoof"] == 3


def test_an_output_replaces_what_was_there_and_a_link_stays(files):
    (files / "out.json").write_text("from before\n")
    (files / "target.html").write_text("from before\n")
    (files / "page.html").symlink_to("target.html")
    data = figures(*SMALL, "--html", "page.html", resamples=0)
    assert data["n_spoof"] == 3
    assert (files / "page.html").is_symlink()
    assert (files / "target.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "scores.txt"),
        ("--html", "protocol.txt"),
        ("--baseline", "eval.old", "--json", "./eval.old"),
        ("--asv-scores", "asv.txt", "--json", "asv.txt"),
        ("--dev-scores", "dev.txt", "--dev-protocol", "dev.trl", "--html", "dev.trl"),
        ("--json", "link.json"),
        ("--baseline", "link.old", "--json", "eval.old"),
        ("--json", "out", "--html", "./out"),
    ],
)
def test_an_input_is_never_overwritten(files, capsys, arguments):
    (files / "link.json").symlink_to("scores.txt")
    (files / "link.old").symlink_to("eval.old")
    before = content(files)
    with pytest.raises(SystemExit) as caught:
        command.main([*SMALL, *arguments])
    assert caught.value.code == 2
    assert "expected different files for --json, --html" in capsys.readouterr().err
    assert content(files) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scores", "scores.txt"), "required: --protocol"),
        (("--protocol", "protocol.txt"), "required: --scores"),
        ((*SMALL, "--dev-scores", "dev.txt"), "expected --dev-scores and --dev-protocol together"),
        (
            (*SMALL, "--dev-protocol", "dev.trl"),
            "expected --dev-scores and --dev-protocol together",
        ),
        ((*SMALL, "--resamples", "-1"), "expected a whole number from 0, got '-1'"),
        ((*SMALL, "--seed", "1.5"), "expected a whole number from 0, got '1.5'"),
        ((*SMALL, "--subset", "dev"), "invalid choice: 'dev'"),
        ((*SMALL, "--lower"), "unrecognized arguments: --lower"),
    ],
)
def test_a_wrong_command_line_is_told(files, capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        command.main(list(arguments))
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert message in words(shown.err)
    assert shown.out == ""


def test_paths_that_are_not_utf_8_are_no_obstacle(files):
    name = os.fsdecode(b"sc\xffres.txt")
    (files / name).write_bytes(SCORES.encode())
    data = figures("--scores", name, *SMALL[2:], "--html", "page.html", resamples=0)
    assert data["provenance"]["sha256"] == {
        r"sc\xffres.txt": hashlib.sha256(SCORES.encode()).hexdigest(),
        "protocol.txt": hashlib.sha256(PROTOCOL.encode()).hexdigest(),
    }
    assert (files / "page.html").is_file()


# As people run it.


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, ROOT / "evaluate.py", *arguments],
        capture_output=True,
        check=False,
        env=os.environ | environment,
    )


def test_it_runs_from_any_folder_and_where_everything_is_ascii(files):
    (files / "protocol.txt").write_text(PROTOCOL.replace("A01", "voix-é"), encoding="utf-8")
    expected = figures(*SMALL)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    output = ("--resamples", "20", "--json", "out.json", "--html", "page.html")
    done = run(*SMALL, *output, **ascii_only)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode("ascii")
    assert "EER of the worst attack (voix-?)" in shown
    assert "29.17 %" in shown
    data = json.loads((files / "out.json").read_text(encoding="utf-8"))
    assert without_provenance(data) == without_provenance(expected)
    assert data["worst_attack"] == "voix-é"
    assert "voix-é" in (files / "page.html").read_text(encoding="utf-8")


def test_an_error_is_one_message_and_an_exit_code(files):
    (files / "scores.txt").write_text(lines_of(B4="nan"))
    before = content(files)
    done = run(*SMALL, "--json", "out.json", "--html", "page.html")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(
        b"error: scores.txt:2: expected a finite score, got nan; 1 of 7 are NaN or"
    )
    assert b"Traceback" not in done.stderr
    assert content(files) == before


@needs_golden
def test_the_real_files(folder, capsys):
    data = figures(
        *("--scores", str(GOLDEN / "cm_eval_RawGAT-ST_add.txt")),
        *("--protocol", str(GOLDEN / "ASVspoof2019.LA.cm.eval.trl.txt")),
        *("--asv-scores", str(GOLDEN / "ASVspoof2019.LA.asv.eval.gi.trl.scores.txt")),
        *("--baseline", str(GOLDEN / "cm_eval_AASIST-L.txt")),
        resamples=100,
    )
    assert (data["n_bonafide"], data["n_spoof"], data["n_speakers"]) == (7_355, 63_882, 67)
    expected = {
        "eer": (0.01158596, 5e-9), "min_tdcf_legacy": (0.037372, 5e-7),
        "min_tdcf_revised": (0.097760, 5e-7), "min_dcf": (0.032281, 5e-7),
        "act_dcf": (0.046674, 5e-7), "cllr": (0.078080, 5e-7),
    }  # fmt: skip
    for name, (value, digits) in expected.items():
        assert data[name] == pytest.approx(value, abs=digits), name
    assert data["baseline"]["eer"] == pytest.approx(0.00990923, abs=5e-9)
    assert data["baseline"]["min_tdcf_legacy"] == pytest.approx(0.030805977, abs=5e-10)
    assert data["delta_eer"] == data["eer"] - data["baseline"]["eer"]
    low, high = data["delta_eer_ci95"]
    assert low < 0 < data["delta_eer"] < high
    assert data["p_value"] > 0.05
    assert data["worst_attack"] == "A18"
    assert list(data["per_attack"]) == [f"A{number:02d}" for number in range(7, 20)]
    assert {attack["n_spoof"] for attack in data["per_attack"].values()} == {4_914}
    assert "1.16 %" in capsys.readouterr().out


def grouped(tmp_path, header="utterance,key,attack,speaker,Codec,gender,note\n"):
    """A manifest of two codecs: attack A1 passes one of them."""
    random = np.random.default_rng(7)
    rows, scores = [], []
    for place in range(240):
        bona, codec = place % 3 == 0, "opus" if place % 2 else "alaw"
        attack = "-" if bona else "A1" if place % 3 == 1 else "A2"
        shift = 2.5 if attack == "A1" and codec == "opus" else 0.0
        score = (2.0 if bona else -1.0) + shift + random.normal()
        key = "bonafide" if bona else "spoof"
        gender = "f" if place % 8 < 4 else ""
        rows.append(f"U{place},{key},{attack},S{place % 12},{codec},{gender},x{place}\n")
        scores.append(f"U{place} {score!r}\n")
    (tmp_path / "trials.csv").write_text(header + "".join(rows))
    (tmp_path / "new.txt").write_text("".join(scores))
    return ["--scores", "new.txt", "--protocol", "trials.csv", "--resamples", "60"]


def test_columns_of_a_protocol_become_groups(folder, capsys):
    arguments = grouped(folder)
    assert command.main([*arguments, "--json", "out.json", "--html", "out.html"]) == 0
    data = json.loads((folder / "out.json").read_text())
    # One gender is named: nothing to compare. Notes are not metadata.
    assert list(data["groups"]) == ["codec"]
    alaw, opus = data["groups"]["codec"]["alaw"], data["groups"]["codec"]["opus"]
    assert (alaw["n_bonafide"], alaw["n_spoof"]) == (40, 80)
    assert opus["far"] > 0.3 > alaw["far"]
    for name in ("eer", "far", "frr"):
        low, high = opus[f"{name}_ci95"]
        assert low <= opus[name] <= high
    crossed = data["attacks_by_group"]["codec"]
    assert crossed["A1"]["opus"]["eer"] > 2 * crossed["A1"]["alaw"]["eer"]
    assert crossed["A2"]["opus"]["n_spoof"] == 40
    shown = capsys.readouterr().out
    assert "By codec; FAR and FRR at the threshold eer" in shown
    page = (folder / "out.html").read_text()
    assert "EER of each attack by codec" in page
    assert (
        json.loads(re.search(r'id="figures">(.*?)</script>', page)[1])["groups"] == data["groups"]
    )
    worst = data["worst_speakers"][0]
    assert worst["rejected"] / worst["trials"] == worst["frr"]


def test_priors_and_costs_reach_every_place(folder):
    arguments = grouped(folder)
    costs = ["--spoof-prior", "0.2", "--miss-cost", "2", "--false-accept-cost", "4"]
    assert command.main([*arguments, *costs, "--json", "a.json", "--html", "a.html"]) == 0
    data = json.loads((folder / "a.json").read_text())
    assert data["costs"] == {"spoof_prior": 0.2, "miss": 2.0, "false_accept": 4.0}
    bayes = data["operating_points"][-1]
    assert bayes["threshold"] == pytest.approx(math.log(4 * 0.2) - math.log(2 * 0.8))
    page = (folder / "a.html").read_text().replace("\u00a0", " ")
    assert "10,000 calls of which 2,000 (20 %) are attacks" in page
    assert "attacks accepted, of 2,000" in page
    assert command.main([*arguments, *costs, "--attack-share", "0.01", "--html", "b.html"]) == 0
    page = (folder / "b.html").read_text().replace("\u00a0", " ")
    assert "10,000 calls of which 100 (1 %) are attacks" in page


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--spoof-prior", "0"), ("--spoof-prior", "1"), ("--spoof-prior", "5 %"),
        ("--miss-cost", "0"), ("--false-accept-cost", "inf"), ("--attack-share", "nan"),
    ],
)  # fmt: skip
def test_priors_and_costs_have_ranges(folder, capsys, option, value):
    with pytest.raises(SystemExit) as stopped:
        command.main([*grouped(folder), option, value])
    assert stopped.value.code == 2
    assert repr(value) in capsys.readouterr().err


def test_a_fixed_reference_has_its_limit(folder, capsys):
    arguments = grouped(folder)
    better = "".join(
        f"{line.split()[0]} {float(line.split()[1]) * 0.1 + 5 * (place % 3 == 0)!r}\n"
        for place, line in enumerate((folder / "new.txt").read_text().splitlines())
    )
    (folder / "first.txt").write_text(better)
    reference = ["--reference", "first.txt", "--json", "out.json"]
    assert command.main([*arguments, *reference]) == 0
    assert "The fixed reference has an EER of 0 %" in capsys.readouterr().out
    data = json.loads((folder / "out.json").read_text())
    assert data["reference"]["eer"] == 0.0
    assert data["reference"]["delta_eer"] == data["eer"]
    assert data["reference"]["power"]["detectable_difference"] > 0
    limit = ["--max-reference-regression", "0.01"]
    assert command.main([*arguments, *reference, *limit]) == command.REFUSED
    assert "from the fixed reference" in capsys.readouterr().out
    assert command.main([*arguments, *limit]) == 1  # nothing to compare with
    assert "expected --reference with max_reference_regression" in capsys.readouterr().err


def test_attacks_never_seen_can_be_gated(folder, capsys):
    arguments = grouped(folder)
    assert command.main([*arguments, "--max-unseen-attack-eer", "0.2"]) == command.REFUSED
    shown = capsys.readouterr().out
    assert "EER on attacks never seen" in shown
    assert "unseen attacks" in shown
