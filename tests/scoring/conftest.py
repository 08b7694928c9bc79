"""Recordings as bytes and as files."""

import io

import numpy as np
import pytest
import soundfile


@pytest.fixture
def wav():
    """Returns a function that encodes samples [M] or [M, channels], by default as 16-bit WAV."""

    def encode(samples, rate_hz=16_000, subtype="PCM_16", kind="WAV"):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.asarray(samples), rate_hz, subtype=subtype, format=kind)
        return buffer.getvalue()

    return encode
