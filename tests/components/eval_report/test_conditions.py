import dataclasses

import numpy as np
import pytest

from bonafide.audio import decoding, measures
from bonafide.corpora import Utterance
from bonafide.dataset import listing, measure_files
from components.eval_report.conditions import conditions_of, duration_bucket


def utterance(name, corpus="la", split="eval", **extra):
    row = Utterance(name, "S1", "-", "bonafide", split, f"{name}.flac", corpus, "p:1")
    return dataclasses.replace(row, extra=tuple(extra.items()))


def write_listing(folder, *rows):
    (folder / listing.LISTING_FILE).write_text(listing.listing_tsv(rows, []))


def values(folder, *names):
    return {name: list(found) for name, found in conditions_of(str(folder), names).items()}


def test_what_the_corpus_tells(tmp_path):
    write_listing(
        tmp_path,
        utterance("A", codec="alaw", gender="f", vocoder="HiFi", text="one"),
        utterance("B", codec="opus"),
        utterance("T", split="train", codec="mp3"),
        utterance("C"),
    )
    assert values(tmp_path, "C", "B", "A") == {
        "codec": ["", "opus", "alaw"],
        "gender": ["", "", "f"],
    }


def test_several_corpora_are_a_condition_and_one_is_none(tmp_path):
    write_listing(tmp_path, utterance("A"), utterance("B", corpus="wild"))
    assert values(tmp_path, "A", "B") == {"corpus": ["la", "wild"]}
    write_listing(tmp_path, utterance("A"), utterance("B"))
    assert values(tmp_path, "A", "B") == {}


def test_durations_come_from_the_measures(tmp_path, wav):
    write_listing(tmp_path, utterance("A"), utterance("B"))
    collector = measure_files.Collector(16_000)
    for name, seconds in (("A", 1.0), ("B", 5.0), ("other", 3.0)):
        samples = np.random.default_rng(1).integers(-900, 900, int(seconds * 16_000))
        decoded, facts = decoding.decode_with_facts(
            wav(samples.astype(np.int16), 16_000), 16_000, 0.3
        )
        collector.add(measures.Clip(name, decoded, facts))
    (tmp_path / measure_files.FOLDER).mkdir()
    path = tmp_path / measure_files.FOLDER / "eval-00000.npz"
    path.write_bytes(measure_files.to_bytes(collector.finish()))
    assert values(tmp_path, "B", "A") == {"duration": ["4 to 8 s", "under 2 s"]}


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.3, "under 2 s"),
        (2.0, "2 to 4 s"),
        (3.999, "2 to 4 s"),
        (8.0, "8 s and longer"),
        (3600.0, "8 s and longer"),
    ],
)
def test_duration_bucket(seconds, bucket):
    assert duration_bucket(seconds) == bucket
