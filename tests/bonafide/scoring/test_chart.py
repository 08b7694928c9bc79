import pytest

from bonafide.scoring import chart
from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import Threshold

RATE = 16_000
READING = Reading(RATE, RATE, Threshold("eer", 0.5, accept_equal=False), 0.5)
LONG = Recording(
    "talks/a & <b>.wav", 2 * RATE, starts=[0, RATE // 2, RATE], scores=[2.0, 1.25, -0.75]
)


def test_the_chart_has_every_segment_the_threshold_and_the_lowest():
    spec = chart.chart(LONG, READING, "data:,")
    scores, spectrogram = spec["vconcat"]
    rows = scores["data"]["values"]
    assert [(row["start"], row["middle"], row["end"]) for row in rows] == [
        *((0.0, 0.5, 1.0), (0.5, 1.0, 1.5), (1.0, 1.5, 2.0))
    ]
    assert [row["decision"] for row in rows] == ["bona fide", "bona fide", "spoof"]
    assert [row["lowest"] for row in rows] == [False, False, True]
    line, _bars, rule, _lowest = scores["layer"]
    assert rule["data"]["values"] == [{"score": 0.5, "text": "eer: bona fide above 0.5"}]
    # Both panels have the same time.
    assert line["encoding"]["x"]["scale"]["domain"] == [0, 2.0]
    frame = spectrogram["layer"][1]
    assert frame["encoding"]["x"]["scale"]["domain"] == [0, 2.0]
    assert frame["encoding"]["y"]["scale"]["domain"] == [0, 8.0]
    low, high = line["encoding"]["y"]["scale"]["domain"]
    assert low < -0.75 < 2.0 < high
    assert spec["title"] == {
        "text": "talks/a & <b>.wav: bona fide, score 0.83",
        "subtitle": "the mean of 3 segments of 1 s, the lowest of them -0.75 (▲); "
        "higher = more bona fide",
    }


def test_the_threshold_is_in_view_when_it_is_far_from_the_scores():
    reading = Reading(RATE, RATE, Threshold("number", 40.0), 0.5)
    spec = chart.chart(LONG, reading, "data:,")
    low, high = spec["vconcat"][0]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < -0.75
    assert high > 40


def test_one_clip_has_no_lowest_and_an_hour_no_bars():
    one = Recording("a.wav", 8_000, starts=[0], scores=[1.0])
    spec = chart.chart(one, READING, "data:,")
    assert len(spec["vconcat"][0]["layer"]) == 3
    assert spec["title"]["subtitle"] == "one clip of 0.50 s; higher = more bona fide"
    starts = list(range(0, 3600 * RATE, RATE // 2))
    hour = Recording("a.wav", 3600 * RATE, starts=starts, scores=[0.0] * len(starts))
    assert len(chart.chart(hour, READING, "data:,")["vconcat"][0]["layer"]) == 3


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (2.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]),
        (61.0, [0, 10, 20, 30, 40, 50, 60]),
        (3600.0, [0, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000, 3300, 3600]),
        (200_000.0, [0, 18_000, 36_000, 54_000, 72_000, 90_000, 108_000, 126_000, 144_000]),
    ],
)
def test_ticks_stand_at_round_times(seconds, ticks):
    axis = chart.time_axis(seconds)
    assert axis["values"][: len(ticks)] == ticks
    assert axis["values"][-1] <= seconds
    assert len(axis["values"]) <= 13
    assert ("labelExpr" in axis) == (seconds > 120)


def test_a_narrow_picture_has_fewer_ticks():
    spec = chart.chart(LONG, READING, "data:,", width=300, titled=False)
    assert "title" not in spec
    assert [panel["width"] for panel in spec["vconcat"]] == [300, 300]
    axis = spec["vconcat"][0]["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == [0, 0.5, 1.0, 1.5, 2.0]
