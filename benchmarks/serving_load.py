"""Throughput of a model server with many clients, and stability of its memory.

    python -m benchmarks.serving_load --json FILE [--model DIR] [--clients 1 8 64] [--seconds 60]

`bonafide.serving.load` sends clips to a server that has loaded the model (by default the newest
below output/), over a socket. TensorFlow Serving is not available from a package index, so the
server is the test double of TensorFlow Serving: its REST API in front of the SavedModel, with a
thread per request and no batching. TensorFlow Serving batches requests and has a higher throughput
with many clients.

Ratios: `flat_memory`, resident memory after the first load over that after the last;
`together_over_alone`, requests per second with the most clients over those of one client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import subprocess
import sys

from bonafide.scoring.model import find_model, read_model
from bonafide.serving import load
from bonafide.version import REPOSITORY

_SERVER = """
import sys, tensorflow as tf
sys.path.insert(0, "tests/harness")
import model_server
with model_server.rest(tf.saved_model.load(sys.argv[1]), "bonafide", 1) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--model", help="folder of a pushed version")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each number of clients")
    options = parser.parse_args()
    model = read_model(find_model(options.model))
    body = load.clip_body(model.clip_samples)
    command = [sys.executable, "-c", _SERVER, str(model.folder.resolve())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes) as server:
        address = f"{server.stdout.readline().strip()}/v1/models/bonafide:predict"
        asyncio.run(load.drive(address, body, clients=1, seconds=2))  # first calls trace the graph
        loads = []
        for clients in options.clients:
            driven = load.drive(
                address, body, clients=clients, seconds=options.seconds, pid=server.pid
            )
            loads.append(asyncio.run(driven))
            print(load.text_of(loads[-1]), file=sys.stderr, flush=True)
        server.stdin.close()
    figures = {}
    for found in loads:
        name = f"{found.clients}_clients"
        figures[f"{name}_requests_per_second"] = found.requests_per_second
        figures[f"{name}_p50_ms"], figures[f"{name}_p99_ms"] = found.p50_ms, found.p99_ms
        figures[f"{name}_failed"] = found.failed
        figures[f"{name}_memory_mib"] = found.memory_mib[1]
    report = {
        "figures": figures,
        "ratios": {
            "flat_memory": loads[0].memory_mib[1] / loads[-1].memory_mib[1],
            "together_over_alone": loads[-1].requests_per_second / loads[0].requests_per_second,
        },
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
