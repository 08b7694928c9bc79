"""Plan of a job in shards, and the check whether an output belongs to the same plan.

The plan does not depend on the engine or on the number of workers: one worker writes a whole shard,
so finished shards of an earlier attempt are reused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable

from bonafide.scoring.bulk.workspace import Workspace
from bonafide.scoring.reading import AUTO
from bonafide.scoring.rows import Reading
from bonafide.storage import beam_files

FORMATS = ("csv", "tfrecord")


class PlanError(Exception):
    """The output belongs to another job; the message states the remedy."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All inputs that determine the output.

    Attributes:
        recordings: Paths, in order.
        root: Root of relative paths.
        model_sha256: Hash of the model's files.
        model_version: Name of the model's folder.
        reading: Conversion of scores to rows.
        form: One of `FORMATS`.
        shard_recordings: Recordings per shard; the last one may have fewer.
        channel: See `bonafide.scoring.reading.read_tracks`.
    """

    recordings: tuple[str, ...]
    root: str
    model_sha256: str
    model_version: str
    reading: Reading
    form: str
    shard_recordings: int
    channel: str = AUTO

    @property
    def shards(self) -> tuple[str, ...]:
        """Names of the shards, such as `00003-of-00012`."""
        count = -(-len(self.recordings) // self.shard_recordings)
        return tuple(f"{index:05d}-of-{count:05d}" for index in range(count))

    def members(self, shard: str) -> tuple[str, ...]:
        """The recordings of a shard, consecutive ones of the list."""
        first = int(shard.partition("-")[0]) * self.shard_recordings
        return self.recordings[first : first + self.shard_recordings]

    def made_of(self) -> dict[str, str | int | float]:
        """The properties that must match for a resume."""
        return {
            "list": _sha256(path.encode(errors="surrogateescape") for path in self.recordings),
            "root": self.root,
            "model": self.model_sha256,
            "threshold": str(self.reading.threshold),
            "prior": self.reading.prior,
            "channel": self.channel,
            "format": self.form,
            "shard-recordings": self.shard_recordings,
        }

    def to_json(self) -> bytes:
        """Returns the content of `plan.json`."""
        made_of = self.made_of()
        about = {
            "fingerprint": _sha256([json.dumps(made_of, sort_keys=True).encode()]),
            "made_of": made_of,
            "recordings": len(self.recordings),
            "shards": len(self.shards),
            "model_version": self.model_version,
        }
        return json.dumps(about, indent=2).encode() + b"\n"


def begin(plan: Plan, workspace: Workspace) -> None:
    """Claims the output for a plan, or checks that it already belongs to this plan.

    Raises:
        PlanError: It contains scores of another plan, or other files.
    """
    there = beam_files.list_folder(workspace.output)
    if workspace.PLAN not in there:
        if there:
            raise PlanError(
                f"{workspace.output} holds files (such as {min(there)}) but no {workspace.PLAN}: "
                "name an empty folder by --output"
            )
        beam_files.make_folder(workspace.output)
        workspace.open()
        beam_files.write_bytes(workspace.plan, plan.to_json(), scratch=workspace.scratch)
        return
    made_of = plan.made_of()
    try:
        earlier = json.loads(beam_files.read_bytes(workspace.plan))["made_of"]
        differing = [name for name, value in made_of.items() if earlier[name] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"{workspace.plan} is not a plan of this program: {error!r}") from error
    if differing:
        what = ", ".join(
            f"{name} ({_short(earlier[name])} there, {_short(made_of[name])} now)"
            for name in differing
        )
        raise PlanError(
            f"{workspace.output} holds scores of another plan; what differs: {what}. Name another "
            "--output, or remove this one"
        )
    workspace.open()


def _short(value: str | int | float) -> str:
    text = str(value)
    is_hash = len(text) == 64 and not set(text) - set("0123456789abcdef")
    return text[:12] if is_hash else text


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
