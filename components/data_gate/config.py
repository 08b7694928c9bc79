"""Settings of DataGate: what each rule does, and where its limit is. Imports no framework."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

Level = Literal["off", "warn", "error"]
LEVELS = ("off", "warn", "error")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataGateConfig:
    """What stops a run before it trains. Each rule is `off`, `warn` (shown) or `error` (stops).

    Rates are fractions: 0.05 is 5 %. docs/data_gate.md has the formula of each rule.

    Attributes:
        schema: Anomalies of the schema; `error` stops at those that TFDV calls errors.
        splits: A split is missing.
        class_counts: A split has fewer than `min_utterances` of a class.
        unknown_key: A key that is neither bonafide nor spoof.
        shared_speakers: A person is in two splits, or any voice in train and in eval.
        shared_voices: A voice that is only ever synthetic is in two other splits.
        identical_audio: The same samples are in two splits.
        repeated_audio: The same samples are in one split several times.
        conflicting_labels: The same samples are bona fide and spoof.
        near_identical: A copy (encoded again, trimmed, at another level) is in another split.
        shared_attacks: An attack is in train and in eval.
        shortcut: A trivial number alone tells the classes apart in a split.
        perfect_shortcut: A trivial number alone tells them apart almost without error, in train and
            in eval alike.
        attack_shortcut: A trivial number alone tells one attack from all bona fide speech.
        combined_shortcut: A small model on all trivial numbers tells the classes apart.
        class_balance: A class is a small share of a split.
        attack_balance: An attack has few utterances in a split.
        speaker_balance: A class has few speakers in a split, or most of it is of one.
        shard_balance: A shard has another share of bona fide speech than its split.
        champion_drift: Train is unlike the corpus that the model in service was trained on.
        serving_drift: Train is unlike the recordings of `serving_log`, or their scores are unlike
            those on eval.
        min_utterances: See `class_counts`.
        max_bit_errors: Of `near_identical`: highest share of differing bits of two copies.
        shortcut_eer: Of `shortcut`: an equal error rate whose 95 % interval ends at or below this.
        perfect_shortcut_eer: The same of `perfect_shortcut`.
        attack_shortcut_eer: Of `attack_shortcut`: an equal error rate at or below this.
        combined_shortcut_eer: Of `combined_shortcut`, as `shortcut_eer`.
        min_class_share: See `class_balance`.
        min_attack_utterances: See `attack_balance`.
        min_speakers: See `speaker_balance`.
        max_speaker_share: See `speaker_balance`: highest share of one speaker.
        max_shard_difference: See `shard_balance`: highest difference of the shares.
        max_divergence: Of `champion_drift` and `serving_drift`: highest Jensen-Shannon divergence
            of a number, in bits.
        serving_log: What a service scored: path or URI of CSV, TSV or JSON lines as `score.py`
            writes them, with `*` for several files; empty for none.
        serving_root: Folder or URI that paths in the log count from; empty for the working
            directory, or the log's folder.
        serving_recordings: So many recordings of the log are measured at most.
    """

    schema: Level = "error"
    splits: Level = "error"
    class_counts: Level = "error"
    unknown_key: Level = "error"
    shared_speakers: Level = "error"
    shared_voices: Level = "warn"
    identical_audio: Level = "error"
    repeated_audio: Level = "warn"
    conflicting_labels: Level = "error"
    near_identical: Level = "error"
    shared_attacks: Level = "warn"
    shortcut: Level = "warn"
    perfect_shortcut: Level = "error"
    attack_shortcut: Level = "warn"
    combined_shortcut: Level = "warn"
    class_balance: Level = "warn"
    attack_balance: Level = "warn"
    speaker_balance: Level = "warn"
    shard_balance: Level = "warn"
    champion_drift: Level = "warn"
    serving_drift: Level = "warn"
    min_utterances: int = 1
    max_bit_errors: float = 0.15
    shortcut_eer: float = 0.3
    perfect_shortcut_eer: float = 0.02
    attack_shortcut_eer: float = 0.05
    combined_shortcut_eer: float = 0.3
    min_class_share: float = 0.05
    min_attack_utterances: int = 10
    min_speakers: int = 4
    max_speaker_share: float = 0.5
    max_shard_difference: float = 0.1
    max_divergence: float = 0.1
    serving_log: str = ""
    serving_root: str = ""
    serving_recordings: int = 2000

    def __post_init__(self) -> None:
        """Checks levels and limits.

        Raises:
            ValueError: One cannot be used; the message names it.
        """
        for field in dataclasses.fields(self):
            value, name = getattr(self, field.name), f"data_gate.{field.name}"
            if field.name in RULES:
                if value not in LEVELS:
                    raise ValueError(f"{name} must be one of {', '.join(LEVELS)}, got {value!r}")
            elif isinstance(field.default, str):
                continue
            elif isinstance(field.default, int):
                if type(value) is not int or not 0 <= value < 2**31:
                    raise ValueError(f"{name} must be a whole number, 0 or more, got {value!r}")
            elif not (math.isfinite(value) and 0 <= value <= 1):
                raise ValueError(f"{name} must be a fraction from 0 to 1, got {value!r}")


RULES = tuple(field.name for field in dataclasses.fields(DataGateConfig) if field.default in LEVELS)
