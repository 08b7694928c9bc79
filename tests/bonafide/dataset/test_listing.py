import pytest

from bonafide.corpora import Utterance
from bonafide.dataset import listing
from bonafide.metrics.gate import Overlap


def utterance(name, *, speaker="S1", system="-", split="eval", path="a.flac", extra=()):
    key = "bonafide" if system == "-" else "spoof"
    return Utterance(name, speaker, system, key, split, path, "test", "protocol:1", extra)


def write(folder, rows, rejected=()):
    (folder / listing.LISTING_FILE).write_text(listing.listing_tsv(rows, rejected))
    return str(folder)


def test_what_was_written_is_read_without_the_rejected(tmp_path):
    rows = [
        utterance("U2", speaker="Jos\u00e9", path="with space/U2.flac"),
        utterance("U1", system="A07", split="train", path="s3://bucket/U1.flac"),
        utterance("U3"),
    ]
    uri = write(tmp_path, rows, rejected=["U3"])
    assert list(listing.read_listing(uri)) == [
        ("eval", "U2", "Jos\u00e9", "-", "with space/U2.flac", ()),
        ("train", "U1", "S1", "A07", "s3://bucket/U1.flac", ()),
    ]


def test_what_else_is_told_has_columns_of_its_own(tmp_path):
    rows = [
        utterance("U1", extra=(("gender", "F"), ("codec", "opus"))),
        utterance("U2"),
        utterance("U3", extra=(("gender", "M"),)),
        utterance("U4", extra=(("language", "en"),)),
    ]
    uri = write(tmp_path, rows, rejected=["U4"])
    header = (tmp_path / listing.LISTING_FILE).read_text().splitlines()[0]
    assert header == "split\tutterance\tspeaker\tsystem\tpath\tcodec\tgender"
    assert [row.extra for row in listing.read_listing(uri)] == [
        (("codec", "opus"), ("gender", "F")),
        (),
        (("gender", "M"),),
    ]


@pytest.mark.parametrize("awkward", ["a\tb", 'say "a"', "two\nlines", "it's"])
def test_awkward_names_come_back_as_they_were(tmp_path, awkward):
    uri = write(tmp_path, [utterance("U1", speaker=awkward, path=awkward)])
    [row] = listing.read_listing(uri)
    assert (row.speaker, row.path) == (awkward, awkward)


def test_examples_of_another_producer_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="are not from UtteranceGen"):
        list(listing.read_listing(str(tmp_path)))


def test_overlap_names_what_two_splits_share(tmp_path):
    rows = [
        utterance("U1", speaker="S1", system="A01", split="train"),
        utterance("U2", speaker="S3", system="A16", split="train"),
        utterance("U3", speaker="S2", split="train"),
        utterance("U4", speaker="S9", system="A07", split="dev"),
        utterance("U5", speaker="S3", system="A16"),
        utterance("U6", speaker="S2"),
        utterance("U7", speaker="S9", system="A07"),
    ]
    uri = write(tmp_path, rows)
    # Bona fide speech is in every split, and is no attack.
    assert listing.overlap(uri, "eval", "train") == Overlap(("S2", "S3"), ("A16",))
    assert listing.overlap(uri, "dev", "train") == Overlap()
