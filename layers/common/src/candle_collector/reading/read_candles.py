"""Stored candles for readers: which hours a question in Binance's terms means, and its candles of any interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import HOURLY, AnyGrid, by_bucket, merge
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.domain.windows import HOUR_MS, Window, Windows
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.stored_series import stored_series

LIMIT_DEFAULT = 500
LIMIT_MOST = 1000

_LAST_HOUR = 2_000_000
"""An hour of the year 2198: behind every candle."""

_READ_MOST = 25_000
"""The most hours held at a time: a thousand days and some."""


def read_candles(
    store: CandleStore,
    series: SeriesStore,
    symbol: str,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    grid: AnyGrid = HOURLY,
) -> list[Candle]:
    """Return stored candles as ``GET /api/v3/klines`` would: bounds are inclusive on the open time.

    With a start, the oldest from there on; without, the newest up to the end. A longer interval's candle is there when
    all that its hours will ever hold is stored; the candle still running is never there.

    Parameters
    ----------
    start_ms, end_ms
        Open times in ms since 1970 UTC.
    limit
        The most candles; more than 1000 are answered with 1000.
    grid
        The interval.
    """
    limit = min(limit, LIMIT_MOST)
    newest = start_ms is None
    if grid.hours == 1:
        return _hours(store, symbol, start_ms=start_ms, end_ms=end_ms, limit=limit)
    first = grid.ceil(min(_LAST_HOUR, max(dates.EARLIEST, -(-(start_ms or 0) // HOUR_MS))))
    last = grid.floor(_LAST_HOUR if end_ms is None else min(_LAST_HOUR, end_ms // HOUR_MS))
    left = Window(first, grid.bucket(last).end)
    found: list[Candle] = []
    most = min((limit + 1) * grid.hours, _READ_MOST)
    while left.hours and len(found) < limit:
        hours = store.candles(symbol, left, limit=most, newest=newest)
        if len(hours) < most:
            left = Window(left.start, left.start)
        else:  # a bucket may have been cut where the reading stopped: it comes first the next time
            left, hours = _whole_buckets(hours, left, grid, newest=newest)
        merged = list(complete_buckets(store, lambda: series.get(symbol), symbol, hours, grid))
        found = merged + found if newest else found + merged
        most = min(2 * most, _READ_MOST)
    return found[-limit:] if newest else found[:limit]


def _hours(store: CandleStore, symbol: str, *, start_ms: int | None, end_ms: int | None, limit: int) -> list[Candle]:
    first = dates.EARLIEST if start_ms is None else max(dates.EARLIEST, start_ms // HOUR_MS)
    last = _LAST_HOUR if end_ms is None else min(_LAST_HOUR, end_ms // HOUR_MS)
    # an hour more at each end: a candle that opened off the hour may lie on either side of the bound
    found = store.candles(symbol, Window(first, last + 1), limit=limit + 1, newest=start_ms is None)
    kept = [
        candle
        for candle in found
        if (start_ms is None or candle.open_time_ms >= start_ms) and (end_ms is None or candle.open_time_ms <= end_ms)
    ]
    return kept[-limit:] if start_ms is None else kept[:limit]


def _whole_buckets(hours: list[Candle], left: Window, grid: AnyGrid, *, newest: bool) -> tuple[Window, list[Candle]]:
    """Return what is still to be read, and the hours without those of a bucket that was cut."""
    if newest:
        end = grid.ceil(hours[0].hour)
        return Window(left.start, end), [candle for candle in hours if candle.hour >= end]
    start = grid.floor(hours[-1].hour + 1)
    return Window(start, left.end), [candle for candle in hours if candle.hour < start]


def complete_buckets(
    store: CandleStore, record: Callable[[], Series], symbol: str, hours: Sequence[Candle], grid: AnyGrid
) -> Iterator[Candle]:
    """Yield the candles of the buckets that miss nothing, given all stored `hours` of those buckets, ascending.

    Coverage is read only for buckets with fewer hours than they have room for: outages are rare, and what has all its
    hours needs no proof.

    Parameters
    ----------
    record
        Gives the series' record; it is called where coverage is read.
    """
    buckets = list(by_bucket(hours, grid))
    short = windows.union(bucket for bucket, candles in buckets if len(candles) < bucket.hours)
    missing = _missing(store, record(), symbol, short) if short else ()
    for bucket, candles in buckets:
        if not windows.clip(missing, bucket):
            yield merge(bucket, candles)


def _missing(store: CandleStore, known: Series, symbol: str, within: Windows) -> Windows:
    if any(windows.clip(within, proof) for proof in (known.absent, known.delisted) if proof):
        # a record that has the first or the last candle wrong has these wrong too
        known = stored_series(known, store).series
    missing: list[Window] = []
    for window in within:
        days = store.coverage(symbol, window)
        coverage = known.coverage(days.stored, days.never_printed)
        missing += coverage.missing(window)
    return windows.union(missing)
