"""Keys and attack ids, and their spellings in tables."""

from __future__ import annotations

import dataclasses
import functools

from bonafide.text import shown

BONAFIDE = "bonafide"
SPOOF = "spoof"  # also the attack id of spoofs of unnamed attacks
NO_ATTACK = "-"  # the attack id of a bona fide trial

# Other spellings of the keys, in lower case.
BONAFIDE_KEYS = frozenset({BONAFIDE, "bona-fide", "bona_fide", "bona fide", "genuine", "real"})
SPOOF_KEYS = frozenset({SPOOF, "spoofed", "fake", "deepfake"})


@functools.lru_cache
def key_of(text: str, *, bonafide: str = "", spoof: str = "") -> str | None:
    """Returns `bonafide` or `spoof` for a spelling in a table; None for other text.

    Args:
        text: Text in the table; case-insensitive.
        bonafide: Additional spelling of bona fide, such as `0`; case-sensitive.
        spoof: Additional spelling of spoof.
    """
    if text and text in (bonafide, spoof):
        return BONAFIDE if text == bonafide else SPOOF
    text = text.lower()
    if text in BONAFIDE_KEYS:
        return BONAFIDE
    return SPOOF if text in SPOOF_KEYS else None


def unknown_key(text: str) -> str:
    """Returns the message for a key that `key_of` does not accept."""
    return (
        f"unknown key {shown(text)}: expected {', '.join(sorted(BONAFIDE_KEYS))} for bona fide or "
        f"{', '.join(sorted(SPOOF_KEYS))} for spoof. Numbers are refused, because their meaning "
        "differs between corpora"
    )


@dataclasses.dataclass(frozen=True)
class KeyWords:
    """One more way to write the keys, such as `1` and `0`; empty for none."""

    bonafide: str = ""
    spoof: str = ""

    def key_of(self, text: str) -> str | None:
        """Returns `bonafide` or `spoof`; None if it is neither."""
        return key_of(text, bonafide=self.bonafide, spoof=self.spoof)


NO_WORDS = KeyWords()
# Of `bonafide evaluate`, which can be told what numbers mean.
KEYS_OPTION = "Say which is which with --keys, such as --keys 1,0 where 1 is bona fide"


def attack_of(key: str, attack: str) -> str:
    """Returns the attack id of a trial: `-` if bona fide, `spoof` if the attack is unnamed."""
    if key == BONAFIDE:
        return NO_ATTACK
    return SPOOF if attack in ("", NO_ATTACK) or key_of(attack) else attack


def attack_problem(key: str, attack: str) -> str | None:
    """Returns the contradiction between an attack and its key; None without one."""
    if attack in ("", NO_ATTACK):
        return None
    bonafide = key_of(attack) == BONAFIDE  # as ASVspoof 2021 and 5 write it
    if key == BONAFIDE and not bonafide:
        return f"expected '-' as the attack of a bona fide trial, got {shown(attack)}"
    if key == SPOOF and bonafide:
        return f"expected the name of an attack for a spoof, got {shown(attack)}"
    return None
