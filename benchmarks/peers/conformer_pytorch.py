"""The peer of `benchmarks/train_speed.py`: the PyPI package `conformer`, trained with PyTorch.

It runs in an environment of its own and imports nothing of this repository. Its only argument is
the work as JSON (`train_speed.Work`); then every line on standard input requests one turn, and the
response is one line of JSON on standard output.

`conformer.ConformerBlock` is used as published; `conformer.Conformer` would ignore the
dropout rates. `conv_expansion_factor=1` gives its convolution module the width of ours.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from typing import Any

import torch
from conformer import ConformerBlock
from torch import nn
from torch.nn import functional


class Pooling(nn.Module):
    """Attention-weighted mean and standard deviation over time: [B, T, D] to [B, 2 D]."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.energy = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """In float32, as ours."""
        weights = torch.softmax(self.energy(torch.tanh(self.hidden(x))), dim=1)
        mean = torch.sum(weights * x, dim=1)
        variance = torch.sum(weights * torch.square(x - mean[:, None]), dim=1)
        return torch.cat([mean, torch.sqrt(variance + 1e-6)], dim=-1)


class Detector(nn.Module):
    """Convolutions, the peer's blocks, pooling and one logit: [B, T, F] to [B]."""

    def __init__(self, work: dict[str, Any]) -> None:
        super().__init__()
        width, heads, channels = work["width"], work["num_heads"], work["subsampling_channels"]
        rate = work["dropout"]
        self.autocast = work["precision"] == "bfloat16"
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        bands = -(-work["bands"] // 4)
        self.projection = nn.Linear(channels * bands, width)
        self.blocks = nn.ModuleList(
            ConformerBlock(
                dim=width,
                dim_head=width // heads,
                heads=heads,
                ff_mult=work["ff_multiplier"],
                conv_expansion_factor=1,
                conv_kernel_size=work["kernel_size"],
                attn_dropout=rate,
                ff_dropout=rate,
                conv_dropout=rate,
            )
            for _ in range(work["num_blocks"])
        )
        self.pooling = Pooling(width, work["pooling_width"])
        self.logit = nn.Linear(2 * width, 1)
        self.dropout = nn.Dropout(rate)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[B, T, F] to [B]."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.autocast):
            x = self.convolutions(features[:, None])  # [B, C, T', F']
            x = x.transpose(1, 2).flatten(2)  # [B, T', C F']
            x = self.dropout(self.projection(x))
            for block in self.blocks:
                x = block(x)
        pooled = self.pooling(x.float())
        return self.logit(self.dropout(pooled))[:, 0]


class Turns:
    """Trains and scores one batch repeatedly."""

    def __init__(self, work: dict[str, Any]) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(work["threads"])
        self.model = Detector(work)
        self.run = torch.compile(self.model) if work["compile_peer"] else self.model
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-3, weight_decay=0.01, fused=True
        )
        self.features = torch.randn(work["batch_size"], work["frames"], work["bands"])
        self.labels = (torch.arange(work["batch_size"]) % 2).float()

    def train(self) -> float:
        """One step; returns the loss."""
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.run(self.features)
        loss = functional.binary_cross_entropy_with_logits(logits, self.labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def infer(self) -> float:
        """One batch of logits; returns their sum."""
        self.model.eval()
        with torch.inference_mode():
            return self.run(self.features).sum().item()

    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def peak_mebibytes() -> float:
    """Returns the peak memory of this process (`ru_maxrss` starts at the parent's)."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Serves requests until standard input ends."""
    imported = peak_mebibytes()
    turns = Turns(json.loads(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        step = getattr(turns, request["mode"])
        started, cpu, steps = time.perf_counter(), time.process_time(), 0
        while steps == 0 or time.perf_counter() - started < request["seconds"]:
            value = step()
            steps += 1
        answer = {
            "steps": steps,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - cpu,
            "value": value,
            "parameters": turns.parameters(),
            "imported_mebibytes": imported,
            "peak_mebibytes": peak_mebibytes(),
            "version": f"torch {torch.__version__}",
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
