"""Which engine makes a copy of which recording.

The plan depends on the names of recordings and engines and on the seed, not on their order:

- Some engines are for eval only, the others for train and dev only (`share_out`), so that a
  detector is judged by attacks that it has not seen.
- Within a side, each recording gets the engines that were used least so far, each at most once.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from bonafide import corpora
from bonafide.audio.chains import seed_of
from bonafide.settings import SettingsError
from bonafide.synthesis.engine import Engine


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copy to be made.

    Attributes:
        utterance_id: Its id.
        engine: Name of the engine.
        seed: Of the engine and of the chain.
        text: For an engine that speaks; else empty.
        language: Of the text; may be empty.
        voice: Path of a recording of another speaker; else empty.
        speaker: Whose voice it imitates.
    """

    utterance_id: str
    engine: str
    seed: int
    text: str
    language: str
    voice: str
    speaker: str


@dataclasses.dataclass(frozen=True)
class Task:
    """A recording and the copies to be made of it.

    Attributes:
        row: The recording.
        copies: The copies.
    """

    row: corpora.Utterance
    copies: tuple[Copy, ...]


@dataclasses.dataclass(frozen=True)
class Texts:
    """What engines can say.

    Attributes:
        lines: Texts, each perhaps with a language and a tab before it. If there are none, each
            recording's own text is said.
    """

    lines: tuple[str, ...] = ()

    def of(self, row: corpora.Utterance, seed: int) -> tuple[str, str]:
        """Returns the text and the language for a copy of a recording; empty if there is none."""
        extra = dict(row.extra)
        own = extra.get("text", ""), extra.get("language", "")
        if own[0] or not self.lines:
            return own
        first, tab, rest = self.lines[seed % len(self.lines)].partition("\t")
        return (rest, first) if tab else (first, "")


def share_out(
    engines: Sequence[Engine],
    splits: frozenset[str],
    seed: int,
    *,
    unseen_fraction: float = 0.25,
    eval_engines: Sequence[str] = (),
) -> dict[str, list[Engine]]:
    """Returns split -> its engines.

    Args:
        engines: The engines.
        splits: Splits of the recordings.
        seed: Of the choice.
        unseen_fraction: Share of the engines that only eval has, at least one; 0 for none.
        eval_engines: Names of the engines that only eval has, in place of a choice.

    Raises:
        SettingsError: A name is unknown, or a side would have no engine that needs no text.
    """
    everything = sorted(engines, key=lambda each: each.name)
    names = [each.name for each in everything]
    if strange := sorted(set(eval_engines) - set(names)):
        raise SettingsError(f"engines in use ({', '.join(names)})", strange[0], "--eval-engines")
    both_sides = "eval" in splits and len(splits) > 1
    if not both_sides or (not eval_engines and unseen_fraction == 0):
        return dict.fromkeys(sorted(splits), everything)
    # Partly spoofed recordings are for the splits of the engine that makes the stretch.
    ordered = [each for each in everything if each.base == each.name or each.base not in names]
    if len(ordered) < 2:
        raise SettingsError(
            "at least two engines, one of which only eval has",
            names[0],
            "--engines",
            advice="Add an engine, or allow the same ones everywhere with --unseen-engines 0",
        )
    if not eval_engines:
        count = min(max(1, round(unseen_fraction * len(ordered))), len(ordered) - 1)
        free = [each for each in ordered if not each.needs_text]
        drawn = sorted(free, key=lambda each: seed_of(seed, each.name, 0))
        # What needs a text may be of no use to a recording: it comes last.
        speaking = sorted(
            (each for each in ordered if each.needs_text),
            key=lambda each: seed_of(seed, each.name, 0),
        )
        picked = drawn[: max(1, count - count // 3)] if len(drawn) > 1 else []
        picked += speaking[: count - len(picked)]
        eval_engines = [each.name for each in picked]
    held = [each for each in everything if {each.name, each.base} & set(eval_engines)]
    seen = [each for each in everything if each not in held]
    for side, have in (("eval", held), ("train and dev", seen)):
        if all(each.needs_text for each in have):
            raise SettingsError(
                f"an engine for {side} that needs no text",
                ", ".join(each.name for each in have) or "none",
                "--eval-engines",
            )
    return {split: held if split == "eval" else seen for split in sorted(splits)}


def plan(
    rows: Sequence[corpora.Utterance],
    engines_of: Mapping[str, Sequence[Engine]],
    copies: int,
    seed: int,
    texts: Texts,
) -> tuple[Task, ...]:
    """Returns a task for each recording, in the order of the rows.

    Args:
        rows: Recordings with their splits.
        engines_of: Split -> its engines.
        copies: Number of copies of each recording; fewer if fewer engines can make one.
        seed: Of the corpus.
        texts: What engines can say.
    """
    voices = _Voices(rows)
    used: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    tasks: dict[str, Task] = {}
    for row in sorted(rows, key=lambda each: (seed_of(seed, each.utterance_id, 0), each.path)):
        side = "eval" if row.split == "eval" else "train"
        taken: set[str] = set()
        made = []
        for number in range(1, copies + 1):
            own = seed_of(seed, row.utterance_id, number)
            text, language = texts.of(row, own)
            voice = voices.other(row, own)
            able = [
                each
                for each in engines_of[row.split]
                if each.name not in taken
                and (not each.needs_text or (text and each.speaks(language)))
                and (not each.needs_voice or voice is not None)
            ]
            if not able:
                break
            engine = min(able, key=lambda each: (used[side][each.name], seed_of(own, each.name, 0)))
            used[side][engine.name] += 1
            taken.add(engine.name)
            spoken = engine.needs_text
            other = voice if engine.needs_voice else None
            made.append(
                Copy(
                    utterance_id=f"{row.utterance_id}_{number}",
                    engine=engine.name,
                    seed=own,
                    text=text if spoken else "",
                    language=language if spoken else "",
                    voice=other.path if other else "",
                    speaker=(other or row).speaker_id,
                )
            )
        tasks[row.utterance_id] = Task(row, tuple(made))
    return tuple(tasks[row.utterance_id] for row in rows)


class _Voices:
    """Recordings of the other speakers of a split; without names, the other recordings."""

    def __init__(self, rows: Sequence[corpora.Utterance]) -> None:
        self._of: dict[str, dict[str, list[corpora.Utterance]]] = {}
        for row in sorted(rows, key=lambda each: each.utterance_id):
            voice = row.speaker_id
            if voice == corpora.UNKNOWN_SPEAKER:
                voice = row.utterance_id
            self._of.setdefault(row.split, {}).setdefault(voice, []).append(row)

    def other(self, row: corpora.Utterance, seed: int) -> corpora.Utterance | None:
        """Returns a recording of another speaker; None if the split has one speaker."""
        own = row.speaker_id if row.speaker_id != corpora.UNKNOWN_SPEAKER else row.utterance_id
        speakers = self._of[row.split]
        if len(speakers) < 2:
            return None
        names = list(speakers)
        place = names.index(own)
        name = names[(place + 1 + seed % (len(names) - 1)) % len(names)]
        pool = speakers[name]
        return pool[(seed >> 20) % len(pool)]
