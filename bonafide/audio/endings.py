"""Endings of audio files: the one list of them, for corpora, score files and folders to score.

The standard library alone, so that readers of protocols may import it.
"""

from collections.abc import Iterable

# Best first, where an utterance has several files: lossless, then lossy, then containers of video.
AUDIO_SUFFIXES = (
    *(".flac", ".wav", ".wave", ".rf64", ".w64", ".aiff", ".aif", ".aifc", ".caf"),
    *(".au", ".snd", ".sph", ".nist"),
    *(".ogg", ".oga", ".opus", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wma", ".mka"),
    *(".spx", ".amr", ".awb", ".3ga", ".gsm", ".g729"),
    *(".mp4", ".mov", ".webm", ".mkv", ".3gp", ".3g2", ".asf", ".wmv"),
)
_RANKS = {suffix: rank for rank, suffix in enumerate(AUDIO_SUFFIXES)}


_MAC_PREFIX = "._"  # Of what macOS puts beside each file in an archive: attributes, no sound.


def is_audio(path: str) -> bool:
    """Returns whether a path has the ending of an audio file, in small letters or capitals.

    Files such as `._a.wav`, which macOS writes into archives, hold no audio.
    """
    return _suffix(path).lower() in _RANKS and not is_mac_metadata(path)


def is_mac_metadata(path: str) -> bool:
    """Returns whether a file is one of those that macOS adds to archives: `._a.wav`."""
    return path.rpartition("/")[2].startswith(_MAC_PREFIX)


def stem(path: str) -> str:
    """Returns a path without the ending of its file: `a.b/c` of `a.b/c.txt`."""
    return path.removesuffix(_suffix(path))


def audio_by_stem(names: Iterable[str]) -> dict[str, str]:
    """Returns stem -> audio file name; where a stem has several files, the best ending wins.

    Args:
        names: File names; those of other files are left out.
    """
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        suffix = _suffix(name)
        rank = _RANKS.get(suffix.lower())
        if rank is not None and not is_mac_metadata(name):
            own = name.removesuffix(suffix)
            found[own] = min(found.get(own, (rank, name)), (rank, name))
    return {own: name for own, (_, name) in found.items()}


def _suffix(path: str) -> str:
    """Returns `.wav` of `a/b.wav`, nothing of `a.b/c` and of `.wav`.

    Not `PurePath.suffix`, which takes several seconds for a million names.
    """
    head, _, tail = path.rpartition(".")
    return f".{tail}" if head and head[-1] != "/" and "/" not in tail else ""
