"""What a layout can be told, as `name=value` pairs; a layout refuses others."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Self

# Where a layout without splits may be asked to put everything.
ONE_SPLIT = ("", "train", "dev", "eval")
SPLITTING = frozenset({"split", "dev_fraction", "eval_fraction", "unseen_fraction", "split_seed"})
COLUMNS = frozenset(
    {"manifest", "bonafide", "spoof"}
    | {f"{name}_column" for name in ("path", "key", "speaker", "system", "split", "id")}
)


class OptionsError(ValueError):
    """An option that does not exist, or cannot have the given value."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The options of all layouts; each layout takes some of them.

    Attributes:
        subset: ASVspoof 2021: `eval`, `progress`, `hidden` or `all`.
        trim: ASVspoof 2021: the value of the trim column that is kept, such as `notrim`, or `all`.
        split: A corpus without splits: all of it goes to this one; empty to make splits.
        dev_fraction: About which share of the utterances dev gets where splits are made.
        eval_fraction: The same of eval.
        unseen_fraction: Which share of the attacks only eval has where splits are made.
        split_seed: Decides between equals where splits are made.
        manifest: The manifest's path below the root; empty finds it.
        path_column: Name of the manifest's column with the path of the audio; empty finds it.
        key_column: Of the column with the key.
        speaker_column: Of the column with the speaker.
        system_column: Of the column with the attack.
        split_column: Of the column with the split.
        id_column: Of the column with the utterance's id; without one it is made from the path.
        bonafide: A value of the key besides the usual ones that means bona fide, such as `0`.
        spoof: The same of spoof.
    """

    subset: str = "eval"
    trim: str = "all"
    split: str = ""
    dev_fraction: float = 0.15
    eval_fraction: float = 0.25
    unseen_fraction: float = 0.25
    split_seed: int = 1
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
        if self.split not in ONE_SPLIT:
            raise OptionsError(f"split must be train, dev, eval or empty, not {self.split!r}")
        for name in ("dev_fraction", "eval_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise OptionsError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.dev_fraction + self.eval_fraction >= 1:
            raise OptionsError("dev_fraction and eval_fraction must leave something for train")
        if not 0 <= self.unseen_fraction < 1:
            raise OptionsError(f"unseen_fraction must be from 0 to 1, not {self.unseen_fraction}")
        if not 0 <= self.split_seed < 2**63:
            raise OptionsError(f"split_seed must be from 0 to 2**63, not {self.split_seed}")
        if self.bonafide and self.bonafide == self.spoof:
            raise OptionsError(f"bonafide and spoof cannot both be {self.spoof!r}")

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """From `name=value` texts, such as `subset=hidden`; those not named keep their defaults.

        Raises:
            OptionsError: An unknown name (the nearest is named), one given twice, or a value that
                it cannot have.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = (part.strip() for part in pair.partition("="))
            if not equals:
                raise OptionsError(f"a corpus option is name=value, not {pair!r}")
            if name not in fields:
                near = difflib.get_close_matches(name, fields, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                raise OptionsError(
                    f"unknown corpus option {name!r}{hint} There are {', '.join(fields)}"
                )
            if name in values:
                raise OptionsError(f"the corpus option {name!r} is given twice")
            kind = type(fields[name].default)
            try:
                values[name] = kind(text)
            except ValueError:
                wanted = "a whole number" if kind is int else "a number"
                raise OptionsError(f"{name} must be {wanted}, not {text!r}") from None
        return cls(**values)

    def changed(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }


# Of a layout that was told nothing.
DEFAULTS = Options()
