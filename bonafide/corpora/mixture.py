"""Several corpora as one, each with its own root, layout and options.

    la=/data/LA;itw=/data/release_in_the_wild@in-the-wild;own=gs://bank/calls@manifest?split=train

Members are separated by `;`. A member is `NAME=ROOT`, optionally followed by `@LAYOUT` (default:
detected from the files) and by `?OPTION=VALUE,...` for the options of the layout. Ids of
utterances, speakers and attacks are prefixed by the name (`la.A01`), because the A01 of one corpus
is not that of another. The `corpus` of an utterance is the name.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.settings import SettingsError
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import keys

LAYOUT = "mixture"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_EXPECTED = "NAME=ROOT[@LAYOUT][?OPTION=VALUE,...], with ; between the corpora"


@dataclasses.dataclass(frozen=True)
class Member:
    """One corpus of a mixture.

    Attributes:
        name: Prefix of the ids of its utterances, speakers and attacks.
        root: A folder, or the URI of a Beam filesystem.
        layout: The name of its layout, or `auto`.
        options: Options of the layout.
    """

    name: str
    root: str
    layout: str
    options: Options

    def text(self) -> str:
        """The member in the syntax of `parse`."""
        pairs = ",".join(f"{name}={value}" for name, value in self.options.changed().items())
        return f"{self.name}={self.root}@{self.layout}" + (f"?{pairs}" if pairs else "")


def is_member(text: str) -> bool:
    """Returns whether a text is a member and not a path."""
    name, equals, root = text.partition("=")
    return bool(equals and root and _NAME.fullmatch(name))


def parse(text: str) -> tuple[Member, ...]:
    """Parses a mixture.

    Raises:
        CorpusError: The text is malformed, or a name is not unique.
    """
    members = tuple(_member(part.strip()) for part in text.split(";") if part.strip())
    names = [member.name for member in members]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise base.CorpusError(
            f"mixture of corpora: expected unique names, got {', '.join(twice)} twice"
        )
    if not members:
        raise base.CorpusError(f"mixture of corpora: expected {_EXPECTED}, got no corpus")
    return members


def find(files: CorpusFiles) -> str:
    """Returns a description with the names of the members; see `parse`."""
    return ", ".join(member.name for member in parse(files.root))


def take_out(text: str, option: str) -> tuple[str, dict[str, str]]:
    """Removes an option that is not for the readers.

    Args:
        text: A mixture.
        option: Name of the option.

    Returns:
        The mixture without the option, and corpus name -> value.

    Raises:
        CorpusError: A corpus has the option twice.
    """
    members: list[str] = []
    values: dict[str, str] = {}
    for part in text.split(";"):
        head, _, pairs = part.partition("?")
        name = head.partition("=")[0].strip()
        kept, found = [], []
        for pair in pairs.split(","):
            key, equals, value = pair.partition("=")
            if equals and key.strip() == option:
                found.append(value.strip())
            else:
                kept.append(pair)
        if len(found) > 1:
            raise base.CorpusError(
                f"mixture of corpora: {name}: expected {option} once, got it twice"
            )
        values.update((name, value) for value in found)
        rest = ",".join(kept)
        members.append(f"{head}?{rest}" if rest else head)
    return ";".join(members), values


def _member(text: str) -> Member:
    if not is_member(text):
        raise base.CorpusError(f"mixture of corpora: expected {_EXPECTED}, got {text!r}")
    name, _, rest = text.partition("=")
    rest, _, pairs = rest.partition("?")
    root, at, layout = rest.rpartition("@")
    if not at or "/" in layout:  # an @ belongs to the path
        root, layout = rest, "auto"
    try:
        options = Options.parse(tuple(filter(None, pairs.split(","))))
    except SettingsError as error:
        raise base.CorpusError(f"mixture of corpora: {name}: {error}") from error
    return Member(name, root, layout, options)


def reader(reader_of: Callable[[str], base.CorpusReader]) -> base.CorpusReader:
    """Returns the reader of mixtures.

    Args:
        reader_of: Returns the reader of a layout.
    """

    def read(
        files: CorpusFiles, *, corpus_name: str, options: Options | None = None
    ) -> base.Corpus:
        del corpus_name, options  # each member has its own values
        utterances: list[base.Utterance] = []
        protocols: list[str] = []
        audio: dict[str, FileInfo] = {}
        notes: list[str] = []
        bad: list[base.BadRow] = []
        left_out: set[str] = set()
        for member in parse(files.root):
            below = files.at(member.root)
            try:
                corpus = reader_of(member.layout)(
                    below, corpus_name=member.name, options=member.options
                )
            except base.CorpusError as error:
                raise base.CorpusError(f"{member.name}: {error}") from error
            utterances += [_renamed(row, member.name, below) for row in corpus.utterances]
            protocols += map(below.uri, corpus.protocols)
            audio.update({below.uri(path): info for path, info in corpus.audio.items()})
            notes += [f"{member.name}: {note}" for note in corpus.notes]
            left_out |= {below.uri(path) for path in corpus.left_out}
            bad += [base.BadRow(below.uri(row.source), row.reason) for row in corpus.bad_rows]
        return base.Corpus(
            tuple(utterances),
            tuple(protocols),
            audio,
            tuple(notes),
            bad_rows=tuple(bad),
            left_out=frozenset(left_out),
        )

    return read


def _renamed(row: base.Utterance, name: str, files: CorpusFiles) -> base.Utterance:
    kept: Mapping[str, str] = {keys.NO_ATTACK: keys.NO_ATTACK}
    return dataclasses.replace(
        row,
        utterance_id=f"{name}.{row.utterance_id}",
        speaker_id=kept.get(row.speaker_id, f"{name}.{row.speaker_id}"),
        system_id=kept.get(row.system_id, f"{name}.{row.system_id}"),
        path=files.uri(row.path),
        corpus=name,
    )
