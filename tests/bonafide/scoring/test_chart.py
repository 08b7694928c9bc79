import dataclasses

import pytest
import scored

from bonafide.scoring import chart
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import Threshold

RATE = 16_000
READING = Reading(RATE, RATE, Threshold("eer", 0.5, accept_equal=False), 0.5)


def recording(path, samples, starts, scores):
    return scored.recording(path, samples, starts, scores, clip=RATE, rate_hz=RATE)


LONG = recording("talks/a & <b>.wav", 2 * RATE, [0, RATE // 2, RATE], [2.0, 1.25, -0.75])


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
        "subtitle": "the mean of 3 segments of at most 1 s (2.0 s of speech), the lowest of them "
        "-0.75 (▲); higher = more bona fide",
    }


def test_the_threshold_is_in_view_when_it_is_far_from_the_scores():
    reading = Reading(RATE, RATE, Threshold("number", 40.0), 0.5)
    spec = chart.chart(LONG, reading, "data:,")
    low, high = spec["vconcat"][0]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < -0.75
    assert high > 40


def test_one_clip_has_no_lowest_and_an_hour_no_bars():
    one = recording("a.wav", 18_000, [0], [1.0])
    spec = chart.chart(one, READING, "data:,")
    assert len(spec["vconcat"][0]["layer"]) == 3
    assert spec["title"]["subtitle"] == ("one segment, 1.1 s of speech; higher = more bona fide")
    starts = list(range(0, 3600 * RATE, RATE // 2))
    hour = recording("a.wav", 3600 * RATE, starts, [0.0] * len(starts))
    assert len(chart.chart(hour, READING, "data:,")["vconcat"][0]["layer"]) == 3


def test_three_answers_have_two_lines_and_colours_of_their_own():
    band = Threshold("band", 1.5, accept_equal=False, lower=-0.5)
    spec = chart.chart(LONG, dataclasses.replace(READING, threshold=band), "data:,")
    _line, bars, rule, _lowest = spec["vconcat"][0]["layer"]
    assert bars["encoding"]["color"]["scale"]["domain"] == ["bona fide", "not sure", "spoof"]
    assert rule["data"]["values"] == [
        {"score": 1.5, "text": "bona fide above 1.5"},
        {"score": -0.5, "text": "spoof at or below -0.5"},
    ]
    rows = spec["vconcat"][0]["data"]["values"]
    assert [row["decision"] for row in rows] == ["bona fide", "not sure", "spoof"]


def test_between_stretches_of_speech_there_is_no_line():
    paused = recording("a.wav", 9 * RATE, [0, RATE // 2, 6 * RATE], [2.0, 1.0, 0.0])
    assert [row["stretch"] for row in chart.segments(paused, READING)] == [0, 0, 1]


def test_the_channel_that_decides_is_drawn_and_a_spoofed_part_is_named():
    left = scored.track(2 * RATE, [0], [3.0], clip=RATE, rate_hz=RATE, channel="left")
    starts = [RATE // 2 * i for i in range(9)]
    right = scored.track(
        5 * RATE, starts, [2, 2, 2, 2, -3, -3, -3, 2, 2], clip=RATE, rate_hz=RATE, channel="right"
    )
    call = dataclasses.replace(LONG, tracks=[left, right])
    assert len(chart.segments(call, READING)) == 9
    assert chart.title(call, READING).endswith(
        "spoof, score 0.33, channel right, partly spoofed? 2.0 to 4.0 s"
    )


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
