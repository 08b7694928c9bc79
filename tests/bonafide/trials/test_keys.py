import pytest

from bonafide.trials.keys import (
    BONAFIDE,
    BONAFIDE_KEYS,
    SPOOF,
    SPOOF_KEYS,
    attack_of,
    attack_problem,
    key_of,
    unknown_key,
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        *(
            (key, BONAFIDE)
            for key in ("bonafide", "bona-fide", "Bona_Fide", "bona fide", "GENUINE")
        ),
        *((key, SPOOF) for key in ("spoof", "Spoofed", "fake", "DEEPFAKE")),
        ("real", BONAFIDE),
        *((key, None) for key in ("", "-", "0", "1", "true", "human", "spoof ")),
    ],
)
def test_keys_of_files_with_a_header(key, expected):
    assert key_of(key) == expected


def test_other_ways_to_write_a_key():
    assert key_of("0", bonafide="0", spoof="1") == BONAFIDE
    assert key_of("1", bonafide="0", spoof="1") == SPOOF
    assert key_of("real", bonafide="0", spoof="1") == BONAFIDE
    assert key_of("REAL", spoof="REAL") == SPOOF
    assert key_of("", bonafide="", spoof="") is None


def test_an_unknown_key_is_shown_with_the_known_ones():
    found = unknown_key("1\n")
    assert found.startswith(r"unknown key '1\n': expected bona fide, bona-fide,")
    assert all(key in found for key in BONAFIDE_KEYS | SPOOF_KEYS)


@pytest.mark.parametrize(
    ("key", "attack", "expected"),
    [
        *((BONAFIDE, attack, "-") for attack in ("", "-", "bonafide")),
        *((SPOOF, attack, "spoof") for attack in ("", "-", "spoof", "Fake")),
        (SPOOF, "A07", "A07"),
    ],
)
def test_an_attack_without_a_name_is_spoof(key, attack, expected):
    assert attack_problem(key, attack) is None
    assert attack_of(key, attack) == expected


def test_attacks_that_contradict_the_key():
    assert (
        attack_problem(BONAFIDE, "A07")
        == "expected '-' as the attack of a bona fide trial, got 'A07'"
    )
    assert attack_problem(BONAFIDE, "spoof").endswith("got 'spoof'")
    assert attack_problem(SPOOF, "Genuine").endswith("for a spoof, got 'Genuine'")
