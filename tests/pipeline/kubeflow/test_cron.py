import pytest

from pipeline.kubeflow.cron import kfp_cron
from pipeline.kubeflow.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0 3 * * 1", "0 0 3 * * 1"),
        ("  */15  0-6   1,15 JAN-mar  MON-FRI ", "0 */15 0-6 1,15 JAN-mar MON-FRI"),
        ("30 0 3 ? * sun", "30 0 3 ? * sun"),
        ("0 0 9 31 12 0", "0 0 9 31 12 0"),
        ("0 8-18/2 * * 1-5", "0 0 8-18/2 * * 1-5"),
    ],
)
def test_five_and_six_fields(text, wanted):
    assert kfp_cron(text) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has 0 fields: five are wanted"),
        ("0 3 * *", "has 4 fields"),
        ("0 0 3 * * 1 2026", "has 7 fields"),
        ("@daily", 'write it as five fields, as "0 3 \\* \\* 1"'),
        ("60 3 * * 1", 'minute "60": 60 is not in 0 to 59'),
        ("0 24 * * *", 'hour "24": 24 is not in 0 to 23'),
        ("0 3 0 * *", 'day of month "0": 0 is not in 1 to 31'),
        ("0 3 * 13 *", 'month "13"'),
        ("0 3 * * 7", "7 is not in 0 to 6; Sunday is 0"),
        ("0 3 * * monday", "'monday' is no number and no name"),
        ("0 5-3 * * *", "'5-3' ends before it begins"),
        ("*/0 * * * *", "the step '0' is no whole number above 0"),
        ("1, 3 * * *", "'' is no number"),
        ("-1 3 * * *", "'' is no number"),
        ("61 0 3 * * 1", 'second "61"'),
    ],
)
def test_what_kfp_would_refuse_is_refused_with_a_reason(text, reason):
    with pytest.raises(UsageError, match=reason):
        kfp_cron(text)
