"""Speed of training and scoring, compared with the PyPI package `conformer` (PyTorch) on a CPU.

    python -m benchmarks.train_speed --json FILE

Both sides do the same work on the same shapes: two 3x3 convolutions of the same strides and
channels and a projection, Conformer blocks of equal width, depth, heads, kernel and feed-forward
multiple, attentive-statistics pooling, one logit; cross entropy, AdamW, clipping of the global norm
and the same rates of dropout. Ours runs the trainer's own steps, the peer an eager loop as its
users write it, with PyTorch's fused AdamW (`--compile-peer` puts it through torch.compile).
bfloat16 is Keras's mixed policy and `torch.autocast`. What differs inside a block is what each
library makes of it: the peer has BatchNorm in the convolution module and a learnt table of
distances (Shaw et al.) where we have LayerNorm and Transformer-XL's sinusoids with two biases, and
no biases in its projections to queries, keys and values. The table is a product of the same size as
ours.

Each side and precision is a process of its own; they compute in turns after a warm-up, and the
medians of the turns count. Every ratio is ours over the peer, or for memory the peer over ours:
above 1, ours is better. `..._cpu` ratios use CPU time instead of wall-clock time; with
`--threads 1`, they are reliable on a shared machine. `others_share` is the share of the machine
that other processes used; if it is not near 0, threads that synchronise at barriers (the peer's)
lose more wall-clock time than ours.

The peer is installed by pip, once, into a folder (`--peer`); PIP_INDEX_URL and the like apply.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.turns import REPOSITORY, running, take_turns

PEER = REPOSITORY / "benchmarks" / "peers" / "conformer_pytorch.py"
PINS = {"conformer": "0.3.2", "einops": "0.8.2", "torch": "2.15.0"}
PRECISIONS = ("float32", "bfloat16")
MODES = ("infer", "train")  # in this order, so that the peak of scoring is not that of training


@dataclasses.dataclass(frozen=True)
class Work:
    """What both sides compute; the defaults are the defaults of `ConformerConfig` on 4 s of audio.

    Fields of the model as in `models.settings.conformer`; strides are 4 in time and
    frequency.
    """

    precision: str = "float32"
    threads: int = dataclasses.field(default_factory=lambda: len(os.sched_getaffinity(0)))
    batch_size: int = 32
    frames: int = 397
    bands: int = 80
    width: int = 96
    num_blocks: int = 4
    num_heads: int = 4
    kernel_size: int = 15
    ff_multiplier: int = 2
    subsampling_channels: int = 32
    pooling_width: int = 64
    dropout: float = 0.1
    compile_peer: bool = False


def peer_python(folder: pathlib.Path) -> pathlib.Path:
    """Returns the interpreter of the peer's environment, which is created if missing."""
    python = folder / "bin" / "python"
    if installed(python) != PINS:
        print(f"installing the peer into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pins = [f"{name}=={version}" for name, version in PINS.items()]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
    return python


def installed(python: pathlib.Path) -> dict[str, str]:
    """Returns the versions of the pinned packages in an environment; empty if one is missing."""
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    if not python.exists():
        return {}
    done = subprocess.run([python, "-c", code, *PINS], capture_output=True, text=True, check=False)
    return dict(zip(PINS, done.stdout.split(), strict=True)) if done.returncode == 0 else {}


def compare(
    commands: dict[str, Sequence[str | pathlib.Path]],
    work: Work,
    *,
    rounds: int,
    seconds: float,
) -> dict[str, dict[str, dict]]:
    """Runs the sides in turns; returns figures by mode and side."""
    # Both sides have the same number of threads, regardless of the libraries' defaults.
    environment = {"OMP_NUM_THREADS": str(work.threads), "TF_CPP_MIN_LOG_LEVEL": "2"}
    about = json.dumps(dataclasses.asdict(work))
    found: dict[str, dict[str, dict]] = {}
    with running(
        {side: [*command, about] for side, command in commands.items()}, environment=environment
    ) as started:
        for mode in MODES:
            turns = take_turns(started, {"mode": mode, "seconds": seconds}, rounds=rounds)
            found[mode] = {
                side: summarise([with_rates(answer, work.batch_size) for answer in answers])
                for side, answers in turns.items()
            }
            for side, figures in found[mode].items():
                print(
                    f"{work.precision} {mode} {side}: {figures['examples_per_second']:.1f} "
                    f"examples/s, {figures['peak_mebibytes']:.0f} MiB",
                    flush=True,
                )
    return found


def with_rates(answer: dict, batch_size: int) -> dict:
    """An answer of `peers/ours.py`, and its examples per second of the clock and processor."""
    examples = answer["steps"] * batch_size
    return answer | {
        "per_second": examples / answer["seconds"],
        "per_cpu_second": examples / answer["cpu_seconds"],
    }


def summarise(answers: Sequence[dict]) -> dict:
    """Figures of the turns of one side."""
    rates = [answer["per_second"] for answer in answers]
    return {
        "examples_per_second": statistics.median(rates),
        "examples_per_second_least": min(rates),
        "examples_per_second_most": max(rates),
        "examples_per_cpu_second": statistics.median(a["per_cpu_second"] for a in answers),
        "peak_mebibytes": answers[-1]["peak_mebibytes"],
        "above_imports_mebibytes": answers[-1]["peak_mebibytes"]
        - answers[-1]["imported_mebibytes"],
        "others_share": statistics.median(answer["others_share"] for answer in answers),
        "parameters": answers[-1]["parameters"],
        "last_value": answers[-1]["value"],
        "version": answers[-1]["version"],
    }


def ratios(found: dict[str, dict[str, dict]], precision: str) -> dict[str, float]:
    """Ours over the peer, for memory the peer over ours."""
    result = {}
    for mode, sides in found.items():
        ours, peer = sides["ours"], sides["peer"]
        name = f"{mode}_{precision}"
        result[name] = ours["examples_per_second"] / peer["examples_per_second"]
        result[f"{name}_cpu"] = ours["examples_per_cpu_second"] / peer["examples_per_cpu_second"]
        result[f"memory_{name}"] = peer["peak_mebibytes"] / ours["peak_mebibytes"]
        result[f"memory_above_imports_{name}"] = (
            peer["above_imports_mebibytes"] / ours["above_imports_mebibytes"]
        )
    return result


def main() -> None:
    """Measures both precisions and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument(
        "--peer",
        type=pathlib.Path,
        default=pathlib.Path.home() / ".cache" / "bonafide-benchmarks" / "conformer-pytorch",
        help="folder of the peer's environment, made where it is missing (about 6 GB)",
    )
    parser.add_argument("--compile-peer", action="store_true")
    parser.add_argument("--threads", type=int, default=Work().threads)
    parser.add_argument("--batch-size", type=int, default=Work().batch_size)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    options = parser.parse_args()
    commands = {
        # As local_runner.py sets it.
        "ours": ["env", "TF_ENABLE_ONEDNN_OPTS=1", sys.executable, "-m", "benchmarks.peers.ours"],
        "peer": [peer_python(options.peer), "-W", "ignore", PEER],
    }
    work = Work(
        threads=options.threads, batch_size=options.batch_size, compile_peer=options.compile_peer
    )
    report = {"figures": {"work": dataclasses.asdict(work)}, "ratios": {}}
    for precision in PRECISIONS:
        found = compare(
            commands,
            dataclasses.replace(work, precision=precision),
            rounds=options.rounds,
            seconds=options.seconds,
        )
        report["figures"][precision] = found
        report["ratios"].update(ratios(found, precision))
    text = json.dumps(report, indent=2)
    options.json.write_text(text + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
