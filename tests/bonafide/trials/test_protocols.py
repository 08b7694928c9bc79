import pytest

from bonafide.storage.text_files import FileError
from bonafide.trials.layouts import LAYOUTS
from bonafide.trials.protocols import parse_protocol, read_protocol, refuse_duplicates

# Layout: lines, then utterance, bona fide?, attack and speaker of each trial.
EXAMPLES = {
    "ASVspoof 2019 LA": (
        "LA_0079 LA_T_1138215 - - bonafide\nLA_0080 LA_T_1004644 - A01 spoof\n",
        [("LA_T_1138215", True, "-", "LA_0079"), ("LA_T_1004644", False, "A01", "LA_0080")],
    ),
    "ASVspoof 2019 PA": (
        "PA_0079 PA_T_0000001 aaa - bonafide\nPA_0079 PA_T_0005401 aaa AA spoof\n",
        [("PA_T_0000001", True, "-", "PA_0079"), ("PA_T_0005401", False, "AA", "PA_0079")],
    ),
    "ASVspoof 2021 LA": (
        "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval\n"
        "LA_0020 LA_E_6866159 none none bonafide bonafide trim eval\n",
        [("LA_E_9332881", False, "A07", "LA_0009"), ("LA_E_6866159", True, "-", "LA_0020")],
    ),
    "ASVspoof 2021 PA": (
        "PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval\n"
        "PA_0011 PA_E_1000002 R1 M1 d1 - - - - bonafide notrim eval\n",
        [("PA_E_1000001", False, "spoof", "PA_0010"), ("PA_E_1000002", True, "-", "PA_0011")],
    ),
    "ASVspoof 2021 DF": (
        "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim eval traditional_vocoder - - - -\n"
        "TEF2 DF_E_2000013 low_m4a vcc2020 - bonafide notrim eval bonafide Task1 team01 FF E\n",
        [("DF_E_2000011", False, "A14", "LA_0023"), ("DF_E_2000013", True, "-", "TEF2")],
    ),
    "ASVspoof 5": (
        "D_4461 D_0000000169 F - - - AC1 A14 spoof -\n"
        "D_4462 D_0000000001 M C01 3 s17 - bonafide bonafide -\n",
        [("D_0000000169", False, "A14", "D_4461"), ("D_0000000001", True, "-", "D_4462")],
    ),
    "ASVspoof 5, older form": (
        "T_4850 T_0000000000 F - A05 spoof\nT_4850 T_0000000001 F - bonafide bonafide\n"
        "T_4851 T_0000000002 M - - spoof\n",
        [
            ("T_0000000000", False, "A05", "T_4850"),
            ("T_0000000001", True, "-", "T_4850"),
            ("T_0000000002", False, "spoof", "T_4851"),
        ],
    ),
    "In-the-Wild": (
        "file,speaker,label\n0.wav,Alec Guinness,spoof\n1.wav,Ayn Rand,bona-fide\n",
        [("0.wav", False, "spoof", "Alec Guinness"), ("1.wav", True, "-", "Ayn Rand")],
    ),
    "manifest with everything": (
        "Key,note,ATTACK_ID,Utt,Speaker_ID\nfake,,TTS 1,U1,S1\nreal,x,,U2,S2\n"
        "Genuine,x,bonafide,U3,S1\nspoofed,x,-,U4,S1\n",
        [
            ("U1", False, "TTS 1", "S1"),
            ("U2", True, "-", "S2"),
            ("U3", True, "-", "S1"),
            ("U4", False, "spoof", "S1"),
        ],
    ),
    "manifest with tabs": (
        "utterance\tsystem\tkey\tspeaker\nU1\tA07\tspoof\tS1\nU2\t\tbona fide\tS2\n",
        [("U1", False, "A07", "S1"), ("U2", True, "-", "S2")],
    ),
    "manifest with semicolons and quotes": (
        'path;label;speaker\n"a;b.wav";"spoof";S1\nc.wav; bonafide ; S2\n',
        [("a;b.wav", False, "spoof", "S1"), ("c.wav", True, "-", "S2")],
    ),
    "manifest in JSON Lines": (
        '{"utterance": "U1", "key": "spoof", "attack": "A07", "speaker": "S1"}\n'
        '{"speaker": "S2", "utterance": "U2", "key": "genuine", "seconds": 1.5}\n',
        [("U1", False, "A07", "S1"), ("U2", True, "-", "S2")],
    ),
    "manifest between blanks": (
        "utterance speaker key\nU1 S1 deepfake\nU2 S2 bona_fide\n",
        [("U1", False, "spoof", "S1"), ("U2", True, "-", "S2")],
    ),
}


def parse(text, **kwargs):
    return parse_protocol(text, where="trials.txt", **kwargs)


def rows_of(protocol):
    return list(
        zip(
            protocol.utterances,
            protocol.is_bonafide,
            protocol.attacks,
            protocol.speakers,
            strict=True,
        )
    )


def refusal(text, **kwargs):
    with pytest.raises(FileError) as caught:
        parse(text, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_layout_is_recognised_from_its_content(name):
    text, expected = EXAMPLES[name]
    protocol = parse(text)
    assert rows_of(protocol) == expected
    assert protocol.where == "trials.txt"
    assert protocol.left_out == frozenset()
    if "manifest" in name or name == "In-the-Wild":
        assert protocol.layout == "manifest"
    else:
        # LA and PA of 2019 have one layout.
        assert protocol.layout == (name[:13] if "2019" in name else name)


def test_every_layout_without_a_header_has_an_example_here():
    widths = {len(text.splitlines()[0].split()) for text, _ in EXAMPLES.values()}
    assert set(LAYOUTS) <= widths


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\ufeff\r\n" + text.replace("\n", "\r\n\r\n"),
        lambda text: text + "\n \n\t\n",
        lambda text: text.removesuffix("\n"),
    ],
    ids=["CRLF", "BOM", "BOM, CRLF and blank lines", "blank at the end", "no last line end"],
)
def test_line_ends_byte_order_marks_and_blank_lines_do_not_matter(name, changed):
    text, expected = EXAMPLES[name]
    protocol = parse(changed(text))
    assert rows_of(protocol) == expected
    assert protocol.layout == parse(text).layout


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith("ASVspoof")])
def test_columns_may_be_separated_by_tabs_and_lines_may_be_indented(name):
    text, expected = EXAMPLES[name]
    assert rows_of(parse("  " + text.replace(" ", "\t").replace("\n", " \n  "))) == expected


def test_a_protocol_is_read_from_disk(tmp_path):
    text, expected = EXAMPLES["ASVspoof 2019 LA"]
    path = tmp_path / "eval.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    protocol = read_protocol(path)
    assert rows_of(protocol) == expected
    assert protocol.where == str(path)
    text = EXAMPLES["ASVspoof 2021 LA"][0].replace("eval", "hidden")
    path.write_text(text)
    assert len(read_protocol(path, subset="hidden").utterances) == 2
    with pytest.raises(FileError, match="expected trials in the subset 'eval', got hidden 2"):
        read_protocol(path)


# Subsets of ASVspoof 2021.

SUBSETS = {
    "LA": "S{0} {1} none none {2} {3} notrim {4}\n",
    "PA": "S{0} {1} R1 M1 d1 r1 m1 s1 c1 {3} notrim {4}\n",
    "DF": "S{0} {1} nocodec asvspoof {2} {3} notrim {4} {4} - - - -\n",
}
ROWS = [
    (1, "U1", "-", "bonafide", "eval"),
    (2, "U2", "A07", "spoof", "progress"),
    (3, "U3", "A08", "spoof", "eval"),
    (4, "U4", "-", "bonafide", "hidden"),
    (5, "U5", "A07", "spoof", "hidden"),
    (6, "U6", "-", "bonafide", "hidden"),
]


@pytest.mark.parametrize("layout", SUBSETS)
@pytest.mark.parametrize(
    ("subset", "kept"),
    [
        ("eval", ["U1", "U3"]),
        ("progress", ["U2"]),
        ("hidden", ["U4", "U5", "U6"]),
        ("all", ["U1", "U2", "U3", "U4", "U5", "U6"]),
    ],
)
def test_a_subset_is_kept_and_the_rest_is_remembered(layout, subset, kept):
    protocol = parse("".join(SUBSETS[layout].format(*row) for row in ROWS), subset=subset)
    assert protocol.utterances == kept
    assert protocol.speakers == [f"S{name[1]}" for name in kept]
    assert protocol.is_bonafide == [name in {"U1", "U4", "U6"} for name in kept]
    assert protocol.left_out == {"U1", "U2", "U3", "U4", "U5", "U6"} - set(kept)


def test_eval_is_the_usual_subset():
    assert parse("".join(SUBSETS["LA"].format(*row) for row in ROWS)).utterances == ["U1", "U3"]


def test_layouts_without_subsets_do_not_look_at_the_subset():
    text, expected = EXAMPLES["ASVspoof 2019 LA"]
    assert rows_of(parse(text, subset="hidden")) == expected


def test_an_empty_subset_is_refused_with_what_there_is():
    text = "".join(SUBSETS["DF"].format(*row) for row in ROWS if row[4] != "eval")
    assert refusal(text) == (
        "trials.txt: expected trials in the subset 'eval', got hidden 3, progress 1"
    )


def test_an_utterance_in_two_subsets_is_refused():
    text = "".join(SUBSETS["LA"].format(*row) for row in [*ROWS, (1, "U2", "A07", "spoof", "eval")])
    assert "expected each utterance once, got 1 duplicate: U2 (lines " in refusal(text)
    # Also where both lines lie outside of the subset.
    text = "".join(SUBSETS["LA"].format(*row) for row in [*ROWS, ROWS[3]])
    assert "once, got 1 duplicate: U4 (lines 4 and 7). " in refusal(text)


# Refusals.

KEY = "expected 'bonafide' or 'spoof' as the key in column"
BONAFIDE_ATTACK = "expected '-' as the attack of a bona fide trial, got"
SPOOF_ATTACK = "expected the name of an attack for a spoof, got"
SUBSET = "expected eval, progress, hidden as the subset, got"
WIDTH = "expected 2 or 4 or 5 or 6 or 8 or 10 or 12 or 13 columns separated by spaces, got"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S U1 - - bonafide\n\nS U2 - A07\n", "trials.txt:3: expected 5 columns, got 4"),
        ("S U1 - - bonafide\r\nS U2 - A07 spoof x\r\n", "trials.txt:2: expected 5 columns, got 6"),
        ("S U1 - - bona-fide\n", f"trials.txt:1: {KEY} 5, got 'bona-fide'"),
        ("S U1 F - A05 fake\n", f"trials.txt:1: {KEY} 6, got 'fake'"),
        ("S U1 - - Bonafide\n", f"trials.txt:1: {KEY} 5, got 'Bonafide'"),
        ("S U1 - A07 bonafide\n", f"trials.txt:1: {BONAFIDE_ATTACK} 'A07'"),
        ("S U1 F - A07 bonafide\n", f"trials.txt:1: {BONAFIDE_ATTACK} 'A07'"),
        ("S U1 - - spoof\n", f"trials.txt:1: {SPOOF_ATTACK} '-'"),
        ("S U1 - bonafide spoof\n", f"trials.txt:1: {SPOOF_ATTACK} 'bonafide'"),
        ("S U1 F - bonafide spoof\n", f"trials.txt:1: {SPOOF_ATTACK} 'bonafide'"),
        ("S U1 a b A07 spoof notrim test\n", f"trials.txt:1: {SUBSET} 'test'"),
        ("S U1 R M d r m s c spoof notrim dev\n", f"trials.txt:1: {SUBSET} 'dev'"),
        ("S U\x011 - - bonafide\n", r"trials.txt:1: 'U\x011' contains control characters"),
        ("S\x1b U1 - - bonafide\n", r"trials.txt:1: 'S\x1b' contains control characters"),
        ("S U1 - A\u202e7 spoof\n", r"trials.txt:1: 'A\u202e7' contains control characters"),
        (f"S {'U' * 256} - - bonafide\n", "trials.txt:1: 'UUU"),
        # No layout at all.
        ("\nU1 S1 bonafide\n", f"trials.txt:2: {WIDTH} 3"),
        ("U1,S1,bonafide\n", f"trials.txt:1: {WIDTH} 1"),
        ("utterance,score\nU1,1\n", f"trials.txt:1: {WIDTH} 1"),
        # Manifests.
        ("file,label\nU1,spoof\n\nU2\n", "trials.txt:4: expected 2 columns, got 1"),
        ("file,label\nU1,spoof,x\n", "trials.txt:2: expected 2 columns, got 3"),
        ("file,label\nU1,1\n", "trials.txt:2: unknown key '1': expected bona fide, bona-fide, "),
        ("file,label\nU1,\n", "trials.txt:2: unknown key '': expected bona fide, bona-fide, "),
        ("file,label\n,spoof\n", "trials.txt:2: the utterance is empty"),
        ("file,label\n-,spoof\n", "trials.txt:2: the utterance is empty"),
        ("file,label,attack\nU1,real,A07\n", f"trials.txt:2: {BONAFIDE_ATTACK} 'A07'"),
        ("file,label,attack\nU1,fake,real\n", f"trials.txt:2: {SPOOF_ATTACK} 'real'"),
        ("file,label\nU\x071,spoof\n", r"trials.txt:2: 'U\x071' contains control characters"),
        (f"file,label,speaker\nU1,spoof,{'S' * 256}\n", "is longer than 255 characters"),
    ],
)
def test_a_malformed_line_is_named_with_what_was_expected(text, message):
    found = refusal(text).splitlines()
    assert message in found[0]
    assert found[1].startswith("  line: '")
    assert found[2].startswith("  expected: ")


def test_a_malformed_line_is_shown_with_its_layout():
    assert refusal("S U1 - - bonafide\nS  U2 -\tA07 Spoof\n") == (
        f"trials.txt:2: {KEY} 5, got 'Spoof'\n"
        "  line: 'S U2 - A07 Spoof'\n"
        f"  expected: {LAYOUTS[5].expected}"
    )
    found = refusal("U1 S1 bonafide\n")
    for width, layout in LAYOUTS.items():
        assert f"{width} columns: {layout.expected}\n    or " in found
    assert "\n    or a header naming an utterance column (utterance, " in found


def test_numbers_are_no_keys_and_the_reason_is_given():
    assert "their meaning differs between corpora" in refusal("file,key\nU1,0\n")


def test_broken_quoting_is_named_with_its_line():
    assert "trials.txt:3: broken quoting" in refusal('file,label\nU1,spoof\n"U2"x,spoof\nU3,real\n')
    # The line on which the quote was opened, not the end of the file.
    assert "trials.txt:2: broken quoting" in refusal('file,label\n"U1,spoof\nU2,real\nU3,real\n')


@pytest.mark.parametrize("text", ["", "\ufeff", "\r\n\n  \n"])
def test_an_empty_protocol_is_refused(text):
    found = refusal(text)
    assert found.startswith("trials.txt: the file is empty; expected 5 columns: SPEAKER UTTERANCE ")
    assert "\n    or a header naming an utterance column (utterance, " in found


def test_a_header_alone_is_refused():
    assert refusal("file,label\r\n\r\n") == "trials.txt: expected rows below the header, got none"


@pytest.mark.parametrize("header", ["", "utterance speaker key\n"])
def test_an_utterance_twice_is_refused(header):
    line = "{0} S spoof\n" if header else "S {0} - A07 spoof\n"
    found = refusal(header + "".join(line.format(f"U{number % 3}") for number in range(9)))
    first = 2 if header else 1
    named = ", ".join(
        f"U{number % 3} (lines {first + number % 3} and {first + number})" for number in range(3, 8)
    )
    assert found == (
        f"trials.txt: expected each utterance once, got 6 duplicates: {named} and 1 more. "
        "Remove the duplicates"
    )


def test_speakers_are_unknown_where_no_line_names_one():
    assert parse("- U1 - - bonafide\n- U2 - A07 spoof\n").speakers is None
    assert parse("file,label\nU1,real\nU2,fake\n").speakers is None
    assert parse("file,label,speaker\nU1,real,\nU2,fake,-\n").speakers is None


def test_speakers_of_some_trials_only_are_refused():
    assert refusal("S1 U1 - - bonafide\n\n- U2 - A07 spoof\n- U3 - A07 spoof\n").startswith(
        "trials.txt:3: expected a speaker in all trials or in none, got none in 2 of 3. "
    )
    assert refusal("file,label,speaker\nU1,real,\nU2,fake,S1\n").startswith(
        "trials.txt:2: expected a speaker in all trials or in none, got none in 1 of 2. "
    )


def test_a_speaker_may_be_missing_outside_of_the_subset():
    text = "S1 U1 a b - bonafide c eval\n- U2 a b A07 spoof c hidden\n"
    assert parse(text).speakers == ["S1"]


def test_duplicates_are_found_in_the_order_of_lines():
    refuse_duplicates("w", ["a", "b", "A"], [1, 2, 3])
    with pytest.raises(
        FileError, match=r"^w: .* 3 duplicates: b \(lines 2 and 3\), a \(lines 1 and 5\)"
    ):
        refuse_duplicates("w", ["a", "b", "b", "c", "a", "b"], [1, 2, 3, 4, 5, 6])


def test_metadata_of_trials_is_kept():
    text = (
        "LA_0009 U1 alaw ita_tx A07 spoof notrim eval\nLA_0020 U2 none none bonafide bonafide trim "
        "progress\nLA_0020 U3 none loc_tx bonafide bonafide trim eval\n"
    )
    protocol = parse_protocol(text, where="keys")
    assert protocol.groups == {"codec": ["alaw", "none"], "transmission": ["ita_tx", "loc_tx"]}
    of_some = protocol.groups_of(["U3"])
    assert {name: values.tolist() for name, values in of_some.items()} == {
        "codec": ["none"], "transmission": ["loc_tx"],
    }  # fmt: skip
    # Columns with one name are one value.
    text = "PA_0010 U1 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval\n"
    assert parse_protocol(text, where="keys").groups == {
        "environment": ["R3-M3-d4"],
        "device": ["s4"],
    }


def test_metadata_of_a_manifest_is_found_by_its_name():
    text = "utterance,key,Language,device,text\nU1,spoof,de,phone,a\nU2,bonafide,fr,,b\n"
    protocol = parse_protocol(text, where="m.csv")
    assert protocol.groups == {"device": ["phone", ""], "language": ["de", "fr"]}
    assert parse_protocol("utterance,key,codec\nU1,spoof,\n", where="m.csv").groups == {}
    assert parse_protocol("utterance,key\nU1,spoof\n", where="m.csv").groups_of(["U1"]) == {}
