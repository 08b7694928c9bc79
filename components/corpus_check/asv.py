"""Error rates of the speaker verifier for the t-DCF, read once per run."""

from __future__ import annotations

from apache_beam.io.filesystems import FileSystems

from bonafide.corpora import DEFAULTS, CorpusError, Options, asvspoof2019, layout_of
from bonafide.metrics.asv_scores import parse_asv_scores
from bonafide.metrics.costs import AsvErrorRates
from bonafide.storage.beam_files import BeamFiles, read_bytes
from bonafide.storage.text_files import decode_text

_AUTO = "auto"
_LAYOUTS = {"asvspoof2019-la": asvspoof2019.asv_scores}


def asv_error_rates(
    corpus_root: str,
    layout: str,
    *,
    options: Options = DEFAULTS,
    scores_dev: str = _AUTO,
    scores_eval: str = _AUTO,
) -> dict[str, AsvErrorRates]:
    """Returns split -> error rates; a split without ASV scores is omitted.

    The graph contains them as numbers, so that another score file changes the cache key.

    Args:
        corpus_root: Folder of the corpus, a path or a URI of a Beam filesystem.
        layout: Its layout, or `auto`.
        options: Options of the layout.
        scores_dev: As the setting `evaluation.asv_scores_dev`: `auto`, a file, or empty.
        scores_eval: The same on eval.

    Raises:
        CorpusError: A file that the settings name does not exist or is malformed.
    """
    files = BeamFiles(corpus_root)
    if _AUTO in (scores_dev, scores_eval):
        layout = layout_of(files, layout, options)
    found = {}
    for split, place in (("dev", scores_dev), ("eval", scores_eval)):
        path: str | None = place
        if place == _AUTO:
            path = _LAYOUTS[layout](files, split) if layout in _LAYOUTS else None
        elif place and not FileSystems.exists(place):
            raise CorpusError(f"evaluation.asv_scores_{split} is {place!r}, which does not exist")
        if path:
            data = files.read_bytes(path) if place == _AUTO else read_bytes(path)
            try:
                found[split] = parse_asv_scores(decode_text(data, path), where=path)
            except ValueError as error:
                raise CorpusError(str(error)) from error
    return found
