"""Spectrogram of a recording of any length, from blocks, with bounded memory."""

from __future__ import annotations

import numpy as np

_WINDOW_SECONDS = 0.032
# Beyond twice this number, columns are merged in pairs; enough for a picture of any length.
_COLUMNS = 1024
_FULL_SCALE = 32768.0
_FLOOR_DB = -120.0  # below 16-bit quantisation noise


class Spectrogram:
    """Computes the mean power of frames in columns of equal length.

    Frames are Hann windows of 32 ms, one every 16 ms. A column has one frame until there are too
    many columns; then each has two, then four, and so on.

    Args:
        sample_rate: Rate of the recording, in Hz.

    Attributes:
        sample_rate: Rate of the recording, in Hz.
        samples: Number of samples so far.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.samples = 0
        self._window = 2 * max(1, round(_WINDOW_SECONDS * sample_rate / 2))
        self._hop = self._window // 2
        self._taper = np.hanning(self._window + 1)[:-1].astype(np.float32)
        self._held = np.zeros(0, np.int16)  # samples of an incomplete frame
        self._frames = np.zeros((0, self._hop + 1), np.float32)  # frames of an incomplete column
        self._columns = np.zeros((0, self._hop + 1), np.float32)
        self._frames_each = 1

    def add(self, block: np.ndarray) -> None:
        """Adds the next samples [M] int16."""
        self.samples += len(block)
        self._held = np.concatenate([self._held, block])
        count = (len(self._held) - self._window) // self._hop + 1
        if count < 1:
            return
        # In parts, because a block of a minute has thousands of frames.
        for first in range(0, count, _COLUMNS):
            last = min(count, first + _COLUMNS)
            part = self._held[first * self._hop : (last - 1) * self._hop + self._window]
            self._take(self._power(part))
        self._held = self._held[count * self._hop :]

    def decibels(self) -> np.ndarray:
        """Returns the power in dB of full scale, [T, F]: time by frequency from 0 to half the rate.

        A recording shorter than a frame is padded with zeros.
        """
        parts = [self._columns]
        if len(self._frames):
            parts.append(self._frames.mean(axis=0, keepdims=True))
        columns = np.concatenate(parts)
        if not len(columns):
            columns = self._power(np.pad(self._held, (0, self._window - len(self._held))))
        with np.errstate(divide="ignore"):  # silence
            return np.maximum(10.0 * np.log10(columns), _FLOOR_DB)

    def _power(self, samples: np.ndarray) -> np.ndarray:
        """Returns the power of complete frames [M, F], 1 for a full-scale sine."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._window)[:: self._hop]
        scaled = frames.astype(np.float32) * (self._taper / np.float32(_FULL_SCALE))
        spectrum = np.fft.rfft(scaled, axis=1) * (2.0 / self._taper.sum())
        power: np.ndarray = np.square(np.abs(spectrum))
        return power.astype(np.float32)

    def _take(self, frames: np.ndarray) -> None:
        frames = np.concatenate([self._frames, frames])
        each = self._frames_each
        whole = len(frames) // each
        means = frames[: whole * each].reshape(whole, each, self._hop + 1).mean(axis=1)
        self._frames = frames[whole * each :]
        self._columns = np.concatenate([self._columns, means])
        while len(self._columns) > 2 * _COLUMNS:
            if len(self._columns) % 2:
                # Its frames can be replaced by their repeated mean.
                again = np.repeat(self._columns[-1:], self._frames_each, axis=0)
                self._frames = np.concatenate([again, self._frames])
                self._columns = self._columns[:-1]
            self._columns = self._columns.reshape(-1, 2, self._columns.shape[1]).mean(axis=1)
            self._frames_each *= 2
