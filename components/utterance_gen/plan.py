"""Assignment of utterances to shards, planned in advance from protocol and listing.

The plan does not depend on the number of workers or on their timing. It is made once, and a
shard is written whole by one worker, so the same corpus, settings and seed give the same bytes.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Self

from bonafide import corpora
from bonafide.audio import endings
from components.utterance_gen import balance

# Approximate number of bytes of 16-bit samples per byte of the file, since lengths are unknown
# before decoding. It affects the number of shards only, not their content.
_EXPANSION = {
    ".flac": 1.7,
    **dict.fromkeys((".ogg", ".oga", ".opus", ".spx", ".webm"), 10.0),
    **dict.fromkeys((".mp3", ".m4a", ".m4b", ".aac", ".wma", ".mp4", ".mka", ".mkv"), 8.0),
    **dict.fromkeys((".amr", ".awb", ".3gp", ".3ga", ".gsm", ".g729"), 20.0),
}
_EXAMPLE_OVERHEAD_BYTES = 300
# Of a malformed row, which is rejected before its split is known.
NO_SPLIT = ""
# Dev and eval have no copies.
COPIED_SPLIT = "train"


@dataclasses.dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected utterance, and the reason; of a malformed row, the path is its `file:line`."""

    utterance_id: str
    split: str
    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of examples to be written.

    Attributes:
        split: Its split.
        index: Index within the split, from 0.
        count: Number of shards of the split.
        attack_pool: The attack ids of the split, sorted; each bona fide example has all of them, so
            that every attack is compared with all bona fide speech.
        utterances: Its utterances, in order.
    """

    split: str
    index: int
    count: int
    attack_pool: tuple[str, ...]
    utterances: tuple[corpora.Utterance, ...]

    @property
    def name(self) -> str:
        """Name that is unique in the run, such as `train-00003`."""
        return f"{self.split}-{self.index:05d}"

    @property
    def path(self) -> str:
        """Path below the examples' URI."""
        return f"Split-{self.split}/utterances-{self.index:05d}-of-{self.count:05d}"

    def to_json(self) -> bytes:
        """Serializes the shard, to be passed to a worker through a file."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of `to_json`."""
        fields = json.loads(data)
        fields["attack_pool"] = tuple(fields["attack_pool"])
        fields["utterances"] = tuple(
            corpora.Utterance(**row | {"extra": tuple(map(tuple, row["extra"]))})
            for row in fields["utterances"]
        )
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All shards of a corpus, and the utterances that the listing shows to be unusable."""

    shards: tuple[Shard, ...]
    rejections: tuple[Rejection, ...]


def make_plan(
    corpus: corpora.Corpus,
    *,
    shard_bytes: int,
    seed: int,
    copies: int = 0,
    similar: Mapping[str, str] | None = None,
) -> Plan:
    """Plans the shards of all splits.

    Missing and empty files are rejected here, by the listing, so that the shards are
    balanced.

    Args:
        corpus: The corpus.
        shard_bytes: Approximate size of a shard.
        seed: Determines the shard of an utterance and its position there.
        copies: Number of degraded copies of each utterance in the shards of train.
        similar: Path of a missing file -> path of one with a similar name, for the reason.

    Returns:
        The plan. A split without usable utterances has no shard.
    """
    rejections = [Rejection("-", NO_SPLIT, row.source, row.reason) for row in corpus.bad_rows]
    usable: dict[str, list[corpora.Utterance]] = {split: [] for split in corpora.SPLITS}
    for utterance in corpus.utterances:
        if reason := _listing_problem(utterance, corpus.audio):
            if other := (similar or {}).get(utterance.path):
                reason += f"; {other} has a similar name: rename one of them"
            rejections.append(
                Rejection(utterance.utterance_id, utterance.split, utterance.path, reason)
            )
        else:
            usable[utterance.split].append(utterance)

    shards = []
    for split, utterances in usable.items():
        held = 1 + copies if split == COPIED_SPLIT else 1
        count = shard_count(utterances, corpus.audio, shard_bytes=shard_bytes / held)
        attacks = {row.system_id for row in utterances} - {corpora.NO_ATTACK}
        for index, members in enumerate(assign(utterances, num_shards=count, seed=seed)):
            shards.append(Shard(split, index, count, tuple(sorted(attacks)), tuple(members)))
    return Plan(tuple(shards), tuple(rejections))


def _listing_problem(
    utterance: corpora.Utterance, audio: Mapping[str, corpora.FileInfo]
) -> str | None:
    if utterance.path not in audio:
        return "missing: the corpus has no audio file with this name"
    if audio[utterance.path].size_bytes == 0:
        return "empty file (0 bytes)"
    return None


def shard_count(
    utterances: Sequence[corpora.Utterance],
    audio: Mapping[str, corpora.FileInfo],
    *,
    shard_bytes: float,
) -> int:
    """Returns the number of shards of about `shard_bytes`: 0 to one per utterance."""
    if not utterances:
        return 0
    total = sum(
        audio[row.path].size_bytes * _EXPANSION.get(endings.suffix(row.path).lower(), 1.0)
        + _EXAMPLE_OVERHEAD_BYTES
        for row in utterances
    )
    return min(len(utterances), math.ceil(total / shard_bytes))


def assign(
    utterances: Sequence[corpora.Utterance], *, num_shards: int, seed: int
) -> list[list[corpora.Utterance]]:
    """Assigns the utterances of one split to shards.

    Guarantees: with n utterances of a system (an attack, or bona fide), each of the K shards has
    floor(n/K) or ceil(n/K) of them; the same is true of the n utterances of each speaker, and of
    the split as a whole. Within these bounds, the seed determines which utterances share a shard,
    and their order. The order of `utterances` has no influence.

    Args:
        utterances: The rows of one split.
        num_shards: K.
        seed: Any integer.

    Returns:
        K lists of utterances; each utterance is in one of them.
    """
    if not num_shards:
        return []

    def shuffled(row: corpora.Utterance) -> bytes:
        # A hash instead of a random generator: it is the same on every version of Python, and an
        # added utterance does not change the order of the others.
        return hashlib.sha256(f"{seed}\t{row.utterance_id}".encode()).digest()

    # Contiguous systems start the colouring almost balanced, which makes it fast.
    dealt = sorted(utterances, key=lambda row: (row.system_id, row.speaker_id, shuffled(row)))
    shards: list[list[corpora.Utterance]] = [[] for _ in range(num_shards)]
    colours = balance.balanced_colours([(r.system_id, r.speaker_id) for r in dealt], num_shards)
    for row, colour in zip(dealt, colours, strict=True):
        shards[colour].append(row)
    for shard in shards:
        shard.sort(key=shuffled)
    return shards
