import numpy as np
import pytest
import soundfile

from models.augmentation.rooms import load_rooms


def test_rooms_begin_with_the_direct_sound_and_have_an_energy_of_one(tmp_path):
    stereo = np.zeros((4000, 2))
    stereo[100], stereo[300], stereo[2500] = 0.5, 0.25, 0.1
    soundfile.write(tmp_path / "b.wav", stereo, 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "a.flac", np.array([0.0, 0.9, 0.3]), 16000)
    (tmp_path / "notes.txt").write_text("not a room")
    first, second = load_rooms(str(tmp_path), 16000)
    np.testing.assert_allclose((first**2).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose((second**2).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(first[:3], [3 / 10**0.5, 1 / 10**0.5, 0], atol=1e-3)
    assert np.abs(second).argmax() == 0
    assert np.abs(second[380:420]).argmax() + 380 == 400  # 200 samples at 8 kHz
    assert second.shape == first.shape


def test_a_long_room_is_cut_to_a_second(tmp_path):
    room = np.exp(-np.arange(40000) / 8000)
    soundfile.write(tmp_path / "long.wav", room, 16000, subtype="FLOAT")
    assert load_rooms(str(tmp_path), 16000).shape == (1, 16000)


def test_what_is_wrong_is_told(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected WAV or FLAC files in waveform\.room_dir, got none"
    ):
        load_rooms(str(tmp_path), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), 16000)
    with pytest.raises(ValueError, match=r"silent\.wav is silent"):
        load_rooms(str(tmp_path), 16000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"broken\.wav cannot be read"):
        load_rooms(str(tmp_path), 16000)
