"""Cost of the measures in UtteranceGen.

    python -m benchmarks.measure_cost --json FILE

Reads, decodes and encodes up to 1,000 clips of the bundled corpus as UtteranceGen does, and
measures them in batches as it does; CPU time of both in the same run, since machines are noisy.
Four rounds, the first not counted; the ratio is the median of the others: measuring over the rest.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import statistics
import time

from bonafide import corpora
from bonafide.audio import decoding, measures
from bonafide.dataset import measure_files
from bonafide.storage import records
from bonafide.version import REPOSITORY
from components.utterance_gen import examples

RATE = 16_000
CLIPS = 1000
ROUNDS = 4


def one_round(paths: list[pathlib.Path]) -> tuple[float, float]:
    """Returns CPU seconds of reading, decoding and encoding, and of measuring, for all clips."""
    row = corpora.Utterance("u", "s", "-", corpora.BONAFIDE, "train", "p", "c", "source")
    collector = measure_files.Collector(RATE)
    bare = measuring = 0.0
    for path in paths:
        begun = time.process_time()
        samples, facts = decoding.decode_with_facts(path.read_bytes(), RATE, 0.1)
        example = examples.to_example(row, samples, sample_rate=RATE, attack_pool=("A01",))
        records.write_record(io.BytesIO(), example)
        read = time.process_time()
        collector.add(measures.Clip(path.stem, samples, facts))
        bare += read - begun
        measuring += time.process_time() - read
    begun = time.process_time()
    measure_files.to_bytes(collector.finish())
    return bare, measuring + time.process_time() - begun


def main() -> None:
    """Runs all rounds and writes what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path, required=True, help="where to write")
    target = parser.parse_args().json
    paths = sorted((REPOSITORY / "samples").rglob("*.flac"))[:CLIPS]
    rounds = [one_round(paths) for _ in range(ROUNDS)][1:]
    result = {
        "clips": len(paths),
        "bare_us_per_clip": 1e6 * statistics.median(bare for bare, _ in rounds) / len(paths),
        "measuring_us_per_clip": 1e6 * statistics.median(own for _, own in rounds) / len(paths),
        "ratio": statistics.median(own / bare for bare, own in rounds),
    }
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
