"""Rule about codecs on one class: spoofs of a source that are rougher than its bona fide speech.

Synthesis has smoother spectra than speech. Lossy codecs at low bit rates leave gaps, which make a
spectrum rougher. Where the spoofs of a source are the rougher class, they went through a codec that
its bona fide recordings did not, and a detector trained on them takes the traces of codecs for
synthesis, and smooth synthesis for speech (docs/measurements/robustness.md).
"""

from __future__ import annotations

import numpy as np

from bonafide.text import percent
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, finding
from components.data_gate.separation import LEAST_TRIALS, ROUGHNESS, Separation, separate
from components.data_gate.table import Table

# Rules of detectors are learned in train; thresholds and calibration in dev.
SPLITS = ("train", "dev")
_BY = ("source", "corpus")


def find_one_sided_codecs(table: Table, config: DataGateConfig) -> list[Finding]:
    """Returns a finding for each source of train and dev whose spoofs are the rougher class.

    Sources are the values of the metadata `source`, else of `corpus`; without either, each split
    is one source. Those with fewer than LEAST_TRIALS recordings of a class are skipped.
    """
    findings = []
    by = next((name for name in _BY if name in table.metadata), "")
    for split in SPLITS:
        inside = table.splits == split
        for name in np.unique(table.metadata[by][inside]).tolist() if by else [""]:
            rows = inside & (table.metadata[by] == name) if by else inside
            found = rougher_spoofs(table, split, np.flatnonzero(rows))
            if found and found.cautious <= config.one_sided_codec_eer:
                findings.append(
                    _finding(
                        found,
                        _subject(by, name),
                        f"{by}={name}&key=spoof" if name else "",
                        config,
                    )
                )
    return [found for found in findings if found]


def rougher_spoofs(table: Table, split: str, rows: np.ndarray) -> Separation | None:
    """Returns how well a rough spectrum marks the spoofs of some rows.

    Args:
        table: The utterances.
        split: Name of their split.
        rows: Of one source.

    Returns:
        None if a class has too few recordings with a spectrum, or spoofs are the smoother class.
    """
    rows = rows[table.number(ROUGHNESS)[rows] > 0]
    flags = table.is_bonafide[rows]
    if min(np.count_nonzero(flags), np.count_nonzero(~flags)) < LEAST_TRIALS:
        return None
    values = table.number(ROUGHNESS)[rows].astype(np.float64)
    medians = (float(np.median(values[flags])), float(np.median(values[~flags])))
    found = separate(table, split, rows, ROUGHNESS, values, medians=medians)
    return found if found.spoof_higher else None


def _subject(by: str, name: str) -> str:
    if not by:
        return "all recordings"
    return f"{by} {name}" if name else f"recordings without {by}"


def _finding(
    found: Separation, source: str, condition: str, config: DataGateConfig
) -> Finding | None:
    bonafide, spoof = found.medians or (0.0, 0.0)
    remedy = f", or leave them out: utterances.leave_out='{condition}'" if condition else ""
    return finding(
        config,
        "one_sided_codec",
        split=found.split,
        subject=source,
        value=found.cautious,
        limit=config.one_sided_codec_eer,
        message=f"its spoofs have rougher spectra than its bona fide speech (medians {spoof:.1f} "
        f"and {bonafide:.1f} dB; equal error rate {percent(found.eer)}), as after a lossy codec on "
        "spoofs alone. A detector learns the codec in place of synthesis, and errs on other "
        f"sources. Get the spoofs without the codec{remedy}.",
    )
