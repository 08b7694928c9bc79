"""A sample of the damaged files; `python -m benchmarks.mutated_audio` decodes 20,000."""

from benchmarks import mutated_audio

COUNT = 600


def test_a_number_names_a_file():
    files = {"a": bytes(range(256)) * 4, "b": b"RIFF" * 99}
    assert mutated_audio.mutated(7, files) == mutated_audio.mutated(7, files)
    assert len({mutated_audio.mutated(number, files)[1] for number in range(99)}) > 90


def test_nothing_happens_to_damaged_files_but_audio_errors():
    found = mutated_audio.summarise(list(mutated_audio.answers(100_000, COUNT, 60)))
    assert found["files"] == COUNT
    for happens in ("foreign", "opened", "dies", "hangs"):
        assert found[happens] == []
    # libsndfile's decoder of ALAC writes a line of its own to standard output; nothing else may.
    assert all("alac" in answer["prints"] for answer in found["prints"])
    assert found["came"]["decoded"] > COUNT / 10
    assert found["came"]["cut off"] > COUNT / 10
    assert found["peak_mebibytes"] < found["first_mebibytes"] + 100
