"""Which slots of one series a run is about, by what the candle table holds and not by what was noted of it."""

from __future__ import annotations

from dataclasses import replace

from candle_collector.domain.repaired_series import repair
from candle_collector.domain.run import Mode
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.ports import CandleStore


def stored_range(mode: Mode, requested: Window, record: SeriesRecord, candles: CandleStore) -> Window:
    """Return the slots of one series that a run with `mode` over `requested` is about, perhaps none.

    backward takes the range as requested, and reads nothing. forward begins after the last stored candle, which is a
    query of one item. gap_fill stays between the first and the last candle, by two such queries, and between those that
    the record names; verify stays between the stored ones alone, as there is nothing else to compare.
    """
    if mode == "backward":
        return requested
    last = candles.last_slot(record.series)
    if mode == "forward":
        return _after(last, requested, record)
    first = None if last is None else candles.first_slot(record.series)
    if mode == "verify":
        record = replace(record, first=first, last=last)
    known = repair(record, first, last)
    return requested.clip(known.span) if known.span.slots else Window(requested.start, requested.start)


def _after(last: int | None, requested: Window, record: SeriesRecord) -> Window:
    """Return the slots after the last stored candle."""
    if last is not None:
        start = last + 1
    elif record.first is not None:
        start = record.first
    else:
        return requested
    return Window(start, max(start, requested.end))
