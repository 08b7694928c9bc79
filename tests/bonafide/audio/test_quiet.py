import contextlib
import io
import os
import threading

import numpy as np
import pytest
import soundfile

from bonafide.audio import quiet
from bonafide.audio.decoding import decode
from bonafide.audio.facts import AudioError


@pytest.fixture
def broken_mp3():
    """An MP3 file of noise with frames that libmpg123 complains of."""
    noise = np.random.default_rng(0).normal(0, 0.1, 64_000)
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16_000, format="MP3")
    content = bytearray(buffer.getvalue())
    for place in np.random.default_rng(0).integers(700, len(content), 60):
        content[place] ^= 0x55
    return bytes(content)


def test_libmpg123_writes_nothing_on_the_console(broken_mp3, capfd):
    with contextlib.suppress(soundfile.SoundFileError):
        soundfile.SoundFile(io.BytesIO(broken_mp3)).read()
    assert "resync" in capfd.readouterr().err  # without us
    with contextlib.suppress(AudioError):
        decode(broken_mp3, 16_000, 0.3)
    assert capfd.readouterr().err == ""


def test_what_others_write_meanwhile_is_kept(capfd):
    def write(number):
        with quiet.without_mpg123():
            for part in range(50):
                os.write(2, b"[src/libmpg123/layer3.c:1801] error: dequantization failed!\n")
                os.write(2, f"mine {number} {part}\n".encode())

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after\n")
    err = capfd.readouterr().err
    mine = [f"mine {number} {part}" for number in range(20) for part in range(50)]
    assert sorted(err.splitlines()) == sorted(["after", *mine])
    assert quiet._HELD.users == 0
