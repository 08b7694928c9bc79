import os
import time

import pytest

from bonafide.registry import names, store


def make_model(folder, text="graph"):
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_text("v")
    (folder / names.EXTRA_DIR).mkdir()
    (folder / names.EXTRA_DIR / "bonafide.json").write_text("{}")
    (folder / names.MODEL_FILE).write_text(text)
    return folder


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_complete_numeric_versions_count_in_numeric_order(tmp_path):
    for name in ("1000", "999", "20", "0x10", "1e3", ".incoming-1001-7", "latest", "٣"):
        make_model(tmp_path / name)
    (tmp_path / "1002").mkdir()  # no saved_model.pb
    (tmp_path / "1003").write_text("a file")
    assert store.complete_versions(str(tmp_path)) == ["20", "999", "1000"]
    assert store.complete_versions(str(tmp_path / "absent")) == []


@pytest.mark.parametrize("number", ["9223372036854775807", "9223372036854775808", "9" * 250])
def test_a_number_that_no_server_can_read_is_not_a_version(tmp_path, number):
    """Versions are int64 to model servers; a push after such a folder must be one as well."""
    make_model(tmp_path / "41")
    make_model(tmp_path / number)
    assert store.complete_versions(str(tmp_path)) == ["41"]
    assert store.next_version(str(tmp_path), now_seconds=50) == 50


@pytest.mark.parametrize(
    ("taken", "now", "expected"),
    [
        ([], 50.9, 50),
        ([49], 50, 50),
        ([50], 50, 51),  # two in one second
        ([90], 50, 91),  # the clock was set back
    ],
)
def test_versions_only_increase(tmp_path, taken, now, expected):
    for version in taken:
        (tmp_path / str(version)).mkdir()  # an incomplete one is not reused either
    assert store.next_version(str(tmp_path), now_seconds=now) == expected


def test_a_copy_is_whole_and_leaves_nothing_beside(tmp_path):
    source = make_model(tmp_path / "source")
    extra = tmp_path / "note.json"
    extra.write_text("why")
    target = tmp_path / "serving" / "7"
    store.copy_model(str(source), str(target), extra_files={"assets.extra/note.json": str(extra)})
    assert tree(target) == sorted([*tree(source), "assets.extra/note.json"])
    assert [path.name for path in target.parent.iterdir()] == ["7"]


def test_a_copy_is_known_by_names_and_content(tmp_path):
    source = make_model(tmp_path / "source")
    note = tmp_path / "note.json"
    note.write_text("why")
    extra = {"assets.extra/note.json": str(note)}
    store.copy_model(str(source), str(tmp_path / "7"), extra_files=extra)
    assert store.is_copy(str(tmp_path / "7"), str(source), extra_files=extra)
    assert not store.is_copy(str(tmp_path / "7"), str(source))
    assert store.is_copy(str(tmp_path / "7"), str(source), not_compared=list(extra))
    note.write_text("why not")
    assert not store.is_copy(str(tmp_path / "7"), str(source), extra_files=extra)


def test_an_existing_version_is_never_overwritten(tmp_path):
    source = make_model(tmp_path / "source", "new")
    target = make_model(tmp_path / "serving" / "7", "old")
    with pytest.raises(FileExistsError, match="exists already"):
        store.copy_model(str(source), str(target))
    assert (target / names.MODEL_FILE).read_text() == "old"


def test_losing_a_race_is_reported_as_existing(tmp_path, monkeypatch):
    source = make_model(tmp_path / "source", "mine")
    target = tmp_path / "serving" / "7"
    copy_parts = store._copy_parts

    def slow_copy(*args):
        copy_parts(*args)
        make_model(target, "theirs")

    monkeypatch.setattr(store, "_copy_parts", slow_copy)
    with pytest.raises(FileExistsError, match="another process"):
        store.copy_model(str(source), str(target))
    assert (target / names.MODEL_FILE).read_text() == "theirs"
    assert [path.name for path in target.parent.iterdir()] == ["7"]


def test_a_failed_copy_leaves_no_version(tmp_path, monkeypatch):
    source = make_model(tmp_path / "source")

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.uris, "copy_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        store.copy_model(str(source), str(tmp_path / "serving" / "7"))
    assert list((tmp_path / "serving").iterdir()) == []


def test_a_folder_without_a_model_is_refused(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(FileNotFoundError, match="contains no SavedModel"):
        store.copy_model(str(tmp_path / "source"), str(tmp_path / "7"))


def test_leftovers_of_a_killed_copy_are_removed_once_old(tmp_path):
    source = make_model(tmp_path / "source")
    old = make_model(tmp_path / "serving" / ".incoming-5-1")
    young = make_model(tmp_path / "serving" / ".incoming-6-2")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    store.copy_model(str(source), str(tmp_path / "serving" / "7"))
    assert not old.exists()
    assert young.exists()


def test_a_version_is_removed_but_never_the_newest(tmp_path):
    for name in ("5", "6", "7"):
        make_model(tmp_path / name)
    (tmp_path / "8").mkdir()  # incomplete: 7 is served
    store.remove_version(str(tmp_path), "5")
    assert store.complete_versions(str(tmp_path)) == ["6", "7"]
    with pytest.raises(ValueError, match="7 is the newest version"):
        store.remove_version(str(tmp_path), "7")
    for missing in ("5", "8", "../7"):
        with pytest.raises(FileNotFoundError, match="has no version"):
            store.remove_version(str(tmp_path), missing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["6", "7", "8"]


def test_a_removal_that_is_killed_leaves_nothing_with_a_number(tmp_path, monkeypatch):
    for name in ("6", "7"):
        make_model(tmp_path / "serving" / name)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        store.remove_version(str(tmp_path / "serving"), "6")
    monkeypatch.undo()
    [left] = [path for path in (tmp_path / "serving").iterdir() if path.name != "7"]
    assert left.name.startswith(".outgoing-6-")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(left, (long_ago, long_ago))
    store.copy_model(str(tmp_path / "serving" / "7"), str(tmp_path / "serving" / "8"))
    assert not left.exists()
