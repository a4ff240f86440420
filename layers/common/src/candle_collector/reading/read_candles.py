"""Stored candles for readers: which slots a question in Binance's terms means, and its candles of any interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from candle_collector.domain import windows
from candle_collector.domain.aggregate import AS_STORED, AnyGrid, by_bucket, merge
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore
from candle_collector.reading.candle_source import EVER, CandleSource, Part
from candle_collector.reading.stored_series import stored_series

LIMIT_DEFAULT = 500
LIMIT_MOST = 1000

_READ_MOST = 25_000
"""The most candles held at a time: a thousand days of hours and some."""


def read_parts(
    store: CandleStore,
    records: SeriesStore,
    parts: Sequence[Part],
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[tuple[CandleSource, Candle]]:
    """Return stored candles as `read_candles` does, each with what it was read from.

    Parameters
    ----------
    parts
        Those of `parts_of`; no more of them are read than the candles need.
    """
    limit, newest = min(limit, LIMIT_MOST), start_ms is None
    found: list[tuple[CandleSource, Candle]] = []
    for source, within in reversed(parts) if newest else parts:
        if len(found) < limit:
            candles = read_candles(
                store,
                records,
                source.series,
                start_ms=None if start_ms is None else max(start_ms, within.start),
                end_ms=within.end - 1 if end_ms is None else min(end_ms, within.end - 1),
                limit=limit - len(found),
                grid=source.grid,
                earliest_ms=within.start,
            )
            more = [(source, candle) for candle in candles]
            found = more + found if newest else found + more
    return found


def read_candles(
    store: CandleStore,
    records: SeriesStore,
    series: Series,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    grid: AnyGrid = AS_STORED,
    earliest_ms: int = EVER.start,
) -> list[Candle]:
    """Return stored candles as ``GET /api/v3/klines`` would: bounds are inclusive on the open time.

    With a start, the oldest from there on; without, the newest up to the end. A longer interval's candle is there when
    all that its slots will ever hold is stored; the candle still running is never there.

    Parameters
    ----------
    start_ms, end_ms
        Open times in ms since 1970 UTC.
    limit
        The most candles; more than 1000 are answered with 1000.
    series
        The one whose candles are returned, or that those of a longer interval are made of.
    grid
        How its slots make up the asked interval.
    earliest_ms
        What opens before is left out, and not read, where no start is given.
    """
    limit = min(limit, LIMIT_MOST)
    newest = start_ms is None
    if grid == AS_STORED:
        return _as_stored(store, series, start_ms=start_ms, end_ms=end_ms, limit=limit, earliest_ms=earliest_ms)
    interval = series.interval
    first = grid.ceil(interval.slot_from(min(EVER.end, max(earliest_ms, start_ms or 0))))
    last = grid.floor(interval.slot_at(EVER.end if end_ms is None else min(EVER.end, end_ms)))
    left = Window(first, grid.bucket(last).end)
    found: list[Candle] = []
    held_most = max(_READ_MOST, 2 * grid.slots)  # a whole bucket at least
    most = min((limit + 1) * grid.slots, held_most)
    while left.slots and len(found) < limit:
        candles = store.candles(series, left, limit=most, newest=newest)
        if len(candles) < most:
            left = Window(left.start, left.start)
        else:  # a bucket may have been cut where the reading stopped: it comes first the next time
            left, candles = _whole_buckets(candles, left, grid, newest=newest)
        merged = list(complete_buckets(store, lambda: records.get(series), candles, grid))
        found = merged + found if newest else found + merged
        most = min(2 * most, held_most)
    return found[-limit:] if newest else found[:limit]


def _as_stored(
    store: CandleStore, series: Series, *, start_ms: int | None, end_ms: int | None, limit: int, earliest_ms: int
) -> list[Candle]:
    interval, newest = series.interval, start_ms is None
    opens_ms = max(earliest_ms, start_ms or 0)
    first = interval.slot_at(opens_ms)
    last = interval.slot_at(EVER.end if end_ms is None else min(EVER.end, end_ms))
    # a slot more at each end: a candle that opened off the grid may lie on either side of the bound
    found = store.candles(series, Window(first, last + 1), limit=limit + 1, newest=newest)
    kept = [
        candle
        for candle in found
        if candle.open_time_ms(interval) >= opens_ms and (end_ms is None or candle.open_time_ms(interval) <= end_ms)
    ]
    return kept[-limit:] if newest else kept[:limit]


def _whole_buckets(candles: list[Candle], left: Window, grid: AnyGrid, *, newest: bool) -> tuple[Window, list[Candle]]:
    """Return what is still to be read, and the candles without those of a bucket that was cut."""
    if newest:
        end = grid.ceil(candles[0].slot)
        return Window(left.start, end), [candle for candle in candles if candle.slot >= end]
    start = grid.floor(candles[-1].slot + 1)
    return Window(start, left.end), [candle for candle in candles if candle.slot < start]


def complete_buckets(
    store: CandleStore, record: Callable[[], SeriesRecord], candles: Sequence[Candle], grid: AnyGrid
) -> Iterator[Candle]:
    """Yield the candles of the buckets that miss nothing, given all stored `candles` of those buckets, ascending.

    Coverage is read only for buckets with fewer slots than they have room for: outages are rare, and what has all its
    slots needs no proof.

    Parameters
    ----------
    record
        Gives the series' record; it is called where coverage is read.
    """
    buckets = list(by_bucket(candles, grid))
    short = windows.union(bucket for bucket, held in buckets if len(held) < bucket.slots)
    missing = _missing(store, record(), short) if short else ()
    for bucket, held in buckets:
        if not windows.clip(missing, bucket):
            yield merge(bucket, held)


def _missing(store: CandleStore, known: SeriesRecord, within: Windows) -> Windows:
    if any(windows.clip(within, proof) for proof in (known.absent, known.delisted) if proof):
        # a record that has the first or the last candle wrong has these wrong too
        known = stored_series(known, store).record
    missing: list[Window] = []
    for window in within:
        blocks = store.coverage(known.series, window)
        coverage = known.coverage(blocks.stored, blocks.never_printed)
        missing += coverage.missing(window)
    return windows.union(missing)
