"""Extensions of audio files, for corpora, score files and folders to score.

Standard library only, so that readers of protocols can import it.
"""

from collections.abc import Iterable

# Best first, if an utterance has several files: lossless, then lossy, then video containers.
AUDIO_SUFFIXES = (
    *(".flac", ".wav", ".wave", ".rf64", ".w64", ".aiff", ".aif", ".aifc", ".caf"),
    *(".au", ".snd", ".sph", ".nist"),
    *(".ogg", ".oga", ".opus", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wma", ".mka"),
    *(".spx", ".amr", ".awb", ".3ga", ".gsm", ".g729"),
    *(".mp4", ".mov", ".webm", ".mkv", ".3gp", ".3g2", ".asf", ".wmv"),
)
_RANKS = {suffix: rank for rank, suffix in enumerate(AUDIO_SUFFIXES)}
_MAC_PREFIX = "._"  # macOS adds such a file with attributes for each file of an archive.


def is_audio(path: str) -> bool:
    """Returns whether a path has the extension of an audio file, case-insensitively.

    Files such as `._a.wav`, which macOS writes into archives, hold no audio.
    """
    return suffix(path).lower() in _RANKS and not is_mac_metadata(path)


def is_mac_metadata(path: str) -> bool:
    """Returns whether a file is one of those that macOS adds to archives: `._a.wav`."""
    return path.rpartition("/")[2].startswith(_MAC_PREFIX)


def stem(path: str) -> str:
    """Returns a path without its extension: `a.b/c` for `a.b/c.txt`."""
    return path.removesuffix(suffix(path))


def audio_by_stem(names: Iterable[str]) -> dict[str, str]:
    """Returns stem -> audio file name; of several files, that with the best extension.

    Args:
        names: File names; other files are ignored.
    """
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        extension = suffix(name)
        rank = _RANKS.get(extension.lower())
        if rank is not None and not is_mac_metadata(name):
            own = name.removesuffix(extension)
            found[own] = min(found.get(own, (rank, name)), (rank, name))
    return {own: name for own, (_, name) in found.items()}


def suffix(path: str) -> str:
    """Returns `.wav` for `a/b.wav`, and an empty text for `a.b/c` and `.wav`.

    Not `PurePath.suffix`, which takes several seconds for a million names.
    """
    head, _, tail = path.rpartition(".")
    return f".{tail}" if head and head[-1] != "/" and "/" not in tail else ""
