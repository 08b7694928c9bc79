"""Options of corpus layouts, as `name=value` pairs; each layout supports some of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from bonafide.settings import Bounds, Section, SettingsError
from bonafide.settings.types import LongSeed

SPLITTING = frozenset(
    {"split", "split_by", "dev_fraction", "eval_fraction", "unseen_fraction", "split_seed"}
)
COLUMNS = frozenset(
    {"manifest", "bonafide", "spoof"}
    | {f"{name}_column" for name in ("path", "key", "speaker", "system", "split", "id")}
)
_InnerFraction = Annotated[float, Bounds(gt=0, lt=1, unit="fraction")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Section, section="corpus.options"):
    """Options of all corpus layouts; each layout supports some of them (docs/corpora.md).

    Attributes:
        subset: Subset of trials of ASVspoof 2021: `eval`, `progress`, `hidden` or `all`.
        trim: Value of ASVspoof 2021's trim column to keep, such as `notrim`, or `all`.
        split: Split of all utterances of a corpus without splits; empty to make splits.
        split_by: `speaker` keeps each speaker in one split where speakers are named; `file` ignores
            speakers, so that one voice may be in several splits.
        dev_fraction: Approximate share of the utterances in dev if splits are made.
        eval_fraction: Approximate share of the utterances in eval if splits are made.
        unseen_fraction: Share of the attacks that only eval has if splits are made.
        split_seed: Seed of the choice between equal candidates if splits are made.
        manifest: Path of the manifest below the root; empty detects it.
        path_column: Name of the manifest's column with the path of the audio; empty detects it.
        key_column: Name of the column with the key (bona fide or spoof); empty detects it.
        speaker_column: Name of the column with the speaker; empty detects it.
        system_column: Name of the column with the attack; empty detects it.
        split_column: Name of the column with the split; empty detects it.
        id_column: Name of the column with the utterance's id; empty detects it, or derives the id
            from the path.
        bonafide: Value of the key, besides the usual ones, that means bona fide, such as `0`.
        spoof: Value of the key, besides the usual ones, that means spoof, such as `1`.
    """

    subset: str = "eval"
    trim: str = "all"
    # The splits to which a layout without splits can be assigned.
    split: Literal["", "train", "dev", "eval"] = ""
    split_by: Literal["speaker", "file"] = "speaker"
    dev_fraction: _InnerFraction = 0.15
    eval_fraction: _InnerFraction = 0.25
    unseen_fraction: Annotated[float, Bounds(ge=0, lt=1, unit="fraction")] = 0.25
    split_seed: LongSeed = 1
    manifest: str = ""
    path_column: str = ""
    key_column: str = ""
    speaker_column: str = ""
    system_column: str = ""
    split_column: str = ""
    id_column: str = ""
    bonafide: str = ""
    spoof: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dev_fraction + self.eval_fraction >= 1:
            raise self.refused(
                "dev_fraction",
                f"a fraction that leaves something for train beside eval_fraction "
                f"({self.eval_fraction:g})",
            )
        if self.bonafide and self.bonafide == self.spoof:
            raise self.refused("spoof", "another value than that of bonafide")

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """Parses `name=value` strings such as `subset=hidden`; other options have their defaults.

        Raises:
            SettingsError: An unknown name (the message suggests the nearest), a duplicate, or an
                invalid value.
        """
        values: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = (part.strip() for part in pair.partition("="))
            if not equals:
                raise SettingsError("name=value", repr(pair), cls.section)
            if name in values:
                raise SettingsError("each option once", "it twice", f"{cls.section}.{name}")
            values[name] = text
        return cls.from_mapping(values)

    def changed(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }


# Options of a layout if none are given.
DEFAULTS = Options()
