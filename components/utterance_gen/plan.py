"""Assignment of utterances to shards, planned in advance from protocol and listing.

Nothing here depends on the number of workers or on their timing: the plan is made once, and a
shard is written whole by one worker, so the same corpus, settings and seed give the same bytes.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Self

from bonafide import corpora
from components.utterance_gen import balance

# How many bytes of 16-bit samples at the target rate a byte of the file becomes, about: lengths
# are unknown before decoding. It only steers the number of shards, never what is in them.
_EXPANSION = {
    ".flac": 1.7,
    **dict.fromkeys((".ogg", ".oga", ".opus", ".spx", ".webm"), 10.0),
    **dict.fromkeys((".mp3", ".m4a", ".m4b", ".aac", ".wma", ".mp4", ".mka", ".mkv"), 8.0),
    **dict.fromkeys((".amr", ".awb", ".3gp", ".3ga", ".gsm", ".g729"), 20.0),
}
_EXAMPLE_OVERHEAD_BYTES = 300
# Dev and eval hold every utterance once, as it was recorded.
COPIED_SPLIT = "train"


@dataclasses.dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected utterance, and the reason."""

    utterance_id: str
    split: str
    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of examples to be written.

    Attributes:
        split: Its split.
        index: Its number within the split, from 0.
        count: How many shards the split has.
        attack_pool: The attack ids of the split, sorted: what a bona fide example carries, so that
            each attack is compared with all bona fide speech.
        utterances: Its utterances, in order.
    """

    split: str
    index: int
    count: int
    attack_pool: tuple[str, ...]
    utterances: tuple[corpora.Utterance, ...]

    @property
    def name(self) -> str:
        """A name that is unique in the run, such as `train-00003`."""
        return f"{self.split}-{self.index:05d}"

    @property
    def path(self) -> str:
        """Its path below the examples' URI."""
        return f"Split-{self.split}/utterances-{self.index:05d}-of-{self.count:05d}"

    def to_json(self) -> bytes:
        """Serializes it, to be passed to a worker through a file."""
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
    """All shards of a corpus, and the utterances known to be unusable without opening them."""

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

    Missing and empty files are known from the listing and rejected here, so that the shards stay
    balanced.

    Args:
        corpus: The corpus.
        shard_bytes: Approximate size of a shard.
        seed: Determines the shard of an utterance and its position there.
        copies: Degraded copies of each utterance that a shard of train holds besides.
        similar: Path of a missing file -> path of one with a similar name, for the reason.

    Returns:
        The plan. A split without usable utterances has no shard.
    """
    rejections = []
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
        return "missing: the corpus holds no audio file of this name"
    if audio[utterance.path].size_bytes == 0:
        return "empty file (0 bytes)"
    return None


def shard_count(
    utterances: Sequence[corpora.Utterance],
    audio: Mapping[str, corpora.FileInfo],
    *,
    shard_bytes: float,
) -> int:
    """Number of shards of about `shard_bytes` of a split: 0 if empty, at most one per utterance."""
    if not utterances:
        return 0
    total = sum(
        audio[row.path].size_bytes * _EXPANSION.get(row.path[row.path.rfind(".") :].lower(), 1.0)
        + _EXAMPLE_OVERHEAD_BYTES
        for row in utterances
    )
    return min(len(utterances), math.ceil(total / shard_bytes))


def assign(
    utterances: Sequence[corpora.Utterance], *, num_shards: int, seed: int
) -> list[list[corpora.Utterance]]:
    """Assigns the utterances of one split to shards.

    Guarantees, exactly: with n utterances of a system (an attack, or bona fide), each of the K
    shards holds floor(n/K) or ceil(n/K) of them; the same holds for the n utterances of each
    speaker, and for the split as a whole. Within these bounds the seed decides which utterances
    share a shard, and their order there. The order of `utterances` plays no part.

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
        # A hash in place of a random generator: the same on every version of Python, and an
        # utterance added to the corpus leaves the order of the others as it was.
        return hashlib.sha256(f"{seed}\t{row.utterance_id}".encode()).digest()

    # Systems in one run each start the colouring off almost balanced, which makes it quick.
    dealt = sorted(utterances, key=lambda row: (row.system_id, row.speaker_id, shuffled(row)))
    shards: list[list[corpora.Utterance]] = [[] for _ in range(num_shards)]
    colours = balance.balanced_colours([(r.system_id, r.speaker_id) for r in dealt], num_shards)
    for row, colour in zip(dealt, colours, strict=True):
        shards[colour].append(row)
    for shard in shards:
        shard.sort(key=shuffled)
    return shards
