import hashlib

import numpy as np

from models.training import checkpoints
from models.training.checkpoints import TrainingState

SHAPES = [(2, 3), (), (2,)]


def state(epoch):
    rng = np.random.default_rng(epoch)
    variables = [
        rng.normal(size=(2, 3)).astype(np.float32),
        np.array(epoch, np.int64),
        np.array([2**31, epoch], np.uint32),
    ]
    return TrainingState(epoch, variables, variables[:1], 1, 0.25, 0.5, [{"epoch": 1, "loss": 0.1}])


def save(directory, epoch, keep=2):
    checkpoints.save(str(directory), state(epoch), fingerprint="f", keep=keep)


def load(directory):
    return checkpoints.load_latest(str(directory), fingerprint="f", shapes=SHAPES)


def names(directory):
    return sorted(p.name for p in directory.iterdir())


def test_everything_comes_back_bit_for_bit(tmp_path):
    save(tmp_path / "new/folder", 7)
    back, saved = load(tmp_path / "new/folder"), state(7)
    for a, b in zip(
        [*back.variables, *back.best_weights],
        [*saved.variables, *saved.best_weights],
        strict=True,
    ):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    for name in ("epoch", "best_epoch", "best_dev_eer", "best_dev_loss", "history"):
        assert getattr(back, name) == getattr(saved, name)


def test_before_the_first_best_epoch_the_bounds_are_infinite(tmp_path):
    checkpoints.save(str(tmp_path), TrainingState(epoch=1), fingerprint="f", keep=1)
    back = checkpoints.load_latest(str(tmp_path), fingerprint="f", shapes=[])
    assert back.best_dev_eer == float("inf")


def test_only_the_newest_stay(tmp_path):
    for epoch in (1, 2, 9, 10, 11):
        save(tmp_path, epoch)
    assert names(tmp_path) == ["checkpoint-00010.npz", "checkpoint-00011.npz"]
    assert load(tmp_path).epoch == 11


def test_a_damaged_newest_one_leaves_the_one_before(tmp_path, caplog):
    save(tmp_path, 1)
    save(tmp_path, 2)
    path = tmp_path / "checkpoint-00002.npz"
    path.write_bytes(path.read_bytes()[:-10])
    assert load(tmp_path).epoch == 1
    assert "checkpoint-00002.npz is not used: it is damaged" in caplog.text


def test_one_wrong_bit_anywhere_is_noticed(tmp_path, caplog):
    save(tmp_path, 1)
    path = tmp_path / "checkpoint-00001.npz"
    whole = path.read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        assert load(tmp_path) is None
    assert "it is damaged" in caplog.text


def test_a_file_that_is_something_else_is_told(tmp_path, caplog):
    for content in (b"", b"words", hashlib.sha256().digest(), sealed(b"words")):
        (tmp_path / "checkpoint-00001.npz").write_bytes(content)
        assert load(tmp_path) is None
        assert "it is damaged" in caplog.text
        caplog.clear()


def sealed(content):
    return content + hashlib.sha256(content).digest()


def test_other_settings_and_another_model_are_told_apart(tmp_path, caplog):
    save(tmp_path, 1)
    assert checkpoints.load_latest(str(tmp_path), fingerprint="g", shapes=SHAPES) is None
    assert "is not used: it belongs to other data, settings or code" in caplog.text
    assert checkpoints.load_latest(str(tmp_path), fingerprint="f", shapes=SHAPES[:2]) is None
    assert "is not used: its variables do not match this model" in caplog.text


def test_an_interrupted_write_is_never_taken_for_a_checkpoint(tmp_path):
    (tmp_path / ".bonafide.123.tmp").write_bytes(b"half")
    assert load(tmp_path) is None
    save(tmp_path, 3)
    assert load(tmp_path).epoch == 3


def test_no_folder_is_no_checkpoint(tmp_path):
    assert load(tmp_path / "absent") is None
    checkpoints.remove(str(tmp_path / "absent"))


def test_remove_spares_what_is_not_ours(tmp_path):
    save(tmp_path, 1)
    (tmp_path / ".bonafide.123.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    checkpoints.remove(str(tmp_path))
    assert names(tmp_path) == ["notes.txt"]
    (tmp_path / "notes.txt").unlink()
    save(tmp_path, 1)
    checkpoints.remove(str(tmp_path))
    assert not tmp_path.exists()
