import numpy as np
import pytest

from models.data.holdout import Ids, hold_out

TRAIN = Ids(
    np.array(["-", "-", "A01", "A02", "A02", "A03"]), np.array(["S1", "S2", "S1", "S1", "S3", "S2"])
)
DEV = Ids(np.array(["-", "A01", "A02", "A03"]), np.array(["S8", "S8", "S9", "S8"]))


def test_held_out_attacks_leave_training_and_are_all_that_dev_keeps():
    train, dev = hold_out(TRAIN, DEV, ["A02"])
    assert train.tolist() == [True, True, True, False, False, True]
    assert dev.tolist() == [True, False, True, False]


def test_speakers_of_dev_leave_training():
    shared = Ids(DEV.systems, np.array(["S2", "S8", "S9", "S1"]))
    # S1 speaks in dev only an attack that is not kept there.
    train, _ = hold_out(TRAIN, shared, ["A02"])
    assert train.tolist() == [True, False, True, False, False, False]


@pytest.mark.parametrize(
    ("attacks", "message"),
    [
        (["A02", "A09"], r"expected attacks of the dev split \(A01, A02, A03\), got A09"),
        (["A01", "A02", "A03"], "leaves the train split with 2 bona fide and 0 spoofed"),
    ],
)
def test_what_cannot_be_held_out_is_told(attacks, message):
    with pytest.raises(ValueError, match=message):
        hold_out(TRAIN, DEV, attacks)
