"""Fixtures: a folder of real recordings by speakers, and the command on it."""

import pathlib

import pytest

from bonafide.synthesis import command

ROOT = pathlib.Path(__file__).resolve().parents[3]
LA = ROOT / "samples" / "LA"
SPLITS = {"train": "train.trn", "dev": "dev.trl", "eval": "eval.trl"}


def bonafide_rows():
    """(speaker, split, path) of the bona fide part of the bundled corpus."""
    for split, ending in SPLITS.items():
        protocol = LA / f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        for line in protocol.read_text().splitlines():
            speaker, utterance, _, _, key = line.split()
            if key == "bonafide":
                yield speaker, split, LA / f"ASVspoof2019_LA_{split}" / "flac" / f"{utterance}.flac"


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    """Six speakers, two recordings each: `SPEAKER/recording.flac`."""
    folder = tmp_path_factory.mktemp("calls")
    counts = {}
    for speaker, _, path in bonafide_rows():
        if path.stat().st_size < 20_000 or counts.get(speaker, 0) == 2:
            continue
        if speaker not in counts and len(counts) == 6:
            continue
        counts[speaker] = counts.get(speaker, 0) + 1
        target = folder / speaker / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert sum(counts.values()) == 12
    return folder


@pytest.fixture
def synthesize(capsys):
    """Runs the command; returns its exit code and its two outputs."""

    def run(*arguments):
        code = command.main([str(each) for each in arguments], prog="bonafide synthesize")
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
