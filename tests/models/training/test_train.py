import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.augmentation.spectrogram import AugmentConfig
from models.data.splits import ArraySplit
from models.network.conformer import ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training import checkpoints, steps, train
from models.training.calibrate import calibrate
from models.training.devices import choose_placement
from models.training.losses import weighted_bce
from models.training.steps import train_epoch

ROOT = pathlib.Path(__file__).resolve().parents[3]
TINY = ConformerConfig(
    width=8, num_blocks=1, num_heads=2, kernel_size=3, subsampling_channels=4, pooling_width=4
)
SETTINGS = TrainerConfig(
    epochs=3, batch_size=8, learning_rate=3e-3, crop_frames=12, device="cpu", seed=4
)

AUGMENT = AugmentConfig(max_time_mask_frames=4, max_frequency_mask_bands=2)


def toy_split(count, seed):
    """Two classes that differ in the mean of half the bands; a third is bona fide."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(np.int64)
    features = rng.normal(size=(count, 16, 8)).astype(np.float32)
    features[:, :, :4] += (labels * 1.0 - 0.5)[:, None, None].astype(np.float32)
    return ArraySplit(features, labels)


def run(
    directory,
    settings=SETTINGS,
    *,
    fingerprint="f",
    train_split=None,
    augment=AUGMENT,
    conformer=TINY,
    placement=None,
    **kwargs,
):
    return train.train(
        train_split or toy_split(29, 0),
        toy_split(13, 1),
        conformer=conformer,
        augment=augment,
        settings=settings,
        placement=placement or choose_placement(settings.device, settings.mixed_precision),
        checkpoint_dir=str(directory),
        fingerprint=fingerprint,
        **kwargs,
    )


def figures(result):
    """History without what the clock decides."""
    return [
        {k: v for k, v in epoch.items() if k not in ("examples_per_second", "waiting_share")}
        for epoch in result.state.history
    ]


def same(first, second):
    assert figures(first) == figures(second)
    for a, b in zip(first.state.variables, second.state.variables, strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(first.state.best_weights, second.state.best_weights, strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return run(tmp_path_factory.mktemp("uninterrupted"))


def test_two_runs_are_identical_and_seeds_differ(uninterrupted, tmp_path, caplog):
    caplog.set_level("INFO", logger="bonafide")
    same(uninterrupted, run(tmp_path / "a"))
    lines = [r.getMessage() for r in caplog.records if r.name == "bonafide"]
    assert lines[0] == "device: CPU, float32"
    assert lines[1].startswith(f"model: {uninterrupted.parameters:,} parameters, ")
    assert lines[1].endswith(" MFLOP a clip")
    assert lines[2] == "train: 29 utterances, 10 bona fide and 19 spoof"
    assert lines[3] == "dev: 13 utterances, 5 bona fide and 8 spoof"
    assert lines[4].startswith("epoch 1/3  loss ")
    assert lines[4].endswith(" left")
    assert lines[6].endswith("done")
    assert lines[7].startswith("exported: epoch ")
    assert lines[8].startswith("calibrated on dev: score = ")
    assert len(lines) == 9

    other = run(tmp_path / "b", dataclasses.replace(SETTINGS, seed=5, epochs=1))
    assert other.state.history[0]["loss"] != uninterrupted.state.history[0]["loss"]


LEARNING = dataclasses.replace(SETTINGS, epochs=6, learning_rate=1e-2, ema_epochs=0.5)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A training that has learnt something."""
    directory = tmp_path_factory.mktemp("learnt")
    return run(directory, LEARNING, augment=None, train_split=toy_split(120, 0))


def test_training_learns_and_picks_the_best_epoch(learnt):
    result, history = learnt, learnt.state.history
    assert history[-1]["dev_loss"] < history[0]["dev_loss"] - 0.1
    best = min(history, key=lambda f: (f["dev_eer"], f["dev_loss"]))
    assert (result.state.best_epoch, result.state.best_dev_eer) == (best["epoch"], best["dev_eer"])
    assert best["dev_eer"] <= 0.25
    assert result.log_prior_odds == pytest.approx(0.0, abs=1e-9)


def test_the_last_epoch_can_be_asked_for(tmp_path):
    """The average over all epochs and not what dev, with the attacks of training, likes best."""
    best = run(tmp_path / "best", LEARNING)
    last = run(tmp_path / "last", dataclasses.replace(LEARNING, selection="last"))
    assert figures(best) == figures(last)
    assert best.state.best_epoch < 6
    assert last.state.best_epoch == 6
    assert last.state.best_dev_eer == last.state.history[-1]["dev_eer"]


@pytest.mark.parametrize(
    ("loss", "head"),
    [("focal", "logit"), ("oc_softmax", "cosine"), ("am_softmax", "cosine_pair")],
)
def test_the_other_losses_learn_and_give_likelihood_ratios(tmp_path, loss, head):
    settings = dataclasses.replace(
        SETTINGS, epochs=6, learning_rate=1e-2, ema_epochs=0.5, loss=loss
    )
    conformer = dataclasses.replace(TINY, head=head)
    result = run(
        tmp_path, settings, augment=None, train_split=toy_split(120, 0), conformer=conformer
    )
    assert result.state.best_dev_eer <= 0.25
    assert result.log_prior_odds == 0.0
    assert result.calibration.note == ""
    assert result.calibration.cllr_after < 0.8


def test_calibration_is_fitted_to_the_best_epoch_on_dev(tmp_path):
    """Without balancing, so that the prior odds count; the best epoch is not the last."""
    settings = dataclasses.replace(
        SETTINGS, class_weighting="none", calibration_prior=0.7, ema_epochs=0.0, epochs=4
    )
    result = run(tmp_path, settings)
    model = train.Conformer(TINY)
    model.build((None, None, 8))
    model.set_weights(result.state.best_weights)
    dev = toy_split(13, 1)
    raw = model(dev.features, training=False).numpy() - result.log_prior_odds
    assert abs(result.log_prior_odds) > 0.5
    expected = calibrate(raw, dev.labels, prior=0.7)
    assert result.calibration.prior == 0.7
    assert result.calibration.map.slope == pytest.approx(expected.map.slope, rel=1e-3)
    assert result.calibration.map.offset == pytest.approx(expected.map.offset, rel=1e-3, abs=1e-3)


def test_the_loss_of_an_epoch_is_the_weighted_mean_over_its_utterances(tmp_path):
    """One step on a batch that is filled up: neither the filling nor a class is miscounted."""
    settings = dataclasses.replace(
        SETTINGS, epochs=1, batch_size=32, crop_frames=0, label_smoothing=0.2
    )
    split = toy_split(29, 0)
    result = run(tmp_path, settings, augment=None, conformer=NO_DROPOUT, train_split=split)
    keras.utils.set_random_seed(settings.seed)
    untrained = train.Conformer(NO_DROPOUT)
    untrained.build((None, None, 8))
    z = untrained(split.features, training=False).numpy().astype(np.float64)
    weight = np.where(split.labels == 1, 29 / 2 / 10, 29 / 2 / 19)
    label = np.where(split.labels == 1, 0.9, 0.1)
    losses = weight * (label * np.logaddexp(0, -z) + (1 - label) * np.logaddexp(0, z))
    assert result.state.history[0]["loss"] == pytest.approx(losses.mean(), rel=1e-5)


def test_best_weights_are_the_averaged_ones_that_gave_the_dev_loss(uninterrupted):
    state = uninterrupted.state
    model = train.Conformer(TINY)
    model.build((None, None, 8))
    model.set_weights(state.best_weights)
    dev = toy_split(13, 1)
    logits = model(dev.features, training=False).numpy()
    weights = train.class_weights(train.class_counts(dev), "balanced")
    expected = state.history[state.best_epoch - 1]["dev_loss"]
    loss = tf.reduce_mean(weighted_bce(logits, dev.labels, weights=weights))
    assert float(loss) == pytest.approx(expected, abs=1e-5)
    raw = state.variables[: len(state.best_weights)]
    assert any(not np.allclose(a, b) for a, b in zip(raw, state.best_weights, strict=True))


def test_resumes_after_an_epoch_to_the_same_result(uninterrupted, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO", logger="bonafide")
    save = checkpoints.save

    def save_and_stop(directory, state, **kwargs):
        save(directory, state, **kwargs)
        if state.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    resumed = run(tmp_path, log_dir=str(tmp_path / "logs"))
    assert "resumed after epoch 2/3" in caplog.text
    same(uninterrupted, resumed)
    (events,) = (tmp_path / "logs").glob("events*")
    steps = {e.step for e in tf.compat.v1.train.summary_iterator(str(events)) if e.summary.value}
    assert steps == {1, 2, 3}


def test_weights_of_corpora_resume_and_count_in_the_prior_odds(tmp_path, caplog):
    caplog.set_level("INFO", logger="bonafide")
    settings = dataclasses.replace(SETTINGS, epochs=2, class_weighting="none")
    plain = toy_split(29, 0)
    # 10 bona fide, the last nine among them of a corpus with the weight 4.
    weights = np.where((plain.labels == 1) & (np.arange(29) > 0), 4.0, 1.0)
    split = dataclasses.replace(plain, weights=weights)
    whole = run(tmp_path, settings, train_split=split)
    assert whole.log_prior_odds == pytest.approx(np.log(37 / 19))
    # 29 draws, shared as 37 and 19.
    assert "train: 29 utterances, 19 bona fide and 10 spoof" in caplog.messages

    (tmp_path / "checkpoint-00002.npz").unlink()
    same(whole, run(tmp_path, settings, train_split=split))
    assert "resumed after epoch 1/2" in caplog.text


def test_a_warm_start_begins_where_the_other_training_ended(learnt, tmp_path, caplog, monkeypatch):
    """Lower from the first epoch on; and what a checkpoint holds is not overwritten by it."""
    caplog.set_level("INFO", logger="bonafide")
    split = toy_split(120, 0)
    assert learnt.warm_start is None
    model = train.Conformer(TINY)
    model.build((None, None, 8))
    model.set_weights(learnt.state.best_weights)
    uri = str(tmp_path / "conformer.weights.h5")
    model.save_weights(uri)

    settings = dataclasses.replace(LEARNING, epochs=2, learning_rate=1e-3, seed=5)
    warm_settings = dataclasses.replace(settings, pretrained=uri)
    cold = run(tmp_path / "cold", settings, augment=None, train_split=split)
    warm = run(tmp_path / "warm", warm_settings, augment=None, train_split=split)
    for figure in ("loss", "dev_loss"):
        assert warm.state.history[0][figure] < cold.state.history[0][figure] - 0.1
    best = min(epoch["dev_loss"] for epoch in learnt.state.history)
    assert warm.state.history[0]["dev_loss"] == pytest.approx(best, abs=0.05)
    assert len(warm.warm_start.loaded) == len(model.weights)
    assert f"warm start: 44 of 44 weights from {uri}" in caplog.text

    save = checkpoints.save

    def save_and_stop(directory, state, **kwargs):
        save(directory, state, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "again", warm_settings, augment=None, train_split=split)
    same(warm, run(tmp_path / "again", warm_settings, augment=None, train_split=split))
    assert "resumed after epoch 1/2" in caplog.text


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.models.training import test_train as t
from models.training import train
calls = 0
make = train.make_train_step
def deadly(*args, **kwargs):
    step = make(*args, **kwargs)
    def counted(*batch):
        global calls
        calls += 1
        if calls == {kill_at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*batch)
    return counted
train.make_train_step = deadly
t.run({directory!r})
"""


def test_resumes_after_kill_9_again_and_again(uninterrupted, tmp_path):
    # 4 steps an epoch: killed at the very first, at the third of the second epoch, and, gone on
    # with after the first epoch, at the last of all.
    for kill_at, finished in ((1, 0), (7, 1), (8, 2)):
        code = KILLED.format(root=str(ROOT), directory=str(tmp_path), kill_at=kill_at)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == -9, done.stderr[-2000:]
        kept = [f"checkpoint-{epoch:05d}.npz" for epoch in range(1, finished + 1)]
        assert sorted(p.name for p in tmp_path.iterdir()) == kept
    same(uninterrupted, run(tmp_path))


def test_a_checkpoint_of_other_settings_is_reported_and_not_used(uninterrupted, tmp_path, caplog):
    run(tmp_path, dataclasses.replace(SETTINGS, epochs=1, seed=9), fingerprint="g")
    result = run(tmp_path)
    assert "checkpoint-00001.npz is not used: it belongs to other data, settings" in caplog.text
    same(uninterrupted, result)


def test_nan_loss_stops_with_advice(tmp_path):
    bad = toy_split(29, 0)
    bad.features[3] = np.nan
    with pytest.raises(train.TrainingDivergedError, match=r"epoch 1 is nan: .*Lower trainer"):
        run(tmp_path, train_split=bad)
    assert not list(tmp_path.glob("*.npz"))


def test_a_long_epoch_is_stopped_before_its_end():
    def step(*_):
        step.calls += 1
        return tf.constant(float("nan") if step.calls == 3 else 1.0)

    step.calls = 0
    batches = tf.data.Dataset.range(1000).map(lambda i: (i, i, i))
    with pytest.raises(train.TrainingDivergedError, match="loss at step 50 of epoch 2"):
        train_epoch(step, batches, choose_placement("cpu"), 2)
    assert step.calls == 50


def test_a_split_with_one_class_is_refused(tmp_path):
    one = ArraySplit(np.zeros([4, 16, 8], np.float32), np.ones(4, np.int64))
    with pytest.raises(ValueError, match="got 4 bona fide and 0 spoof"):
        run(tmp_path, train_split=one)


# Dropout draws other numbers in another precision, and in the smaller batches of two replicas.
NO_DROPOUT = dataclasses.replace(TINY, dropout=0.0)


@pytest.fixture(scope="module")
def without_dropout(tmp_path_factory):
    """A bound on gradients low enough to act in every step."""
    settings = dataclasses.replace(SETTINGS, clip_norm=0.05, epochs=2)
    return settings, run(tmp_path_factory.mktemp("plain"), settings, conformer=NO_DROPOUT)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_close_to_float32(without_dropout, tmp_path, precision):
    settings, exact = without_dropout
    policy = keras.config.dtype_policy().name
    mixed = dataclasses.replace(settings, mixed_precision=precision)
    result = run(tmp_path, mixed, conformer=NO_DROPOUT)
    assert keras.config.dtype_policy().name == policy
    for rough, fine in zip(result.state.history, exact.state.history, strict=True):
        assert rough["loss"] == pytest.approx(fine["loss"], rel=0.02)
        assert rough["loss"] != fine["loss"]
    assert all(v.dtype == np.float32 for v in result.state.best_weights)


TWO_REPLICAS = """
import json, sys
sys.path.insert(0, {root!r})
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.models.training import test_train as t
from models.training.devices import choose_placement
assert choose_placement("cpu").description == "2 CPU replicas, float32"
for i, settings in enumerate(json.loads({settings!r})):
    result = t.run(
        {directory!r} + f"/{{i}}", t.TrainerConfig(**settings), conformer=t.NO_DROPOUT
    )
    print(json.dumps(result.state.history))
"""
WORKER = """
import json, sys
sys.path.insert(0, {root!r})
from models.training.devices import choose_placement
placement = choose_placement("cpu")
from tests.models.training import test_train as t
settings = t.TrainerConfig(**json.loads({settings!r}))
result = t.run({directory!r}, settings, placement=placement, conformer=t.NO_DROPOUT)
print(placement.description)
print(json.dumps([result.state.history, [float(w.sum()) for w in result.state.best_weights]]))
"""


def close(one, other):
    for a, b in zip(one, other, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
        assert b["dev_loss"] == pytest.approx(a["dev_loss"], rel=1e-4)
        assert b["dev_eer"] == a["dev_eer"]


def test_two_replicas_train_like_one_with_the_same_global_batch(without_dropout, tmp_path):
    settings, one = without_dropout
    # Batch and learning rate that become the same once they have grown with the replicas.
    per_replica = dataclasses.replace(
        settings,
        batch_size=settings.batch_size // 2,
        learning_rate=settings.learning_rate / 2,
        scale_with_replicas=True,
    )
    both = [dataclasses.asdict(s) for s in (settings, per_replica)]
    code = TWO_REPLICAS.format(root=str(ROOT), directory=str(tmp_path), settings=json.dumps(both))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    for line in done.stdout.splitlines()[-2:]:
        close(one.state.history, json.loads(line))


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def test_two_workers_train_like_one_process(without_dropout, tmp_path):
    settings, one = without_dropout
    code = WORKER.format(
        root=str(ROOT), directory=str(tmp_path), settings=json.dumps(dataclasses.asdict(settings))
    )
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
            )
        )
    try:
        done = [process.communicate(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [p.returncode for p in processes] == [0, 0], [err[-3000:] for _, err in done]
    printed = [out.splitlines()[-2:] for out, _ in done]
    assert [lines[0] for lines in printed] == [
        f"2 CPU replicas of 2 workers (this is number {index}), float32" for index in range(2)
    ]
    (history, weights), (other_history, other_weights) = (json.loads(line) for _, line in printed)
    close(one.state.history, history)
    close(history, other_history)
    assert other_weights == weights
    # The chief alone writes.
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoint-00001.npz",
        "checkpoint-00002.npz",
    ]


@pytest.mark.parametrize("change", [{"accumulation_steps": 4}, {"xla": True}])
def test_pieces_of_a_batch_and_xla_change_nothing(without_dropout, tmp_path, change):
    settings, one = without_dropout
    result = run(tmp_path, dataclasses.replace(settings, **change), conformer=NO_DROPOUT)
    close(one.state.history, result.state.history)


def test_a_batch_that_cannot_be_cut_into_pieces_is_refused(tmp_path):
    settings = dataclasses.replace(SETTINGS, accumulation_steps=3)
    with pytest.raises(ValueError, match=r"multiple of .* trainer.accumulation_steps \(3\)"):
        run(tmp_path, settings)


def test_the_share_of_time_that_waits_for_input_is_measured(monkeypatch):
    now = [0.0]

    def batches():
        for i in range(4):
            now[0] += 3.0
            yield i, i, i

    def step(*_):
        now[0] += 1.0
        return tf.constant(1.0)

    monkeypatch.setattr(steps, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    placement = types.SimpleNamespace(distribute=lambda dataset: dataset)
    assert train_epoch(step, batches(), placement, 1) == steps.EpochFigures(4.0, 0.75)
