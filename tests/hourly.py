"""Hours, for the tests of hourly series: the slots of their interval, under the names that say so."""

from __future__ import annotations

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.interval import HOUR, HOUR_MS
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window

HOURS_A_DAY = HOUR.slots_a_day
EARLIEST = HOUR.slot_from(BINANCE.earliest_ms)

hour_of = HOUR.slot_of
moment_of = HOUR.moment_of
day_of = HOUR.day_of
first_hour_of = HOUR.first_of_day
format_hour = HOUR.format
year_of = HOUR.year_of
years_of = HOUR.years_of
year_window = HOUR.year_window
count_by_month = HOUR.count_by_month
blocks_in = HOUR.blocks_in


def hourly(symbol: str) -> Series:
    """Return the hourly series of a symbol."""
    return Series(symbol, HOUR, BINANCE.name)


def ms_of_hour(hour: int) -> int:
    """Return when an hour begins, in ms since 1970 UTC."""
    return HOUR.open_ms(hour)


def hours(start: int, end: int) -> Window:
    """Return the times of the hours from `start` to before `end`, in ms since 1970 UTC."""
    return times_of(Window(start, end))


def times_of(window: Window) -> Window:
    """Return a window of hours as times, in ms since 1970 UTC."""
    return Window(*map(HOUR.open_ms, window))


__all__ = [
    "EARLIEST",
    "HOUR",
    "HOURS_A_DAY",
    "HOUR_MS",
    "blocks_in",
    "count_by_month",
    "day_of",
    "first_hour_of",
    "format_hour",
    "hour_of",
    "hourly",
    "hours",
    "moment_of",
    "ms_of_hour",
    "times_of",
    "year_of",
    "year_window",
    "years_of",
]
