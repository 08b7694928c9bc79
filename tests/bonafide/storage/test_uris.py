"""The same laws on a local disk, in fsspec's memory and on a real S3 server (moto's)."""

import uuid

import pytest

from bonafide.storage import uris


@pytest.fixture(params=["local", "memory", "s3"])
def root(request, tmp_path):
    """An empty folder, by path or URI."""
    if request.param == "local":
        return str(tmp_path / "root")
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}"
    return request.getfixturevalue("s3_bucket")


def test_what_is_written_is_read(root):
    path = uris.join(root, "a/b.txt")
    uris.write_text(path, "één")
    assert uris.read_text(path) == "één"
    assert uris.read_bytes(path) == "één".encode()
    with uris.opened(path) as file:
        assert file.read(2) == "é".encode()
    uris.write_bytes(path, b"again")
    assert uris.read_bytes(path) == b"again"


def test_what_is_not_there(root):
    path = uris.join(root, "none")
    assert not uris.exists(path)
    assert not uris.is_folder(path)
    assert uris.names_in(path) == []
    assert uris.files_below(path) == []
    with pytest.raises(FileNotFoundError):
        uris.read_bytes(path)
    uris.remove_folder(path)


def test_listings_and_removal(root):
    for name in ("m/1/graph", "m/1/variables/x", "m/2/graph", "m/note"):
        uris.write_text(uris.join(root, name), name)
    folder = uris.join(root, "m")
    assert uris.is_folder(folder)
    assert not uris.is_folder(uris.join(folder, "note"))
    assert uris.exists(uris.join(folder, "1/graph"))
    assert uris.names_in(folder) == uris.names_in(folder + "/") == ["1", "2", "note"]
    assert uris.files_below(folder) == ["1/graph", "1/variables/x", "2/graph", "note"]
    uris.remove_file(uris.join(folder, "note"))
    uris.remove_folder(uris.join(folder, "1"))
    assert uris.files_below(folder) == ["2/graph"]


def test_another_process_is_seen_at_once(root):
    folder = uris.join(root, "m")
    uris.write_text(uris.join(folder, "1"), "x")
    assert uris.names_in(folder) == ["1"]
    # As another client would write: nothing of the listing before may be kept.
    uris.write_text(uris.join(folder, "2"), "x")
    assert uris.names_in(folder) == ["1", "2"]


def test_files_are_copied_between_stores(root, tmp_path):
    local = tmp_path / "file"
    local.write_bytes(bytes(range(256)) * 9000)  # several pieces
    uris.copy_file(str(local), uris.join(root, "x/y"))
    back = tmp_path / "new" / "file"
    uris.copy_file(uris.join(root, "x/y"), str(back))
    assert back.read_bytes() == local.read_bytes()
    with pytest.raises(FileNotFoundError):
        uris.copy_file(uris.join(root, "none"), str(back))
    assert [path.name for path in back.parent.iterdir()] == ["file"]


def test_a_scheme_without_a_driver_names_the_remedy():
    with pytest.raises(OSError, match=r"no driver for this scheme .* Install the extra `stores`"):
        uris.exists("nothing://bucket/x")


def test_minio_is_s3_at_the_endpoint_of_the_environment(s3_bucket):
    uris.write_text(f"{s3_bucket}/a", "x")
    assert uris.read_text(s3_bucket.replace("s3://", "minio://") + "/a") == "x"


def test_names_with_blanks_and_other_alphabets(root):
    path = uris.join(root, "a b/ключ+%41.txt")
    uris.write_text(path, "x")
    assert uris.files_below(root) == ["a b/ключ+%41.txt"]
    assert uris.read_text(path) == "x"


def test_a_new_file_is_written_by_one_alone(root):
    path = uris.join(root, "m/1/claim")
    uris.write_new(path, b"first")
    with pytest.raises(FileExistsError):
        uris.write_new(path, b"second")
    assert uris.read_bytes(path) == b"first"


def test_a_store_that_refuses_is_an_error_with_the_remedy(s3_bucket, monkeypatch, s3_endpoint):
    import s3fs

    with pytest.raises(OSError, match="bucket"):  # it is never made by a push
        uris.write_bytes("s3://b-without-such-a-bucket/x/y", b"x")
    assert not uris.exists("s3://b-without-such-a-bucket")
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(OSError, match=r"s3://bucket/x: .*AWS_ENDPOINT_URL"):
        uris.read_bytes("s3://bucket/x")
    s3fs.S3FileSystem.clear_instance_cache()
