"""Progress of training: log lines and TensorBoard curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

_LOG = logging.getLogger("bonafide")
# Keys of an epoch's figures -> names of TensorBoard's curves.
_CURVES = {
    "loss": "loss/train",
    "dev_loss": "loss/dev",
    "dev_eer": "eer/dev",
    "learning_rate": "learning_rate",
    "examples_per_second": "speed/examples_per_second",
    "waiting_share": "speed/waiting_share",
}


class Progress:
    """Reports each epoch in the log and, if there is a folder for it, to TensorBoard.

    Args:
        epochs: Epochs of the whole run.
        log_dir: Folder for TensorBoard; None for none.
        history: Figures of the epochs before a resume: their curves are drawn again, because a
            resumed run may write to a new folder.
    """

    def __init__(
        self, epochs: int, *, log_dir: str | None = None, history: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._epochs = epochs
        self._seconds: list[float] = []
        self._writer = tf.summary.create_file_writer(log_dir) if log_dir else None
        for figures in history:
            self._draw(figures)

    def epoch_done(self, figures: Mapping[str, Any], *, seconds: float) -> None:
        """Reports an epoch.

        Args:
            figures: `epoch` (from 1), `loss`, `dev_loss`, `dev_eer` (a fraction), `learning_rate`,
                `examples_per_second` and `waiting_share` (share of training time spent on input).
            seconds: Wall time of the epoch, evaluation included.
        """
        self._seconds.append(seconds)
        self._draw(figures)
        # The first epoch of a process includes tracing the model.
        usual = self._seconds[1:] or self._seconds
        left = (self._epochs - figures["epoch"]) * sum(usual) / len(usual)
        _LOG.info("%s", epoch_line(figures, epochs=self._epochs, seconds_left=left))

    def close(self) -> None:
        """Flushes and closes TensorBoard's file."""
        if self._writer is not None:
            self._writer.close()

    def _draw(self, figures: Mapping[str, Any]) -> None:
        if self._writer is None:
            return
        with self._writer.as_default():
            for key, curve in _CURVES.items():
                tf.summary.scalar(curve, figures[key], step=figures["epoch"])
        self._writer.flush()


def epoch_line(figures: Mapping[str, Any], *, epochs: int, seconds_left: float) -> str:
    """Returns the log line of an epoch."""
    return "  ".join(
        (
            f"epoch {figures['epoch']:{len(str(epochs))}d}/{epochs}",
            f"loss {figures['loss']:.3f}",
            f"dev loss {figures['dev_loss']:.3f}",
            f"dev EER {100 * figures['dev_eer']:.1f} %",
            f"lr {figures['learning_rate']:.1e}",
            f"{figures['examples_per_second']:.0f} examples/s",
            f"{100 * figures['waiting_share']:.0f} % waiting for input",
            f"{duration(seconds_left)} left" if seconds_left else "done",
        )
    )


def duration(seconds: float) -> str:
    """Returns a duration in its two largest units: `2 h 05 min`, `2 min 10 s`, `9 s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
