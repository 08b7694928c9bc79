"""Score files: reading, matching with a protocol, writing.

Formats, detected from the content:

    LA_E_2834763 -8.55                            two columns: utterance and score
    LA_E_2834763 A11 spoof -8.55                  four columns: utterance, system, key and score
    LA_0069 LA_E_2834763 - A11 spoof -8.55        six columns: those of the protocol, and the score
    LA_E_2834763 -8.55 spoof                      three: utterance, score and key, or key and score
    LA_0069 LA_E_2834763 -8.55 spoof              four: speaker, utterance, score and key
    filename<TAB>cm-score                         ASVspoof 5, with a header; more columns may follow
    utterance,score                               CSV, with a header or without

With a header, columns are found by name and others are ignored; columns `system` and `key` are
compared with the protocol as in the four-column format.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bonafide.audio import endings
from bonafide.storage.text_files import FileError, read_text
from bonafide.text import listed, plural, shown
from bonafide.trials import ids, keys, tables
from bonafide.trials.arrays import Floats
from bonafide.trials.ids import token
from bonafide.trials.keys import BONAFIDE, NO_ATTACK, NO_WORDS, SPOOF, KeyWords
from bonafide.trials.protocols import Protocol, refuse_duplicates
from bonafide.trials.trials import Trials, TrialsError, make_trials

_MOST_FOLDERS = 8  # of a path that two files write in different ways
SCORE_NAMES = ("score", "cm_score", "cm-score")
COLUMNS = ("utterance", "score", "system", "key")  # that can be named
_WITHOUT_HEADER = {
    ("utterance", "score"): "UTTERANCE SCORE",
    ("utterance", "system", "key", "score"): "UTTERANCE SYSTEM KEY SCORE",
    ("speaker", "utterance", "score", "key"): "SPEAKER UTTERANCE SCORE KEY",
    ("utterance", "score", "key"): "UTTERANCE SCORE KEY",
    ("utterance", "key", "score"): "UTTERANCE KEY SCORE",
    ("speaker", "utterance", "-", "system", "key", "score"): "SPEAKER UTTERANCE - SYSTEM KEY SCORE",
}
# What the scores of ASVspoof 2019 name the system of bona fide rows.
_NO_SYSTEM = frozenset({NO_ATTACK, BONAFIDE, "", "A00"})
_WITH_HEADER = (
    f"a header that names an utterance column ({', '.join(tables.UTTERANCE_NAMES)}) and a score "
    f"column ({', '.join(SCORE_NAMES)})"
)


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """Content of a score file in the order of its lines, [N] each.

    Attributes:
        where: Path of the file, for messages.
        utterances: Unique ids.
        scores: Finite scores.
        lines: Line numbers.
        systems: Attack ids; None without such a column.
        keys: `bonafide` or `spoof`; None without such a column.
        failed: Utterances without a score, of rows whose column `error` has the reason.
    """

    where: str
    utterances: list[str]
    scores: Floats
    lines: list[int]
    systems: list[str] | None = None
    keys: list[str] | None = None
    failed: tuple[str, ...] = ()

    def negated(self) -> ScoreFile:
        """Returns the file with negated scores, for systems whose lower scores mean bona fide."""
        return replace(self, scores=-self.scores)


def read_scores(path: str | os.PathLike[str]) -> ScoreFile:
    """Reads a score file; see `parse_scores`.

    Raises:
        FileError: As `parse_scores`, or the file cannot be read.
    """
    return parse_scores(read_text(path), where=str(path))


def parse_scores(
    text: str, *, where: str, columns: Sequence[str] = (), key_words: KeyWords = NO_WORDS
) -> ScoreFile:
    """Parses a score file of any format.

    Args:
        text: Content of the file.
        where: Path of the file, for messages.
        columns: Names of all columns of a file without a header: `utterance`, `score`, `system`,
            `key`, and `-` for others; empty to detect the format.
        key_words: Additional spellings of the keys.

    Raises:
        FileError: A malformed line, a score that is not a finite number, a duplicate utterance,
            or no score.
    """
    table = _table(text, where, columns, key_words)
    utterance_at, score_at, system_at, key_at, error_at = (
        table.find(names)
        for names in (tables.UTTERANCE_NAMES, SCORE_NAMES, ["system"], ["key"], ["error"])
    )
    failed: list[str] = []
    utterances: list[str] = []
    scores: list[float] = []
    lines: list[int] = []
    systems: list[str] = []
    found_keys: list[str] = []
    names: dict[str, str] = {}  # of systems, shared between lines
    for row in table:
        utterance, score = row.cell(utterance_at), row.cell(score_at)
        system = row.cell(system_at)
        if not score and utterance and row.cell(error_at):
            failed.append(utterance)
            continue
        if not is_number(score):
            raise row.error(f"expected a number as the score, got {shown(score)}")
        if not utterance:
            raise row.error("the utterance is empty")
        if key_at is not None:
            key = key_words.key_of(row.fields[key_at])
            if key is None:
                unknown = keys.unknown_key(row.fields[key_at])
                raise row.error(f"{unknown}. {keys.KEYS_OPTION}")
            found_keys.append(key)
        if problem := ids.id_problem((utterance, system)):
            raise row.error(problem)
        utterances.append(utterance)
        scores.append(float(score))
        lines.append(row.number)
        systems.append(names.setdefault(system, system))
    values = np.array(scores, dtype=np.float64)
    _refuse_not_finite(values, lines, where)
    refuse_duplicates(where, utterances, lines)
    return ScoreFile(
        where=where,
        utterances=utterances,
        scores=values,
        lines=lines,
        systems=None if system_at is None else systems,
        keys=None if key_at is None else found_keys,
        failed=tuple(failed),
    )


def _table(text: str, where: str, columns: Sequence[str], key_words: KeyWords) -> tables.Table:
    def fits(names: tuple[str, ...], cells: Sequence[str]) -> bool:
        if not is_number(cells[names.index("score")]):
            return False
        return "key" not in names or key_words.key_of(cells[names.index("key")]) is not None

    if columns:
        return tables.with_columns(text, where, columns)
    return tables.find_table(text, where, SCORE_NAMES) or tables.without_header(
        text, where, _WITHOUT_HEADER, otherwise=_WITH_HEADER, fits=fits
    )


def is_number(text: str) -> bool:
    """Returns whether a text is a number, including NaN and infinity."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python reads 1_0 as 10, which is not a score


def _refuse_not_finite(scores: Floats, lines: Sequence[int], where: str) -> None:
    finite = np.isfinite(scores)
    if not finite.all():
        first = int(np.argmin(finite))
        raise FileError(
            f"{where}:{lines[first]}: expected a finite score, got {scores[first]}; "
            f"{np.count_nonzero(~finite):,} of {scores.size:,} are NaN or infinite. A model "
            "with such scores has diverged or received invalid features"
        )


def match(scores: ScoreFile, protocol: Protocol) -> Trials:
    """Returns the trials of the protocol, in its order, with their scores.

    Every trial must have one score and every score one trial; scores of trials outside the
    protocol's subset are ignored, and so are trials of `ScoreFile.failed`. If ids differ, audio
    extensions are removed on both sides (`LA_E_1.flac`), and if they still differ, folders
    (`flac/LA_E_1.flac`). If two ids would become equal, the last folders are kept, as few as make
    all ids different.

    Raises:
        FileError: A trial without a score or a score without a trial (the message has examples and
            the number), a system or key that contradicts the protocol, or as `make_trials`.
    """
    order = _order(scores, protocol)
    if None in order:
        kept = [index for index, place in enumerate(order) if place is not None]
        protocol = _part(protocol, kept)
    places = [place for place in order if place is not None]
    _refuse_contradictions(scores, protocol, places)
    try:
        return make_trials(
            utterances=protocol.utterances,
            scores=scores.scores[places],
            is_bonafide=protocol.is_bonafide,
            attacks=protocol.attacks,
            speakers=protocol.speakers,
        )
    except TrialsError as error:
        raise FileError(f"{scores.where} with {protocol.where}: {error}") from error


def _part(protocol: Protocol, kept: Sequence[int]) -> Protocol:
    """Returns the protocol with the trials at some places."""
    return replace(
        protocol,
        utterances=[protocol.utterances[index] for index in kept],
        is_bonafide=[protocol.is_bonafide[index] for index in kept],
        attacks=[protocol.attacks[index] for index in kept],
        speakers=protocol.speakers and [protocol.speakers[index] for index in kept],
    )


def _order(scores: ScoreFile, protocol: Protocol) -> list[int | None]:
    """Returns the line of the score file for each trial; None for a trial without a score."""
    best: tuple[list[str], list[str]] | None = None
    rules: list[Callable[[str], str]] = [_exactly, without_extension, without_folder]
    rules += [functools.partial(with_folders, most=most) for most in range(1, _MOST_FOLDERS + 1)]
    for same in rules:
        expected = [same(name) for name in protocol.utterances]
        places = {same(name): place for place, name in enumerate(scores.utterances)}
        if len(places) < len(scores.utterances) or len(set(expected)) < len(expected):
            continue  # two ids have become equal, so the match is ambiguous
        left_out = {same(name) for name in protocol.left_out}
        pairs = zip(protocol.utterances, expected, strict=True)
        failed = {same(name) for name in scores.failed}
        missing = [name for name, key in pairs if key not in places and key not in failed]
        known = left_out.union(expected)
        extra = [scores.utterances[place] for key, place in places.items() if key not in known]
        if not missing and not extra:
            return [places.get(key) for key in expected]
        if best is None or len(missing) + len(extra) < len(best[0]) + len(best[1]):
            best = missing, extra
    assert best is not None  # exact ids are unique
    raise _mismatch(scores, protocol, *best)


def _mismatch(
    scores: ScoreFile, protocol: Protocol, missing: list[str], extra: list[str]
) -> FileError:
    parts = [f"the scores in {scores.where} do not fit the protocol {protocol.where}:"]
    if missing:
        parts.append(
            f"  {plural(len(missing), 'trial')} of {len(protocol.utterances):,} without "
            f"a score: {listed(missing)}"
        )
    if extra:
        parts.append(
            f"  {plural(len(extra), 'score')} of {len(scores.utterances):,} without a "
            f"trial: {listed(extra)}"
        )
    parts.append(
        "  Each trial needs one score, and each score a trial. Check that it is the same split"
    )
    return FileError("\n".join(parts))


def _refuse_contradictions(scores: ScoreFile, protocol: Protocol, order: Sequence[int]) -> None:
    """Raises FileError if the score file has another key or system for a trial."""
    wrong = []
    for index, place in enumerate(order):
        name = protocol.utterances[index]
        key = BONAFIDE if protocol.is_bonafide[index] else SPOOF
        if scores.keys is not None and scores.keys[place] != key:
            wrong.append(f"{name} (key {scores.keys[place]}, in the protocol {key})")
        elif scores.systems is not None:
            system, attack = scores.systems[place], protocol.attacks[index]
            allowed = _NO_SYSTEM if key == BONAFIDE else {attack, token(attack)}
            # Protocols without attack ids cannot contradict.
            if system not in allowed and attack != SPOOF:
                wrong.append(f"{name} (system {system}, in the protocol {attack})")
    if wrong:
        raise FileError(
            f"{plural(len(wrong), 'line')} of {scores.where} and the protocol "
            f"{protocol.where} contradict each other: {listed(wrong)}. Check that they are of the "
            "same corpus and split. If the columns are in another order, name them, such as "
            "--columns utterance,-,score,-; only utterance and score are needed"
        )


def _exactly(utterance: str) -> str:
    return utterance


def without_extension(utterance: str) -> str:
    """Drops the extension of an audio file: `LA_E_1.flac` becomes `LA_E_1`."""
    return endings.stem(utterance) if endings.is_audio(utterance) else utterance


def without_folder(utterance: str) -> str:
    r"""Drops folders and extension: `flac/LA_E_1.flac` becomes `LA_E_1`; `\` counts as `/`."""
    return token(without_extension(utterance.replace("\\", "/").rpartition("/")[2]))


def with_folders(utterance: str, most: int) -> str:
    """Drops the extension and all but the last `most` folders: `a/b/1.wav` becomes `b/1`."""
    parts = without_extension(utterance.replace("\\", "/")).split("/")
    return token("/".join(parts[-most - 1 :]))


def score_lines(trials: Trials) -> Iterator[str]:
    """Yields `UTTERANCE SYSTEM KEY SCORE` lines, each with its line end.

    Scores have full precision, so that reading returns equal numbers. Spaces in ids become `_`.
    """
    for utterance, attack, key, score in zip(*_tokens(trials), trials.scores.tolist(), strict=True):
        yield f"{utterance} {attack} {key} {score!r}\n"


def submission_lines(trials: Trials) -> Iterator[str]:
    """Yields `UTTERANCE SCORE` lines, the format of challenges; see `score_lines`."""
    for utterance, score in zip(trials.utterances.tolist(), trials.scores.tolist(), strict=True):
        yield f"{token(utterance)} {score!r}\n"


def protocol_lines(trials: Trials) -> Iterator[str]:
    """Yields `SPEAKER UTTERANCE - SYSTEM KEY` lines, the layout of ASVspoof 2019 LA.

    Unknown speakers are `-`. Spaces in ids become `_`.
    """
    speakers = ["-"] * len(trials) if trials.speakers is None else trials.speakers.tolist()
    for speaker, utterance, attack, key in zip(speakers, *_tokens(trials), strict=True):
        yield f"{token(speaker)} {utterance} - {attack} {key}\n"


def _tokens(trials: Trials) -> tuple[list[str], list[str], list[str]]:
    """Returns utterances, attacks and keys for columns separated by spaces."""
    keys = [BONAFIDE if flag else SPOOF for flag in trials.is_bonafide.tolist()]
    attacks = [token(name) for name in trials.attacks.tolist()]
    return (
        [token(name) for name in trials.utterances.tolist()],
        # These layouts require an id for every attack, also an unknown one.
        [
            SPOOF if key == SPOOF and name == NO_ATTACK else name
            for key, name in zip(keys, attacks, strict=True)
        ],
        keys,
    )
