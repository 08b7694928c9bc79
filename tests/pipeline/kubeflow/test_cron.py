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
        ("", "expected five fields .*, got 0"),
        ("0 3 * *", "got 4"),
        ("0 0 3 * * 1 2026", "got 7"),
        ("@daily", 'use five fields, for example "0 3 \\* \\* 1"'),
        ("60 3 * * 1", 'minute "60": expected 0 to 59, got 60'),
        ("0 24 * * *", 'hour "24": expected 0 to 23, got 24'),
        ("0 3 0 * *", 'day of month "0": expected 1 to 31, got 0'),
        ("0 3 * 13 *", 'month "13"'),
        ("0 3 * * 7", "expected 0 to 6, got 7; Sunday is 0"),
        ("0 3 * * monday", "expected a number or a name, got 'monday'"),
        ("0 5-3 * * *", "the range '5-3' ends before it starts"),
        ("*/0 * * * *", "expected a whole number above 0 as step, got '0'"),
        ("1, 3 * * *", "expected a number, got ''"),
        ("-1 3 * * *", "expected a number, got ''"),
        ("61 0 3 * * 1", 'second "61"'),
    ],
)
def test_what_kfp_would_refuse_is_refused_with_a_reason(text, reason):
    with pytest.raises(UsageError, match=reason):
        kfp_cron(text)
