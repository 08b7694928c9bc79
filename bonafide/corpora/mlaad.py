"""MLAAD (Müller et al., 2024), synthetic speech in many languages, with M-AILABS as real speech.

    fake/<LANGUAGE>/<MODEL>/meta.csv
        path|original_file|language|is_original_language|duration|training_data|model_name|...
    fake/<LANGUAGE>/<MODEL>/*.wav
    <LOCALE>/by_book/{female,male}/<SPEAKER>/<BOOK>/wavs/*.wav          (M-AILABS, such as en_US)
    <LOCALE>/by_book/mix/<BOOK>/wavs/*.wav

M-AILABS may also be in a folder of its own below the root. MLAAD does not name the speakers of
synthetic speech: the column `reference_speaker` or, without it, the model is used as speaker; in
mixed books, the book.
"""

import re
from collections.abc import Iterator, Mapping

from bonafide.audio import endings
from bonafide.corpora import bad_rows, base, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.text import shown
from bonafide.trials import ids, keys, tables

_META = re.compile(r"[^/]+/[^/]+/meta\.csv")
_REAL = re.compile(
    r"(?:.*/)?(?P<locale>[a-z]{2}_[A-Z]{2})/by_book/"
    r"(?:(?P<gender>female|male)/(?P<speaker>[^/]+)|(?P<mix>mix))/(?P<book>[^/]+)/wavs/[^/]+"
)
_REAL_ROOTS = ("real", "M-AILABS", "m-ailabs", "mailabs", "")


def find(files: CorpusFiles) -> str:
    """Returns the folder of the synthetic speech, `fake`.

    Raises:
        NotThisLayoutError: There is no `fake/<LANGUAGE>/<MODEL>/meta.csv`.
    """
    if any(_META.fullmatch(path) for path in files.walk("fake")):
        return "fake"
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no MLAAD, which has fake/LANGUAGE/MODEL/meta.csv"
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads each model's `meta.csv`, lists M-AILABS and makes splits by speaker.

    Options: those of `splits`.

    Raises:
        CorpusError: Too many malformed rows in a file, no M-AILABS, or too few speakers for
            splits.
    """
    find(files)
    fake = {f"fake/{path}": info for path, info in files.walk("fake").items()}
    protocols = sorted(path for path in fake if _META.fullmatch(path.removeprefix("fake/")))
    bad: list[base.BadRow] = []
    rows = [
        row for path in protocols for row in _fake(files.read_text(path), path, corpus_name, bad)
    ]
    real = _find_real(files)
    rows += _real(real, corpus_name)
    base.refuse_duplicates(rows)
    utterances, notes = splits.with_splits(rows, options, where=f"corpus root {files.root}")
    audio = {path: info for path, info in {**fake, **real}.items() if endings.is_audio(path)}
    return base.Corpus(
        utterances,
        tuple(protocols),
        audio,
        notes,
        bad_rows=tuple(bad),
        left_out=splits.left_out(rows, utterances),
    )


def _fake(
    text: str, where: str, corpus_name: str, bad: list[base.BadRow]
) -> Iterator[base.Utterance]:
    """Yields the rows of a model; its files are beside `meta.csv`, whatever the path's folder."""
    folder = where.rpartition("/")[0]
    _, language, model = folder.split("/")
    table = tables.read_table(text, where, delimiter="|")
    columns = [table.find([name]) for name in ("path", "original_file", "reference_speaker")]
    if columns[0] is None:
        raise base.CorpusError(
            f"{where}:{table.line}: expected a column 'path', got {', '.join(table.names)}"
        )

    def make(row: tables.Row) -> base.Utterance:
        path, original, speaker = map(row.cell, columns)
        name = path.replace("\\", "/").rpartition("/")[2]
        if not endings.is_audio(name):
            raise row.error(f"expected the path of an audio file, got {shown(path)}")
        if problem := ids.file_name_problem(name):
            raise row.error(problem)
        sentence = endings.stem(original.rpartition("/")[2]) or endings.stem(name)
        return base.Utterance(
            utterance_id=ids.as_id(f"{language}/{model}/{endings.stem(name)}"),
            speaker_id=ids.as_id(speaker.strip("-") or model),
            system_id=ids.as_id(model),
            key=keys.SPOOF,
            split="",
            path=f"{folder}/{name}",
            corpus=corpus_name,
            source=row.source,
            extra=base.extra({"language": language, "text": sentence}),
        )

    yield from bad_rows.good_rows(table, make, bad)


def _find_real(files: CorpusFiles) -> dict[str, FileInfo]:
    """Returns the files of M-AILABS, from the first folder that has some."""
    for place in _REAL_ROOTS:
        below = {
            f"{place}/{path}".lstrip("/"): info
            for path, info in files.walk(place).items()
            if endings.is_audio(path) and _REAL.fullmatch(path)
        }
        if below:
            return below
    raise base.CorpusError(
        f"corpus root {files.root}: MLAAD has no real speech of its own. Unpack M-AILABS there, so "
        "that there are folders such as en_US/by_book/female/SPEAKER/BOOK/wavs"
    )


def _real(found: Mapping[str, FileInfo], corpus_name: str) -> Iterator[base.Utterance]:
    for path in sorted(found):
        match = _REAL.fullmatch(path)
        assert match is not None  # `_find_real` has checked this.
        book = match["book"]
        yield base.Utterance(
            utterance_id=ids.as_id(f"{match['locale']}/{book}/{endings.stem(path.split('/')[-1])}"),
            speaker_id=ids.as_id(match["speaker"] or f"mix/{book}"),
            system_id=keys.NO_ATTACK,
            key=keys.BONAFIDE,
            split="",
            path=path,
            corpus=corpus_name,
            source=path,
            extra=base.extra(
                {
                    "gender": {"female": "F", "male": "M"}.get(match["gender"] or ""),
                    "language": match["locale"][:2],
                    "text": endings.stem(path.split("/")[-1]),
                }
            ),
        )
