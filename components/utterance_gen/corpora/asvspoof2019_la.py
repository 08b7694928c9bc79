"""ASVspoof 2019 LA, as distributed, and any corpus in its layout.

    LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{train.trn,dev.trl,eval.trl}.txt
    LA/ASVspoof2019_LA_{train,dev,eval}/flac/<UTTERANCE_ID>.flac

A protocol line has five columns, `SPEAKER_ID UTTERANCE_ID - SYSTEM_ID KEY`:

    LA_0079 LA_T_1138215 - - bonafide
    LA_0079 LA_T_1004644 - A01 spoof

(The official README swaps columns 3 and 4; the files are as above.) The corpus root may be the
folder above LA, LA itself, or a copy that nests a second LA, as the one on Kaggle does.
"""

from components.utterance_gen.corpora import base

_PROTOCOLS = {
    "train": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt",
    "dev": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt",
    "eval": "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt",
}
_ASV_SCORES = "ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{split}.gi.trl.scores.txt"
_AUDIO = "ASVspoof2019_LA_{split}/flac/"
_PREFIXES = ("", "LA/", "LA/LA/")
_EXPECTED = "SPEAKER_ID UTTERANCE_ID - SYSTEM_ID KEY"


def read(files: base.CorpusFiles, *, corpus_name: str) -> base.Corpus:
    """Reads the three protocols and lists the three audio folders, once each.

    Args:
        files: The corpus.
        corpus_name: Written into every row.

    Returns:
        The corpus; utterances without a file keep the path at which a FLAC was expected.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    prefix = _find(files)
    utterances: list[base.Utterance] = []
    audio: dict[str, base.FileInfo] = {}
    for split, protocol in _PROTOCOLS.items():
        folder = prefix + _AUDIO.format(split=split)
        listing = files.list(folder.rstrip("/"))
        by_stem = base.audio_by_stem(listing)
        audio.update({folder + name: listing[name] for name in by_stem.values()})
        utterances += parse_protocol(
            files.read_text(prefix + protocol),
            where=prefix + protocol,
            split=split,
            folder=folder,
            by_stem=by_stem,
            corpus_name=corpus_name,
        )
    base.refuse_duplicates(utterances)
    return base.Corpus(
        utterances=tuple(utterances),
        protocols=tuple(prefix + protocol for protocol in _PROTOCOLS.values()),
        audio=audio,
    )


def asv_scores(files: base.CorpusFiles, split: str) -> str | None:
    """Returns the path of the organisers' ASV scores of a split, None where they are not there."""
    path = _find(files) + _ASV_SCORES.format(split=split)
    return path if files.exists(path) else None


def _find(files: base.CorpusFiles) -> str:
    """The first place below the root with a protocol; all three must be there."""
    for prefix in _PREFIXES:
        missing = [path for path in _PROTOCOLS.values() if not files.exists(prefix + path)]
        if not missing:
            return prefix
        if len(missing) < len(_PROTOCOLS):
            raise base.CorpusError(
                f"corpus root {files.root}: missing protocol file "
                + ", ".join(prefix + path for path in missing)
                + "; train, dev and eval each need one"
            )
    tried = "\n  ".join(prefix + path for prefix in _PREFIXES for path in _PROTOCOLS.values())
    raise base.CorpusError(
        f"corpus root {files.root}: no ASVspoof 2019 LA protocol file found. Is the root the "
        f"folder that holds LA, or LA itself? Tried, below the root:\n  {tried}"
    )


def parse_protocol(
    text: str, *, where: str, split: str, folder: str, by_stem: dict[str, str], corpus_name: str
) -> list[base.Utterance]:
    """Parses one protocol file.

    Args:
        text: Its content. CRLF, blank lines and blanks around a line are accepted.
        where: Its path, for messages.
        split: The split that it describes.
        folder: The folder of its audio, relative to the root, with a closing slash.
        by_stem: The audio file names in that folder by stem.
        corpus_name: Written into every row.

    Returns:
        The rows in order.

    Raises:
        CorpusError: A malformed line (file, line number, content, what was expected), or no line.
    """
    parsed = []
    for number, line in base.rows(text):
        fields = line.split()
        if problem := _line_problem(fields):
            raise base.CorpusError(
                f"{where}:{number}: {problem}\n  line: {base.shown(line)}\n"
                f"  expected: {_EXPECTED}, such as 'LA_0079 LA_T_1004644 - A01 spoof' "
                "or 'LA_0079 LA_T_1138215 - - bonafide'"
            )
        speaker_id, utterance_id, _, system_id, key = fields
        parsed.append(
            base.Utterance(
                utterance_id=utterance_id,
                speaker_id=speaker_id,
                system_id=system_id,
                key=key,
                split=split,
                path=folder + by_stem.get(utterance_id, f"{utterance_id}.flac"),
                corpus=corpus_name,
                source=f"{where}:{number}",
            )
        )
    if not parsed:
        raise base.CorpusError(f"{where}: the protocol is empty; expected lines {_EXPECTED}")
    return parsed


def _line_problem(fields: list[str]) -> str | None:
    if len(fields) != 5:
        return f"{len(fields)} columns in place of 5"
    speaker_id, utterance_id, unused, system_id, key = fields
    if key not in (base.BONAFIDE, base.SPOOF):
        return f"unknown key {key!r}; it must be {base.BONAFIDE!r} or {base.SPOOF!r}"
    if unused != "-":
        return f"column 3 is {unused!r} in place of '-'"
    if key == base.BONAFIDE and system_id != base.NO_ATTACK:
        return f"a bonafide line names the attack {system_id!r}; its SYSTEM_ID must be '-'"
    if key == base.SPOOF and system_id == base.NO_ATTACK:
        return "a spoof line names no attack; its SYSTEM_ID must not be '-'"
    if problem := base.id_problem(utterance_id):
        return f"utterance id {utterance_id!r} {problem}"
    if not (speaker_id + system_id).isprintable():
        return "the speaker or system id holds control characters"
    return None
