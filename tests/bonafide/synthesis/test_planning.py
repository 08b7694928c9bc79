"""Which engine makes a copy of what."""

import collections
import pathlib
import random

import pytest

from bonafide import corpora
from bonafide.settings import SettingsError
from bonafide.synthesis import catalogue, originals, planning
from bonafide.synthesis.engines.partial import PartlySpoofed

SPLITS = frozenset(corpora.SPLITS)


def row(number, speaker, split, **extra):
    return corpora.Utterance(
        f"u{number}", speaker, "-", "bonafide", split, f"{number}.wav", "x", "x:1",
        tuple(extra.items()),
    )  # fmt: skip


@pytest.fixture
def rows():
    splits = {0: "train", 1: "train", 2: "train", 3: "dev", 4: "eval", 5: "eval"}
    return [row(number, f"s{number % 6}", splits[number % 6]) for number in range(120)]


@pytest.fixture
def engines():
    return catalogue.built_in()


def plain(engines):
    return [each for each in engines if not each.needs_text]


def test_only_eval_has_some_engines(engines):
    shared = planning.share_out(plain(engines), SPLITS, 1)
    train, eval_ = ({each.name for each in shared[split]} for split in ("train", "eval"))
    assert shared["dev"] == shared["train"]
    assert not train & eval_
    assert train | eval_ == {each.name for each in plain(engines)}
    assert len(eval_) == pytest.approx(0.25 * len(train | eval_), abs=1.5)
    assert planning.share_out(plain(engines)[::-1], SPLITS, 1) == shared
    choices = {
        tuple(each.name for each in planning.share_out(plain(engines), SPLITS, seed)["eval"])
        for seed in range(5)
    }
    assert len(choices) > 1


def test_both_sides_have_an_engine_without_text(engines):
    for seed in range(20):
        shared = planning.share_out(engines, SPLITS, seed)
        assert all(any(not each.needs_text for each in own) for own in shared.values())


def test_eval_engines_can_be_named(engines):
    shared = planning.share_out(plain(engines), SPLITS, 1, eval_engines=["lpc", "world"])
    assert {each.name for each in shared["eval"]} == {"lpc", "world"}
    with pytest.raises(SettingsError, match="got wolrd"):
        planning.share_out(plain(engines), SPLITS, 1, eval_engines=["wolrd"])
    names = [each.name for each in plain(engines)]
    with pytest.raises(SettingsError, match="an engine for train and dev"):
        planning.share_out(plain(engines), SPLITS, 1, eval_engines=names)


def test_partly_spoofed_recordings_follow_their_engine(engines):
    partial = [PartlySpoofed(each) for each in plain(engines)[:4]]
    for seed in range(5):
        shared = planning.share_out([*plain(engines), *partial], SPLITS, seed)
        for own in shared.values():
            names = {each.name for each in own}
            assert {each.base for each in own} <= names


def test_one_engine_cannot_be_shared_out(engines):
    with pytest.raises(SettingsError, match="at least two engines"):
        planning.share_out(engines[:1], SPLITS, 1)
    everywhere = planning.share_out(engines[:1], SPLITS, 1, unseen_fraction=0)
    assert {len(own) for own in everywhere.values()} == {1}
    assert planning.share_out(engines[:1], frozenset({"train"}), 1)["train"] == engines[:1]


def test_copies_are_balanced_and_by_different_engines(rows, engines):
    shared = planning.share_out(plain(engines), SPLITS, 1)
    tasks = planning.plan(rows, shared, 3, 1, planning.Texts())
    used = collections.defaultdict(collections.Counter)
    for task in tasks:
        names = [copy.engine for copy in task.copies]
        assert len(set(names)) == len(names)
        used[task.row.split == "eval"].update(names)
    for counts in used.values():
        assert max(counts.values()) - min(counts.values()) <= 1


def test_the_plan_does_not_depend_on_the_order(rows, engines):
    shared = planning.share_out(plain(engines), SPLITS, 1)
    mixed = random.Random(3).sample(rows, len(rows))
    first, second = (
        {
            task.row.utterance_id: task
            for task in planning.plan(each, shared, 2, 1, planning.Texts())
        }
        for each in (rows, mixed)
    )
    assert first == second
    assert first != {
        task.row.utterance_id: task for task in planning.plan(rows, shared, 2, 2, planning.Texts())
    }


def test_a_converted_voice_is_another_speaker_of_the_split(rows, engines):
    conversion = [each for each in engines if each.needs_voice]
    tasks = planning.plan(rows, dict.fromkeys(SPLITS, conversion), 1, 1, planning.Texts())
    split_of = {each.speaker_id: each.split for each in rows}
    for task in tasks:
        if task.row.split == "dev":  # has one speaker
            assert not task.copies
            continue
        [copy] = task.copies
        assert copy.speaker != task.row.speaker_id
        assert split_of[copy.speaker] == task.row.split
        assert copy.voice


def test_texts_are_said_in_their_language(engines):
    flite = [each for each in engines if each.name == "flite"]
    both = [row(1, "a", "train", text="Hello", language="en-GB"), row(2, "b", "train")]
    german = row(3, "c", "train", text="Hallo", language="de")
    tasks = planning.plan([*both, german], {"train": flite}, 1, 1, planning.Texts())
    assert [len(task.copies) for task in tasks] == [1, 0, 0]
    assert (tasks[0].copies[0].text, tasks[0].copies[0].language) == ("Hello", "en-GB")
    lines = planning.Texts(("en\tGood morning", "Good evening"))
    tasks = planning.plan([*both, german], {"train": flite}, 1, 1, lines)
    assert [len(task.copies) for task in tasks] == [1, 1, 0]
    assert tasks[1].copies[0].text in ("Good morning", "Good evening")


class TestOriginals:
    def test_a_folder_of_speakers(self, calls):
        found = originals.read(str(calls))
        assert len(found.rows) == 12
        assert found.named
        assert len({each.speaker_id for each in found.rows}) == 6
        rows, _ = originals.with_splits(found, 2, corpora.Options())
        split_of = collections.defaultdict(set)
        for each in rows:
            split_of[each.speaker_id].add(each.split)
        assert all(len(splits) == 1 for splits in split_of.values())
        assert {each.split for each in rows} == set(corpora.SPLITS)

    def test_files_without_speakers(self, calls, tmp_path):
        for path in calls.glob("*/*.flac"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        found = originals.read(str(tmp_path))
        assert not found.named
        rows, notes = originals.with_splits(found, 2, corpora.Options())
        assert {each.split for each in rows} == set(corpora.SPLITS)
        assert "speakers are not named" in notes[-1]

    def test_a_manifest_keeps_its_columns_and_drops_spoofs(self, calls, tmp_path):
        paths = sorted(calls.glob("*/*.flac"))
        lines = ["path,key,speaker,source,language"]
        for number, path in enumerate(paths):
            (tmp_path / path.name).write_bytes(path.read_bytes())
            key = "spoof" if number == 0 else "bonafide"
            lines.append(f"{path.name},{key},{path.parent.name},branch {number % 2},en")
        (tmp_path / "manifest.csv").write_text("\n".join(lines))
        found = originals.read(str(tmp_path))
        assert len(found.rows) == 11
        assert "1 spoofed recording of it not used" in found.notes
        assert dict(found.rows[0].extra) == {"source": "branch 1", "language": "en"}

    def test_a_known_layout_keeps_its_splits(self):
        root = pathlib.Path(__file__).resolve().parents[3] / "samples" / "LA"
        found = originals.read(str(root))
        rows, notes = originals.with_splits(found, 2, corpora.Options())
        assert (len(rows), notes) == (454, ("splits are those of the recordings",))

    def test_all_in_one_split(self, calls):
        found = originals.read(str(calls))
        rows, _ = originals.with_splits(found, 2, corpora.Options(split="train"))
        assert {each.split for each in rows} == {"train"}

    @pytest.mark.parametrize("content", [{}, {"notes.txt": b"x"}])
    def test_a_folder_without_audio_is_refused(self, tmp_path, content):
        for name, data in content.items():
            (tmp_path / name).write_bytes(data)
        with pytest.raises(
            corpora.CorpusError, match="expected bona fide recordings, got no audio"
        ):
            originals.read(str(tmp_path))

    def test_two_speakers_are_too_few(self, calls, tmp_path):
        for path in sorted(calls.glob("*/*.flac"))[:4]:
            target = tmp_path / path.parent.name / path.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
        found = originals.read(str(tmp_path))
        with pytest.raises(corpora.CorpusError, match="at least three speakers"):
            originals.with_splits(found, 2, corpora.Options())
