import pytest

from models.tuning.trial_record import TrialRecord, TrialResult

ONE = TrialResult({"conformer.dropout": 0.125, "augment.max_time_mask_frames": 3}, dev_eer=1 / 3)
TWO = TrialResult({"conformer.dropout": 0.5, "augment.max_time_mask_frames": 3}, failure="nan")


def test_what_was_added_is_found_again(tmp_path):
    directory = str(tmp_path / "a" / "b")
    record = TrialRecord(directory, "f")
    assert len(record) == 0
    record.add(ONE)
    record.add(TWO)
    again = TrialRecord(directory, "f")
    assert len(again) == 2
    assert again.find(ONE.values) == ONE
    assert again.find(TWO.values) == TWO
    assert again.find({"conformer.dropout": 0.1}) is None
    again.remove()
    assert not (tmp_path / "a" / "b").exists()
    again.remove()


def test_what_else_is_in_the_folder_stays(tmp_path):
    (tmp_path / "other").touch()
    record = TrialRecord(str(tmp_path), "f")
    record.add(ONE)
    record.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"fingerprint": "g", "trials": []}', "it belongs to other data, settings or code"),
        ('{"fingerprint": "f", "tri', "Unterminated string"),
        ('{"fingerprint": "f"}', "trials"),
        ('{"fingerprint": "f", "trials": [{"value": 1}]}', "unexpected keyword"),
    ],
)
def test_a_record_of_no_use_is_reported_and_tuning_starts_over(tmp_path, caplog, text, why):
    (tmp_path / "trials.json").write_text(text)
    record = TrialRecord(str(tmp_path), "f")
    assert len(record) == 0
    assert "is not used, tuning starts over" in caplog.text
    assert why in caplog.text
