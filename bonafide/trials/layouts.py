"""Layouts of protocols without a header, such as those of ASVspoof: columns separated by spaces."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bonafide.text import shown
from bonafide.trials import tables
from bonafide.trials.keys import BONAFIDE, SPOOF

SUBSETS = ("eval", "progress", "hidden")
ALL = "all"
_NOTHING = "-"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout, detected by the number of its columns.

    Attributes:
        name: Name for messages.
        columns: Names of the columns, separated by spaces; `-` is a column that always is `-`,
            `other` an ignored one. Columns with the same name are joined by `-`.
        example: Example of a line.
        attack_required: Whether a spoof must name its attack.
    """

    name: str
    columns: str
    example: str
    attack_required: bool = False

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.columns.split())

    @property
    def expected(self) -> str:
        """Format of a line, for messages."""
        return f"{self.columns.upper()}, such as {self.example!r} ({self.name})"

    def cell(self, row: tables.Row, name: str) -> str:
        """Returns the cell of a column; empty if there is no such column."""
        places = self._places.get(name, ())
        if len(places) == 1:
            return row.fields[places[0]]
        return "-".join([row.fields[place] for place in places])

    def problem(self, row: tables.Row) -> str | None:
        """Returns the error in the key, the subset or a `-`; None without one."""
        key = self.cell(row, "key")
        if key not in (BONAFIDE, SPOOF):
            at = self.names.index("key") + 1
            return f"expected {BONAFIDE!r} or {SPOOF!r} as the key in column {at}, got {shown(key)}"
        if (nothing := self.cell(row, _NOTHING)) not in ("", _NOTHING):
            at = self.names.index(_NOTHING) + 1
            return f"expected '-' in column {at}, got {shown(nothing)}"
        if self.attack_required and key == SPOOF and self.cell(row, "attack") == _NOTHING:
            return "expected the name of an attack for a spoof, got '-'"
        if (subset := self.cell(row, "subset")) not in ("", *SUBSETS):
            return f"expected {', '.join(SUBSETS)} as the subset, got {shown(subset)}"
        return None

    @functools.cached_property
    def checked(self) -> tuple[int, ...]:
        """The columns that determine the result of `problem`."""
        return tuple(
            place
            for name in ("key", _NOTHING, "attack", "subset")
            for place in self._places.get(name, ())
        )

    @functools.cached_property
    def _places(self) -> Mapping[str, tuple[int, ...]]:
        return {
            name: tuple(place for place, other in enumerate(self.names) if other == name)
            for name in self.names
        }


ASVSPOOF2019 = Layout(
    name="ASVspoof 2019",
    columns="speaker utterance environment attack key",
    example="LA_0079 LA_T_1004644 - A01 spoof",
    attack_required=True,
)
ASVSPOOF2019_LA = Layout(
    name="ASVspoof 2019 LA",
    columns="speaker utterance - attack key",
    example="LA_0079 LA_T_1004644 - A01 spoof",
    attack_required=True,
)
ASVSPOOF2019_PA = replace(
    ASVSPOOF2019, name="ASVspoof 2019 PA", example="PA_0079 PA_T_0005401 aaa AA spoof"
)
ASVSPOOF2021_LA = Layout(
    name="ASVspoof 2021 LA",
    columns="speaker utterance codec transmission attack key trim subset",
    example="LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval",
)
ASVSPOOF2021_DF = Layout(
    name="ASVspoof 2021 DF",
    columns="speaker utterance codec source attack key trim subset vocoder other other other other",
    example="LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder "
    "- - - -",
)
ASVSPOOF2021_PA = Layout(
    name="ASVspoof 2021 PA",
    columns="speaker utterance environment environment environment other other device other key "
    "trim subset",
    example="PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval",
)
ASVSPOOF5 = Layout(
    name="ASVspoof 5",
    columns="speaker utterance gender codec codec_q codec_seed attack_tag attack key tmp",
    example="D_4461 D_0000000169 F - - - AC1 A14 spoof -",
)
ASVSPOOF5_OLD = Layout(
    name="ASVspoof 5, older form",
    columns="speaker utterance gender codec attack key",
    example="T_4850 T_0000000000 F - A05 spoof",
)
# By number of columns. LA and PA of 2019 share one layout.
LAYOUTS: Mapping[int, Layout] = {
    len(layout.names): layout
    for layout in (
        *(ASVSPOOF2019, ASVSPOOF5_OLD, ASVSPOOF2021_LA),
        *(ASVSPOOF5, ASVSPOOF2021_PA, ASVSPOOF2021_DF),
    )
}


def open_layout(
    text: str, where: str, layouts: Iterable[Layout] = LAYOUTS.values(), *, otherwise: str = ""
) -> tuple[Layout, tables.Table]:
    """Detects the layout of a protocol from its first line.

    Args:
        text: Content of the file.
        where: Path of the file, for messages.
        layouts: Possible layouts, with different numbers of columns.
        otherwise: Further accepted formats, for messages.

    Returns:
        The layout, and the lines as a table.

    Raises:
        FileError: No layout has the number of columns of the first line, or the file is empty.
    """
    forms = {layout.names: layout for layout in layouts}
    expected = {names: layout.expected for names, layout in forms.items()}
    table = tables.without_header(text, where, expected, otherwise=otherwise)
    return forms[table.names], table
