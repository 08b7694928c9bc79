import pytest
from apache_beam.io.filesystem import BeamIOError

from bonafide.storage import beam_files


@pytest.fixture(autouse=True)
def options(memory_store):
    beam_files.use_options([])


@pytest.fixture(params=["local", "memory", "globs"])
def root(request, tmp_path):
    if request.param == "memory":
        return "memory://bucket/corpus"
    folder = tmp_path / ("a[b]*c?" if request.param == "globs" else "corpus")
    folder.mkdir()
    return str(folder)


def put(root, path, data):
    scratch = beam_files.join(root, ".scratch")
    beam_files.make_folder(scratch)
    beam_files.make_folder(beam_files.join(root, *path.split("/")[:-1]))
    beam_files.write_bytes(beam_files.join(root, path), data, scratch=scratch)


def test_reads_lists_and_writes(root):
    files = beam_files.BeamFiles(root)
    put(root, "LA/flac/one.flac", b"12345")
    put(root, "LA/flac/deep/two.flac", b"1")
    put(root, "LA/protocol.txt", "\ufeffline".encode())
    scratch = beam_files.join(root, ".scratch")
    with beam_files.writing(files.uri("LA/flac/three.gz"), scratch=scratch) as file:
        file.write(b"x")
        file.write(b"yz")

    assert files.exists("LA/protocol.txt")
    assert not files.exists("LA/other.txt")
    assert files.read_text("LA/protocol.txt") == "line"
    assert files.read_bytes("LA/flac/three.gz") == b"xyz"
    listing = files.list("LA/flac")  # Only what is right inside.
    assert {name: info.size_bytes for name, info in listing.items()} == {
        "one.flac": 5,
        "three.gz": 3,
    }
    assert all(info.modified_seconds > 0 for info in listing.values())
    assert files.list("LA/nothing") == {}
    assert files.list(".scratch") == {}  # Nothing half-written is left.


def test_a_file_that_was_not_finished_leaves_nothing(root):
    put(root, "out/a", b"old")
    target, scratch = beam_files.join(root, "out", "a"), beam_files.join(root, ".scratch")

    def fail_half_way():
        with beam_files.writing(target, scratch=scratch) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert beam_files.read_bytes(beam_files.join(root, "out", "a")) == b"old"
    assert beam_files.list_folder(beam_files.join(root, ".scratch")) == {}


def test_walks_and_reads_parts(root):
    files = beam_files.BeamFiles(root)
    put(root, "fake/en/m[1]/meta.csv", b"12345")
    put(root, "fake/x.wav", b"1")
    put(root, "asvspoof/train0-1.tfrec", b"0123456789")
    below = files.walk("fake")
    assert {path: info.size_bytes for path, info in below.items()} == {
        "en/m[1]/meta.csv": 5,
        "x.wav": 1,
    }
    assert all(info.modified_seconds > 0 for info in below.values())
    assert set(files.walk("fake/en/m[1]")) == {"meta.csv"}
    assert files.walk("nothing") == {}
    assert {path for path in files.walk("") if not path.startswith(".")} == {
        *("fake/en/m[1]/meta.csv", "fake/x.wav", "asvspoof/train0-1.tfrec"),
    }
    assert files.list("") == {}
    assert files.read_bytes("asvspoof/train0-1.tfrec#3:4") == b"3456"
    assert files.read_bytes("asvspoof/train0-1.tfrec") == b"0123456789"


def test_absolute_uri_stays(memory_store):
    memory_store["memory://other/x"] = b"there"
    assert beam_files.BeamFiles("/local").read_bytes("memory://other/x") == b"there"


def test_a_store_that_fails_now_and_then_is_asked_again(memory_store, store_failures, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    memory_store["memory://b/x"] = b"1"
    store_failures += [BeamIOError("slow down")] * 3
    assert beam_files.read_bytes("memory://b/x") == b"1"
    store_failures += [BeamIOError("slow down")] * 4
    with pytest.raises(BeamIOError, match="slow down"):
        beam_files.read_bytes("memory://b/x")
    assert not store_failures


def test_what_is_not_there_is_not_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits for nothing"))
    with pytest.raises(FileNotFoundError):
        beam_files.read_bytes(str(tmp_path / "nothing"))


def test_write_replaces_and_remove_empties(root):
    put(root, "out/a", b"1")
    put(root, "out/a", b"2")
    out = beam_files.join(root, "out")
    assert beam_files.read_bytes(beam_files.join(out, "a")) == b"2"
    beam_files.remove_folder(out)
    assert beam_files.list_folder(out) == {}
    beam_files.remove_folder(out)  # Once more is no error.


def test_marker_of_a_folder_in_an_object_store_is_no_file(memory_store):
    memory_store.update({"memory://b/f/": b"", "memory://b/f/x": b"1"})
    assert list(beam_files.list_folder("memory://b/f")) == ["x"]
