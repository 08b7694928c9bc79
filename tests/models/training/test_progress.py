import pytest

from models.training.progress import Progress, duration, epoch_line

FIGURES = {
    "waiting_share": 0.034,
    "epoch": 3,
    "loss": 0.4119,
    "dev_loss": 0.401,
    "dev_eer": 0.123,
    "learning_rate": 4e-4,
    "examples_per_second": 412.4,
}


def test_epoch_line():
    assert epoch_line(FIGURES, epochs=30, seconds_left=130) == (
        "epoch  3/30  loss 0.412  dev loss 0.401  dev EER 12.3 %  lr 4.0e-04  412 examples/s  "
        "3 % waiting for input  "
        "2 min 10 s left"
    )
    assert epoch_line({**FIGURES, "epoch": 30}, epochs=30, seconds_left=0).endswith("  done")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (130, "2 min 10 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_the_slow_first_epoch_does_not_spoil_the_forecast(caplog):
    caplog.set_level("INFO", logger="bonafide")
    progress = Progress(10)
    progress.epoch_done({**FIGURES, "epoch": 1}, seconds=100)
    progress.epoch_done({**FIGURES, "epoch": 2}, seconds=2)
    progress.close()
    assert caplog.records[0].getMessage().endswith("15 min 00 s left")
    assert caplog.records[1].getMessage().endswith("16 s left")
