"""When a candle counts as closed, and how far behind the archive is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from candle_collector.domain.interval import HOUR_MS, Interval, ms_of
from candle_collector.domain.series_record import SeriesRecord

CLOSE_MARGIN_MS = 1000
"""How long after its end a candle counts as closed; the exchange's Date header, cut to seconds, adds up to a second."""


def closed_ms_at(now_ms: int) -> int:
    """Return up to when everything counts as closed at `now_ms`, both in ms since 1970 UTC."""
    return now_ms - CLOSE_MARGIN_MS


def closed_ms_by(now: datetime, *, clock_offset_ms: int) -> int:
    """Return up to when everything counts as closed, in ms since 1970 UTC, by the slower of two clocks.

    Parameters
    ----------
    clock_offset_ms
        How far the exchange's clock is ahead of ours.
    """
    return closed_ms_at(ms_of(now) + min(0, clock_offset_ms))


def newest_slots(records: Iterable[SeriesRecord], intervals: Collection[Interval]) -> list[tuple[Interval, int]]:
    """Return the newest stored slot of each series of these intervals that has one, with its interval."""
    return [
        (record.series.interval, record.last)
        for record in records
        if record.last is not None and record.series.interval in intervals
    ]


def lag_hours(newest: Iterable[tuple[Interval, int]], now: datetime, *, clock_offset_ms: int) -> int | None:
    """Return for how many hours candles have closed that are newer than the newest stored ones; None of nothing.

    One that has just closed counts as an hour, a shorter one as its length: a day that closed at midnight is not a day
    behind at once, as no schedule has had time for it.

    Parameters
    ----------
    newest
        The newest stored slot of each series, with its interval. Of each interval the series counts that is least
        behind, and of these the interval that is furthest: days that are up to date hide no hours that are not.
    clock_offset_ms
        How far the exchange's clock was ahead of ours, in ms: of two clocks, the one that is behind counts.
    """
    closed_ms = closed_ms_by(now, clock_offset_ms=clock_offset_ms)
    last: dict[Interval, int] = {}
    for interval, slot in newest:
        last[interval] = max(slot, last.get(interval, slot))
    behind = [_behind_ms(interval, slot, closed_ms) for interval, slot in last.items()]
    return max(behind) // HOUR_MS if behind else None


def _behind_ms(interval: Interval, newest: int, closed_ms: int) -> int:
    """Return for how many ms the candle behind the `newest` slot has been closed, and what itself counts for."""
    since_ms = closed_ms - interval.open_ms(newest + 2)
    return since_ms + min(interval.length_ms, HOUR_MS) if since_ms >= 0 else 0
