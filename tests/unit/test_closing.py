"""When a candle counts as closed: to the millisecond; and how many hours the archive is behind."""

from __future__ import annotations

import pytest
from candle_collector.domain.closing import closed_ms_at, closed_ms_by, lag_hours
from candle_collector.domain.interval import HOUR_MS, Interval, moment_at

NEXT_DAY_MS = 20_000 * 24 * HOUR_MS


@pytest.mark.parametrize(
    ("since_its_end_ms", "closed"),
    [
        (-1, -1),
        (0, -1),
        (999, -1),  # the exchange's clock, cut to seconds, may not have reached the end yet
        (1000, 0),
        (59_999, 0),
    ],
)
@pytest.mark.parametrize("interval", Interval)
def test_a_candle_has_closed_a_second_after_its_end(interval: Interval, since_its_end_ms: int, closed: int) -> None:
    following = interval.slot_at(NEXT_DAY_MS)
    assert interval.slot_at(closed_ms_at(NEXT_DAY_MS + since_its_end_ms)) == following + closed


@pytest.mark.parametrize(("clock_offset_ms", "closed_ms"), [(0, -1000), (5000, -1000), (-5000, -6000)])
def test_of_two_clocks_the_slower_one_counts(clock_offset_ms: int, closed_ms: int) -> None:
    assert closed_ms_by(moment_at(NEXT_DAY_MS), clock_offset_ms=clock_offset_ms) == NEXT_DAY_MS + closed_ms


@pytest.mark.parametrize(
    ("newest", "now_ms", "lag"),
    [
        ([], 10 * HOUR_MS, None),
        ([(Interval.HOUR, 9)], 10 * HOUR_MS, 0),
        ([(Interval.HOUR, 8), (Interval.HOUR, 9)], 11 * HOUR_MS + 999, 0),
        ([(Interval.HOUR, 8), (Interval.HOUR, 9)], 11 * HOUR_MS + 1000, 1),
        ([(Interval.MINUTE, 600)], 12 * HOUR_MS + 1000, 1),  # it ended a minute past 10
        ([(Interval.DAY, 0)], 47 * HOUR_MS, 0),  # the second day has not closed
        ([(Interval.DAY, 0)], 48 * HOUR_MS + 1000, 1),  # the second day closed this second
        ([(Interval.DAY, 0)], 60 * HOUR_MS + 1000, 13),
        ([(Interval.DAY, 0)], 72 * HOUR_MS + 1000, 25),
        ([(Interval.DAY, 0), (Interval.HOUR, 47)], 48 * HOUR_MS + 1000, 1),
        ([(Interval.DAY, 0), (Interval.HOUR, 30)], 47 * HOUR_MS + 1000, 16),
        ([(Interval.DAY, 0), (Interval.HOUR, 46)], 47 * HOUR_MS + 1000, 0),
    ],
)
def test_the_archive_is_whole_hours_behind_its_newest_candle(
    newest: list[tuple[Interval, int]], now_ms: int, lag: int | None
) -> None:
    assert lag_hours(newest, moment_at(now_ms), clock_offset_ms=0) == lag
