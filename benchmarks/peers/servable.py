"""One side of `benchmarks.scoring`: loads a SavedModel and scores on request.

    python -m benchmarks.peers.servable '{"folder": ..., "signature": ..., "input": ...}'

It writes JSON lines to standard output: one when it is ready, then for each line on standard input,
`{"batch_size": B, "seconds": S}`, the seconds of every call that started within S.
"""

from __future__ import annotations

import json
import pathlib
import re
import resource
import sys
import time

import numpy as np

from bonafide.scoring.model import import_tensorflow


def peak_mebibytes() -> float:
    """Returns the peak memory of this process."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def cpu_seconds() -> float:
    """Returns the CPU time of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Loads, scores once, and serves requests until standard input ends."""
    about = json.loads(sys.argv[1])
    tf = import_tensorflow()
    imported = time.perf_counter()
    signature = tf.saved_model.load(about["folder"]).signatures[about["signature"]]
    rng = np.random.default_rng(0)

    def call(batch_size: int) -> float:
        if about["input"] == "pcm16":
            given = tf.constant([clip] * batch_size)
        else:
            given = tf.constant(features[:batch_size])
        return float(signature(**{about["input"]: given})["score"].numpy()[0])

    shape = about["shape"]  # of one recording: [samples], or [frames, bands]
    if about["input"] == "pcm16":
        clip = rng.integers(-3000, 3000, shape).astype("<i2").tobytes()
    else:
        features = rng.normal(size=(about["most"], *shape)).astype(np.float32)
    call(1)
    ready = {"load_seconds": time.perf_counter() - imported, "peak_mebibytes": peak_mebibytes()}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        turn = json.loads(line)
        took = []
        cpu, started = cpu_seconds(), time.perf_counter()
        while not took or time.perf_counter() - started < turn["seconds"]:
            began = time.perf_counter()
            call(turn["batch_size"])
            took.append(time.perf_counter() - began)
        used = cpu_seconds() - cpu
        answer = {"took": took, "cpu_seconds": used, "peak_mebibytes": peak_mebibytes()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
