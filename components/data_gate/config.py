"""Settings of DataGate: level and limit of each rule. Imports no framework."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import Fraction

Level = Literal["off", "warn", "error"]
LEVELS: tuple[Level, ...] = typing.get_args(Level)
Utterances = Annotated[int, Bounds(ge=0, lt=2**31, unit="utterances")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataGateConfig(Section, section="data_gate"):
    """Rules that data must pass before training: `off`, `warn` (shown) or `error` (stops the run).

    docs/data_gate.md has the formula of each rule.

    Attributes:
        schema: Rule: examples have anomalies of the schema; `error` stops at those that TFDV calls
            errors.
        splits: Rule: a split is missing.
        class_counts: Rule: a split has fewer than `min_utterances` of a class.
        unknown_key: Rule: a key is neither bonafide nor spoof.
        unknown_speakers: Rule: utterances name no speaker, so that splits may share voices.
        shared_speakers: Rule: a person is in two splits, or any voice in train and in eval.
        shared_voices: Rule: a synthetic-only voice is in train and dev, or in dev and eval.
        identical_audio: Rule: the same samples are in two splits.
        repeated_audio: Rule: the same samples are in one split several times.
        conflicting_labels: Rule: the same samples are bona fide and spoof.
        near_identical: Rule: a copy (re-encoded, trimmed, at another level) is in another split.
        shared_attacks: Rule: an attack is in train and in eval.
        shortcut: Rule: a single measure separates the classes in a split.
        perfect_shortcut: Rule: a single measure separates the classes almost without error,
            both in train and in eval.
        attack_shortcut: Rule: a single measure separates one attack from all bona fide speech.
        combined_shortcut: Rule: a small model on all measures separates the classes.
        one_sided_codec: Rule: the spoofs of a source have rougher spectra than its bona fide
            speech, as if they alone went through a lossy codec.
        class_balance: Rule: a class is a small share of a split.
        attack_balance: Rule: an attack has few utterances in a split.
        speaker_balance: Rule: a class has few speakers in a split, or one speaker dominates it.
        shard_balance: Rule: a shard has another share of bona fide speech than its split.
        unlike_channels: Rule: recordings of a class have several channels with different sound.
        without_speech: Rule: recordings of a class contain no speech.
        champion_drift: Rule: train differs from the training corpus of the model in service.
        serving_drift: Rule: train differs from the recordings of `serving_log`, or their scores
            differ from those on eval.
        min_utterances: Limit of `class_counts`: minimum number of utterances of a class.
        max_bit_errors: Limit of `near_identical`: maximum share of differing bits of two copies.
        shortcut_eer: Limit of `shortcut`: an equal error rate whose 95 % interval ends at or below
            this is reported.
        perfect_shortcut_eer: Limit of `perfect_shortcut`, applied as `shortcut_eer`.
        attack_shortcut_eer: Limit of `attack_shortcut`: an equal error rate at or below this is
            reported.
        combined_shortcut_eer: Limit of `combined_shortcut`, applied as `shortcut_eer`.
        one_sided_codec_eer: Limit of `one_sided_codec`, applied as `shortcut_eer`.
        min_class_share: Limit of `class_balance`: minimum share of a class.
        min_attack_utterances: Limit of `attack_balance`: minimum number of utterances of an
            attack.
        min_speakers: Limit of `speaker_balance`: minimum number of speakers of a class.
        max_speaker_share: Limit of `speaker_balance`: maximum share of one speaker.
        max_shard_difference: Limit of `shard_balance`: maximum difference of the shares.
        max_divergence: Limit of `champion_drift` and `serving_drift`: maximum Jensen-Shannon
            divergence of a measure.
        serving_log: Scores of a service, to measure drift: path or URI of CSV, TSV or JSON lines as
            `score.py` writes them, with `*` for several files; empty for none.
        serving_root: Folder or URI that paths in the log are relative to; empty for the working
            directory, or the log's folder.
        serving_recordings: Maximum number of recordings of the log to measure.
    """

    schema: Level = "error"
    splits: Level = "error"
    class_counts: Level = "error"
    unknown_key: Level = "error"
    unknown_speakers: Level = "warn"
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
    one_sided_codec: Level = "warn"
    class_balance: Level = "warn"
    attack_balance: Level = "warn"
    speaker_balance: Level = "warn"
    shard_balance: Level = "warn"
    unlike_channels: Level = "warn"
    without_speech: Level = "warn"
    champion_drift: Level = "warn"
    serving_drift: Level = "warn"
    min_utterances: Utterances = 1
    max_bit_errors: Fraction = 0.15
    shortcut_eer: Fraction = 0.3
    perfect_shortcut_eer: Fraction = 0.02
    attack_shortcut_eer: Fraction = 0.05
    combined_shortcut_eer: Fraction = 0.3
    one_sided_codec_eer: Fraction = 0.4
    min_class_share: Fraction = 0.05
    min_attack_utterances: Utterances = 10
    min_speakers: Annotated[int, Bounds(ge=0, lt=2**31, unit="speakers")] = 4
    max_speaker_share: Fraction = 0.5
    max_shard_difference: Fraction = 0.1
    max_divergence: Annotated[float, Bounds(ge=0, le=1, unit="bits")] = 0.1
    serving_log: str = ""
    serving_root: str = ""
    serving_recordings: Annotated[int, Bounds(ge=0, lt=2**31, unit="recordings")] = 2000


RULES = tuple(field.name for field in dataclasses.fields(DataGateConfig) if field.default in LEVELS)
