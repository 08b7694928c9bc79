"""Protocols without a header: columns separated by blanks, as all of ASVspoof has them."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bonafide.corpora import base, names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
    """Where a line has what, counted from 0; the speaker is first, the utterance second.

    Attributes:
        expected: What a line holds, with an example, for messages.
        key: Column of the key.
        attack: Of the attack.
        attack_named: Whether it is the attack's name, or something that stands for it, which a
            line of bona fide speech may have as well.
        unused: A column that is always `-`; None where there is none.
        extra: Columns, joined by `-`, by the name of what they tell besides.
    """

    expected: str
    key: int
    attack: int
    attack_named: bool = True
    unused: int | None = None
    extra: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)


class Line(NamedTuple):
    """A line that was understood.

    Attributes:
        source: `file:line`.
        fields: All its columns.
        speaker: Its first one.
        utterance: Its second one.
        system: The attack, `-` of bona fide speech.
        key: `bonafide` or `spoof`.
        extra: As in `base.Utterance`.
    """

    source: str
    fields: tuple[str, ...]
    speaker: str
    utterance: str
    system: str
    key: str
    extra: tuple[tuple[str, str], ...]


def read_lines(text: str, where: str, forms: Mapping[int, Columns]) -> Iterator[Line]:
    """Yields the lines of a protocol.

    Args:
        text: Its content. CRLF, blank lines and blanks around a line are accepted.
        where: Its path, for messages.
        forms: The forms that a protocol of this layout may have, by number of columns. The first
            line decides, and all others must be like it.

    Raises:
        CorpusError: A malformed line (file, line number, content, what was expected), or no line.
    """
    width = 0
    extras: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
    for number, line in base.rows(text):
        fields = line.split()
        width = width or (len(fields) if len(fields) in forms else 0)
        problem = None
        if not width or len(fields) != width:
            wanted = width or " or ".join(map(str, forms))
            problem = f"{len(fields)} columns in place of {wanted}"
        if not problem:
            problem = _problem(fields, forms[width])
        if problem:
            expected = "\n    or ".join(form.expected for form in forms.values())
            raise base.CorpusError(
                f"{where}:{number}: {problem}\n  line: {base.shown(line)}\n  expected: {expected}"
            )
        form = forms[width]
        told = tuple([fields[place] for places in form.extra.values() for place in places])
        if told not in extras:  # There are few, on many lines.
            extras[told] = base.extra(
                {
                    name: "-".join([fields[place] for place in places])
                    for name, places in form.extra.items()
                }
            )
        yield _line(fields, form, f"{where}:{number}", extras[told])
    if not width:
        expected = next(iter(forms.values())).expected
        raise base.CorpusError(f"{where}: the protocol is empty; expected lines {expected}")


def _line(
    fields: list[str], form: Columns, source: str, extra: tuple[tuple[str, str], ...]
) -> Line:
    key = fields[form.key]
    attack = fields[form.attack]
    unnamed = attack in (base.NO_ATTACK, base.BONAFIDE)
    return Line(
        source=source,
        fields=tuple(fields),
        speaker=fields[0],
        utterance=fields[1],
        system=base.NO_ATTACK if key == base.BONAFIDE else base.SPOOF if unnamed else attack,
        key=key,
        extra=extra,
    )


def _problem(fields: list[str], form: Columns) -> str | None:
    key = fields[form.key]
    if key not in (base.BONAFIDE, base.SPOOF):
        return f"unknown key {key!r}; it must be {base.BONAFIDE!r} or {base.SPOOF!r}"
    if form.unused is not None and fields[form.unused] != "-":
        return f"column {form.unused + 1} is {fields[form.unused]!r} in place of '-'"
    if form.attack_named:
        attack = fields[form.attack]
        # ASVspoof 2021 and 5 write either in a line of bona fide speech.
        if key == base.BONAFIDE and attack not in (base.NO_ATTACK, base.BONAFIDE):
            return f"a bonafide line names the attack {attack!r}"
        if key == base.SPOOF and attack in (base.NO_ATTACK, base.BONAFIDE):
            return "a spoof line names no attack"
    if problem := names.id_problem(fields[1]):
        return f"utterance id {fields[1]!r} {problem}"
    if not "".join(fields).isprintable():
        return "the line holds control characters"
    return None
