"""How much do silence, noise and pauses move a verdict, and how often is `partly spoofed?` wrong?

    python -m benchmarks.verdicts --model output/sample/serving/sample --json FILE
    python -m benchmarks.verdicts --model DIR --json FILE --manifest wild-train/manifest.csv

Scores the bundled eval clips as they are and with something added that is no speech, and tells how
the score of the recording changes and whether a decision turns from spoof to bona fide.

From a manifest (columns path, key, speaker) it makes long recordings: the bona fide clips of a
speaker one after the other, pauses of 0.3 s between, at least 20 s. Each is real from end to end:
those that are marked partly spoofed are false alarms. It replaces a third in the middle of each by
spoofed clips: those that are marked are hits. And it puts 5 s of silence, or of a chord, into every
pause: how much does the score change when a caller is put on hold?
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.activity import EVAL, RATE
from bonafide.audio.decoding import decode
from bonafide.scoring import ahead, engine, partial, thresholds
from bonafide.scoring.model import Scorer, find_model, read_model
from bonafide.scoring.reading import Track

NAMES = (thresholds.EVEN, thresholds.BAND)
PAUSE_SECONDS = 0.3
LONG_SECONDS = 20.0
HOLD_SECONDS = 5
MOST_CLIPS = 12


def additions() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns name -> what is put in front of a recording and behind it, int16."""
    rng = np.random.default_rng(0)
    none = np.zeros(0, np.int16)

    def noise(level_dbfs: float, seconds: float, colour: float) -> np.ndarray:
        spectrum = np.fft.rfft(rng.normal(size=round(seconds * RATE)))
        spectrum *= np.arange(len(spectrum)).clip(1) ** -colour
        sound = np.fft.irfft(spectrum, round(seconds * RATE))
        sound *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(np.square(sound)))
        return np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype(np.int16)

    silence = np.zeros(30 * RATE, np.int16)
    tone = np.rint(3_000 * np.sin(2 * np.pi * 440 * np.arange(30 * RATE) / RATE)).astype(np.int16)
    return {
        "30 s of silence behind": (none, silence),
        "30 s of white noise at -60 dBFS behind": (none, noise(-60, 30, 0.0)),
        "30 s of pink noise at -60 dBFS behind": (none, noise(-60, 30, 0.5)),
        "30 s of white noise at -40 dBFS behind": (none, noise(-40, 30, 0.0)),
        "30 s of a 440 Hz tone behind": (none, tone),
        "7.123 s of silence before": (silence[: round(7.123 * RATE)], none),
        "5 s of white noise at -60 dBFS around": (noise(-60, 5, 0.0), noise(-60, 5, 0.0)),
    }


def paused(samples: np.ndarray) -> np.ndarray:
    """The recording with two seconds of silence at its quietest place near the middle."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    power = np.square(frames).mean(axis=1)
    third = len(power) // 3
    place = 160 * (third + int(power[third : 2 * third].argmin()))
    return np.concatenate([samples[:place], np.zeros(2 * RATE, np.int16), samples[place:]])


class Judge:
    """Scores samples with a model, as `bonafide score` does.

    Args:
        folder: Of the model.
        qualities: Whether what their speech is like is measured as well.
    """

    def __init__(self, folder: str, *, qualities: bool = False) -> None:
        self.model = read_model(find_model(folder))
        if self.model.sample_rate != RATE:
            raise SystemExit(f"expected a model of {RATE} Hz, got one of {self.model.sample_rate}")
        self._scorer = Scorer(self.model)
        self._qualities = qualities

    def __call__(self, recordings: Sequence[np.ndarray]) -> list[engine.Track]:
        """Returns what was found of each recording, int16 [N]."""
        names = [str(number) for number in range(len(recordings))]
        items = (
            item
            for samples in recordings
            for item in ahead.clips_of(
                [Track("mono", [samples])],
                RATE,
                self.model.clip_samples,
                qualities=self._qualities,
            )
        )
        return [one.verdict for one in engine.score_recordings(names, items, self._scorer)]


def changes(judge: Judge) -> dict[str, dict[str, float]]:
    """Returns what is added -> how scores and decisions of the bundled eval clips change."""
    clips = [decode(path.read_bytes(), RATE, 0.3) for path in sorted(EVAL.rglob("*.flac"))]
    before = judge(clips)
    variants = {
        name: [np.concatenate([front, clip, behind]) for clip in clips]
        for name, (front, behind) in additions().items()
    }
    variants["2 s of silence in the middle"] = [paused(clip) for clip in clips]
    found = {}
    for name, recordings in variants.items():
        found[name] = differences(before, judge(recordings))
        print(name, found[name], flush=True)
    return found


def differences(before: Sequence[engine.Track], after: Sequence[engine.Track]) -> dict[str, float]:
    """Figures of how scores differ, and of decisions that turn from spoof to bona fide."""
    even = thresholds.choose(thresholds.EVEN, {})
    pairs = [
        (one.score, other.score)
        for one, other in zip(before, after, strict=True)
        if one.has_score and other.has_score
    ]
    apart = np.abs([one - other for one, other in pairs])
    turned = sum(
        even.decide(one) == thresholds.SPOOF and even.decide(other) == thresholds.BONAFIDE
        for one, other in pairs
    )
    return {
        "recordings": len(pairs),
        "mean": float(apart.mean()),
        "p95": float(np.percentile(apart, 95)),
        "most": float(apart.max()),
        "at_most_0.1": float(np.mean(apart <= 0.1)),
        "same": float(np.mean(apart < 1e-4)),
        "turned_bona_fide": turned,
    }


@dataclasses.dataclass(frozen=True)
class Long:
    """A long recording: real from end to end, spoofed in part, and two with holds."""

    real: np.ndarray
    spliced: np.ndarray
    silent_holds: np.ndarray
    loud_holds: np.ndarray


def long_recordings(manifest: pathlib.Path) -> Iterator[Long]:
    """Yields long recordings of the speakers of a manifest."""
    rng = np.random.default_rng(0)
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    spoofs = [row["path"] for row in rows if row["key"] == "spoof"]
    by_speaker: dict[str, list[str]] = {}
    for row in rows:
        if row["key"] == "bonafide":
            by_speaker.setdefault(row["speaker"], []).append(row["path"])
    pause = np.zeros(round(PAUSE_SECONDS * RATE), np.int16)
    silent = np.zeros(HOLD_SECONDS * RATE, np.int16)
    times = np.arange(len(silent)) / RATE
    chord = sum(np.sin(2 * np.pi * hz * times) for hz in (220, 275, 330, 440))
    loud = np.rint(1_000 * chord).astype(np.int16)

    def read(paths: Sequence[str]) -> list[np.ndarray]:
        return [decode((manifest.parent / path).read_bytes(), RATE, 0.3) for path in paths]

    def joined(clips: Sequence[np.ndarray], between: np.ndarray = pause) -> np.ndarray:
        return np.concatenate([part for clip in clips for part in (clip, between)])

    for paths in by_speaker.values():
        for first in range(0, len(paths), MOST_CLIPS):
            clips = read(paths[first : first + MOST_CLIPS])
            real = joined(clips)
            if len(real) < LONG_SECONDS * RATE:
                continue
            third = len(clips) // 3
            others = read(rng.choice(spoofs, third).tolist())
            spliced = joined([*clips[:third], *others, *clips[2 * third :]])
            yield Long(real, spliced, joined(clips, silent), joined(clips, loud))


def marks(judge: Judge, judged: Sequence[engine.Track]) -> dict[str, dict[str, float]]:
    """Returns threshold -> how many recordings are marked as partly spoofed, and what else."""
    tracks = [track for track in judged if track.has_score]
    found = {}
    for name in NAMES:
        try:
            threshold = thresholds.choose(name, judge.model.thresholds)
        except thresholds.ThresholdError as error:
            print(f"passed over: {error}")
            continue
        decisions = [threshold.decide(track.score) for track in tracks]
        marked = [bool(partial.spoofed_run(track.segments, threshold)) for track in tracks]
        found[name] = {
            "recordings": len(tracks),
            "minutes": sum(track.samples for track in tracks) / RATE / 60,
            "marked": float(np.mean(marked)),
            "segments_below": float(
                np.mean(
                    [
                        threshold.decide(segment.score) == thresholds.SPOOF
                        for track in tracks
                        for segment in track.segments
                    ]
                )
            ),
            "called_spoof": float(np.mean([one == thresholds.SPOOF for one in decisions])),
        }
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", metavar="DIR", required=True)
    add("--json", metavar="FILE", type=pathlib.Path, required=True)
    add("--manifest", metavar="FILE", type=pathlib.Path, action="append", default=[])
    options = parser.parse_args(argv)
    judge = Judge(options.model)
    report: dict[str, dict] = {"changes": changes(judge), "long": {}}
    for manifest in options.manifest:
        made = list(long_recordings(manifest))
        real = judge([one.real for one in made])
        report["long"][str(manifest)] = {
            "real": marks(judge, real),
            "spliced": marks(judge, judge([one.spliced for one in made])),
            "silent_holds": differences(real, judge([one.silent_holds for one in made])),
            "loud_holds": differences(real, judge([one.loud_holds for one in made])),
        }
        print(manifest, json.dumps(report["long"][str(manifest)], indent=1), flush=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
