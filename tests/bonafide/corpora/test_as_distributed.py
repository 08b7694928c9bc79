"""Corpora in the layouts in which people download them, as small copies."""

import pytest
from small_corpora import LAYOUTS

from bonafide import corpora
from bonafide.corpora import base


def found(files):
    return corpora.layout_of(files, "auto")


def read(files, layout="auto", **options):
    return corpora.reader(layout)(files, corpus_name="c", options=corpora.Options(**options))


@pytest.mark.parametrize(
    "prefix",
    [
        "for-2sec/for-2seconds/",
        "for-rerec/for-rerecorded/",
        "for-original/for-original/",
        "the-fake-or-real-dataset/for-norm/for-norm/",
        "archive/",
    ],
)
def test_fake_or_real_from_kaggle(dict_files, prefix):
    files = dict_files(
        {path.replace("for-norm/", prefix): data for path, data in LAYOUTS["fake-or-real"].items()}
        | {f"__MACOSX/{prefix}training/real/._file1.wav": b"x"}
    )
    assert found(files) == "fake-or-real"
    corpus = read(files)
    assert len(corpus.utterances) == 12
    assert all(row.path.startswith(prefix) for row in corpus.utterances)
    assert corpora.find_unread(files, corpus, "fake-or-real").mac == 1


WILD = {
    f"release_in_the_wild/{'real' if number % 2 else 'fake'}/{number}.wav": b"abc"
    for number in range(60)
}


def test_in_the_wild_from_kaggle_without_its_table(dict_files):
    files = dict_files(WILD)
    assert found(files) == "in-the-wild"
    corpus = read(files)
    assert {row.speaker_id for row in corpus.utterances} == {base.UNKNOWN_SPEAKER}
    assert {row.split for row in corpus.utterances} == set(base.SPLITS)
    assert len(corpus.unsplit) == len(corpus.utterances) == 60
    assert any("names the speakers: add it" in note for note in corpus.notes)
    for row in corpus.utterances:
        assert row.key == ("bonafide" if "/real/" in row.path else "spoof")


def test_in_the_wild_from_kaggle_with_its_table(dict_files):
    rows = [
        f"{number}.wav,Speaker {number % 5},{'bona-fide' if number % 2 else 'spoof'}"
        for number in range(60)
    ]
    table = "\n".join(["file,speaker,label", *rows]).encode()
    corpus = read(dict_files(WILD | {"release_in_the_wild/meta.csv": table}))
    assert not corpus.unsplit
    assert {row.path for row in corpus.utterances} == set(WILD)
    assert len({row.speaker_id for row in corpus.utterances}) == 5


@pytest.mark.parametrize("track", ["LA", "DF", "PA"])
@pytest.mark.parametrize("place", ["", "ASVspoof2021_{}_eval/", "{}/", "{}-keys-stage-1/"])
def test_the_keys_of_stage_1_of_asvspoof_2021(dict_files, track, place):
    content = dict(LAYOUTS[f"asvspoof2021-{track.lower()}"])
    keys = content.pop(f"keys/{track}/CM/trial_metadata.txt")
    place = place.format(track)
    if place == f"{track}/":
        content = {place + path: data for path, data in content.items()}
    files = dict_files(content | {f"{place}keys/CM/trial_metadata.txt": keys})
    assert found(files) == f"asvspoof2021-{track.lower()}"
    corpus = read(files, f"asvspoof2021-{track.lower()}", subset="all")
    assert corpus.utterances
    assert all(row.path in corpus.audio for row in corpus.utterances)


def test_asvspoof_2021_without_keys_says_where_they_are_looked_for(dict_files):
    content = dict(LAYOUTS["asvspoof2021-la"])
    del content["keys/LA/CM/trial_metadata.txt"]
    with pytest.raises(base.CorpusError) as caught:
        found(dict_files(content))
    for part in ("keys are not", "asvspoof.org", "keys/LA/CM/trial_metadata.txt", "keys/CM/"):
        assert part in str(caught.value)


def test_a_manifest_as_pandas_writes_it(dict_files):
    text = (
        'path,key,speaker,split,text\n"a, b.opus",real,S1,train,"He said ""no"",\n\nand left."\n'
        "c.m4a,fake,S2,train,\nd.aiff,fake,S3,dev,x\n"
    )
    corpus = read(dict_files({"manifest.csv": text.encode(), "a, b.opus": b"x", "c.m4a": b"x"}))
    assert [row.path for row in corpus.utterances] == ["a, b.opus", "c.m4a", "d.aiff"]
    assert [row.source for row in corpus.utterances] == [
        "manifest.csv:2",
        "manifest.csv:5",
        "manifest.csv:6",
    ]


def asvspoof5_without_eval(speakers=8, attacks=4):
    """Train and dev of ASVspoof 5, each speaker of dev with bona fide speech and every attack."""
    rows = [
        f"D_{speaker} D_{speaker}{attack} F - - - {'AC1' if attack else '-'} "
        f"{f'A{attack:02} spoof' if attack else 'bonafide bonafide'} -"
        for speaker in range(speakers)
        for attack in range(attacks + 1)
    ]
    content = {
        path: data
        for path, data in LAYOUTS["asvspoof5"].items()
        if "eval" not in path and "flac_D" not in path
    }
    content["ASVspoof5_protocols/ASVspoof5.dev.track_1.tsv"] = "\n".join(rows).encode()
    return content | {f"flac_D/{row.split()[1]}.flac": b"abc" for row in rows}


def test_asvspoof5_without_eval_holds_a_part_of_dev_out(dict_files):
    files = dict_files(asvspoof5_without_eval())
    assert found(files) == "asvspoof5"
    corpus = read(files)
    dev, evaluated = (
        [row for row in corpus.utterances if row.split == split] for split in ("dev", "eval")
    )
    for attribute in ("speaker_id", "system_id"):
        both = {getattr(row, attribute) for row in dev} & {
            getattr(row, attribute) for row in evaluated
        }
        assert both <= {"-"}
    # Of 4 attacks, each half keeps 2; bona fide speech is kept as a whole.
    assert (len(dev), len(evaluated)) == (4 * 3, 4 * 3)
    assert "the eval split of ASVspoof 5 is not there: 4 speakers and 2 attacks" in " ".join(
        corpus.notes
    )
    assert read(files).utterances == corpus.utterances


def test_asvspoof5_without_eval_and_with_too_little_in_dev(dict_files):
    with pytest.raises(base.CorpusError, match="ASVspoof 5 without eval"):
        read(dict_files(asvspoof5_without_eval(attacks=1)))
