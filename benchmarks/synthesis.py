"""How fast does `bonafide synthesize` make a corpus, against its engines alone?

    python -m benchmarks.synthesis --json FILE [--recordings 60] [--processes 2]

The bona fide recordings of the bundled corpus, joined to recordings of 8 s by speaker, get one copy
each by every usable engine that needs no text. `figures`: seconds of copies made in a second
of time, for each engine alone in one process (`bare_...`), and for all together in `--processes`
processes (`bare_together`, `factory_together`). A bare engine gets samples and returns samples; the
factory decodes recordings, puts real and synthetic ones through the chain, and writes FLAC files
and the manifest. Start-up of its processes counts.

`ratios`, more is better: `factory_over_bare`, and `factory_over_20_times_real_time`. Both sides run
in turn, three times; the figures are medians. Those that end in `_cpu` count processor time in
place of the clock's: where others use the machine as well, they are the ones to trust.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import io
import json
import multiprocessing
import pathlib
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import soundfile
import threadpoolctl

from bonafide.synthesis import catalogue, command, corpus
from bonafide.synthesis.engine import Engine

RATE, SECONDS, TURNS = 16_000, 8.0, 3
LEAST_SPEED = 20.0
ROOT = pathlib.Path(__file__).resolve().parent.parent / "samples" / "LA"


def write_recordings(folder: pathlib.Path, most: int) -> list[np.ndarray]:
    """Writes recordings of `SECONDS` in folders of speakers; returns their samples.

    Every speaker has one before any has two.
    """
    clips: dict[str, list[np.ndarray]] = collections.defaultdict(list)
    for split, ending in (("train", "train.trn"), ("dev", "dev.trl"), ("eval", "eval.trl")):
        protocol = ROOT / f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        for line in protocol.read_text().splitlines():
            speaker, name, _, _, key = line.split()
            if key == "bonafide":
                path = ROOT / f"ASVspoof2019_LA_{split}/flac/{name}.flac"
                clips[speaker].append(soundfile.read(path, dtype="int16")[0])
    count = round(SECONDS * RATE)
    parts = [
        (number, speaker, speech[number * count : (number + 1) * count])
        for speaker, speech in ((name, np.concatenate(own)) for name, own in clips.items())
        for number in range(len(speech) // count)
    ]
    chosen = sorted(parts, key=lambda part: part[:2])[:most]
    for number, speaker, samples in chosen:
        target = folder / speaker / f"{speaker}_{number}.flac"
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(target, samples, RATE)
    return [samples for _, _, samples in chosen]


def make_bare(engine: Engine, recordings: Sequence[np.ndarray]) -> float:
    """Makes a copy of each recording; returns the seconds of audio."""
    made = 0.0
    with threadpoolctl.threadpool_limits(1):  # as the factory, whose processes are the threads
        for number, pcm in enumerate(recordings):
            copy = engine.make(pcm, RATE, voice=recordings[number - 1], seed=number)
            made += len(copy.samples) / copy.rate_hz
    return made


def bare_together(
    engines: Sequence[Engine], recordings: Sequence[np.ndarray], processes: int
) -> float:
    """Makes all copies in processes that are already there; returns the seconds of audio."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
        parts = [recordings[place : place + 8] for place in range(0, len(recordings), 8)]
        jobs = [pool.submit(make_bare, engine, part) for engine in engines for part in parts]
        return sum(job.result() for job in jobs)


def factory(
    engines: Sequence[Engine], root: pathlib.Path, output: pathlib.Path, processes: int
) -> float:
    """Makes a corpus with a copy by each engine; returns the seconds of synthetic audio."""
    names = ",".join(each.name for each in engines)
    given = ["--bonafide", root, "--output", output, "--engines", names, "--split", "train"]
    given += ["--copies", len(engines), "--workers", processes, "--max-seconds", 20]
    with contextlib.redirect_stdout(io.StringIO()):
        code = command.main([str(each) for each in given])
    if code not in (command.OK, command.SOME_FAILED):
        raise SystemExit(f"bonafide synthesize ended with code {code}")
    summary = json.loads((output / corpus.SUMMARY).read_text())
    if summary["spoof"] != len(engines) * summary["bonafide"]:
        raise SystemExit(f"expected a copy by every engine, got {summary['engines']}")
    whole = summary["bonafide"] + summary["spoof"]
    return summary["audio_seconds"] * summary["spoof"] / whole


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """Returns seconds of audio over seconds of the clock, and of the processors."""

    def processors() -> float:
        usages = [
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    clock, used = time.perf_counter(), processors()
    made = work()
    return made / (time.perf_counter() - clock), made / (processors() - used)


def main() -> None:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    engines = [each for each in catalogue.built_in() if not each.needs_text and not each.missing()]
    found: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary) / "calls"
        recordings = write_recordings(root, options.recordings)
        for engine in engines:
            engine.make(recordings[0], RATE, voice=recordings[1], seed=0)  # warm-up
            part = recordings[:8]
            found[f"bare_{engine.name}"].append(timed(lambda e=engine, p=part: make_bare(e, p)))
            print(f"{engine.name}: {found[f'bare_{engine.name}'][0][1]:.0f}", flush=True)
        for turn in range(TURNS):
            output = pathlib.Path(temporary) / f"corpus{turn}"
            found["bare_together"].append(
                timed(lambda: bare_together(engines, recordings, options.processes))
            )
            found["factory_together"].append(
                timed(lambda o=output: factory(engines, root, o, options.processes))
            )
            print({name: found[name][-1] for name in ("bare_together", "factory_together")})
    figures = {}
    for name, values in found.items():
        figures[name] = statistics.median(clock for clock, _ in values)
        figures[f"{name}_cpu"] = statistics.median(used for _, used in values)
    ours, bare = figures["factory_together"], figures["bare_together"]
    used, bare_used = figures["factory_together_cpu"], figures["bare_together_cpu"]
    report = {
        "figures": figures,
        "ratios": {
            "factory_over_bare": ours / bare,
            "factory_over_bare_cpu": used / bare_used,
            "factory_over_20_times_real_time": ours / LEAST_SPEED,
            # On as many processors as processes, with nothing else on them.
            "factory_over_20_times_real_time_cpu": used * options.processes / LEAST_SPEED,
        },
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
