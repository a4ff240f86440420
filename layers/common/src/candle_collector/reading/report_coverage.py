"""How complete the archive is: what each series should hold, holds, can never hold, and lacks.

What it costs: one series from its items is a page of about 230 read units for each stored year. The list of all is made
from the series' records, whose counts say which years are full, and reads the items of the other years alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from candle_collector import answers
from candle_collector.domain import dates, windows
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.coverage import Coverage
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.segments import segments
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import NotFoundError
from candle_collector.ports import CandleStore, Clock, RateLimiter, SeriesStore

YEARS_A_PAGE = 60
"""How many years of items a page of the list reads at most: each takes tens of milliseconds, a call has 29 s."""


@dataclass(frozen=True)
class CoveragePorts:
    """What a report on coverage needs."""

    candles: CandleStore
    series: SeriesStore
    rate_limiter: RateLimiter
    clock: Clock

    def closed_end(self) -> int:
        """Return the hour after the last that had closed by our clock and, as last heard, by the exchange's."""
        now_ms = round(self.clock.now().timestamp() * 1000)
        return closed_end_at(now_ms + min(0, self.rate_limiter.state().clock_offset_ms))


def report_symbol_coverage(
    symbol: str, ports: CoveragePorts, *, start: int | None = None, end: int | None = None
) -> answers.SymbolCoverage:
    """Return the coverage of one series, read from its items.

    Parameters
    ----------
    start, end
        The hours that are expected, half open: from the first candle to the last closed hour where they are None. An
        end in the future is moved to the last closed hour.

    Raises
    ------
    NotFoundError
        Nothing was ever collected of it.
    """
    series = ports.series.get(symbol)
    if series == Series(symbol):
        raise NotFoundError(f"nothing was collected of {symbol}")
    closed_end = ports.closed_end()
    within = _expected(series, closed_end)
    within = Window(within.start if start is None else start, within.end if end is None else min(end, closed_end))
    life = life_of(series)
    days = ports.candles.coverage(symbol, life)
    stored = windows.clip(days.stored, life)
    never = windows.clip(windows.subtract(days.never_printed, days.stored), life)
    return _report(series, within, stored, never)


def report_coverage(ports: CoveragePorts, *, after: str | None = None) -> answers.Coverage:
    """Return the coverage of all series by symbol, from their records; ``next`` continues a page that was full.

    Parameters
    ----------
    after
        Leave out the symbols up to this one.
    """
    closed_end = ports.closed_end()
    reports: list[answers.SymbolCoverage] = []
    years_read = 0
    for series in ports.series.all():
        if after is not None and series.symbol <= after:
            continue
        full, short = split_years(series)
        if reports and years_read + len(short) > YEARS_A_PAGE:
            return answers.Coverage(reports, next=reports[-1].symbol)
        years_read += len(short)
        stored, never = list(full), list[Window]()
        for year in short:
            days = ports.candles.coverage(series.symbol, year)
            stored += windows.clip(days.stored, year)
            never += windows.clip(windows.subtract(days.never_printed, days.stored), year)
        reports.append(_report(series, _expected(series, closed_end), windows.union(stored), windows.union(never)))
    return answers.Coverage(reports, next=None)


def life_of(series: Series) -> Window:
    """Return the hours from the first candle to the last."""
    if series.first is None or series.last is None:
        return Window(0, 0)
    return Window(series.first, series.last + 1)


def _expected(series: Series, closed_end: int) -> Window:
    """Return the hours from the first candle to the delisting or the last closed hour."""
    life = life_of(series)
    if not life.hours:
        return life
    return Window(life.start, max(life.end, series.delisted.start if series.delisted else closed_end))


def split_years(series: Series) -> tuple[Windows, Windows]:
    """Split the life of a series into years that are full by its record, and those that are not."""
    life = life_of(series)
    if not life.hours:
        return (), ()
    years = range(windows.year_of(life.start), windows.year_of(life.end - 1) + 1)
    parts = [windows.year_window(year).clip(life) for year in years]
    full = tuple(part for part in parts if series.years.get(windows.year_of(part.start)) == part.hours)
    return full, tuple(part for part in parts if part not in full)


def _report(series: Series, within: Window, stored: Windows, never: Windows) -> answers.SymbolCoverage:
    coverage = Coverage(stored, never, series.absent, series.delisted)
    outside = windows.union(part for part in (series.absent, series.delisted) if part)
    expected = windows.count(windows.subtract(windows.union([within]), outside))
    missing = coverage.missing(within)
    never_within = windows.clip(never, within)
    lives = segments(life_of(series), never) if series.first is not None else ()
    return answers.SymbolCoverage(
        symbol=series.symbol,
        listing=answers.Listing(
            first=_hour(series.first),
            # whether the exchange was asked for the hours before, and from when on it had none
            is_proven=series.absent is not None,
            asked_from=_hour(series.absent.start if series.absent else None),
        ),
        first=_hour(series.first),
        last=_hour(series.last),
        delisted_from=_hour(series.delisted.start if series.delisted else None),
        segments=[answers.window(life) for life in lives],
        start=_hour(within.start if within.hours else None),
        end=_hour(within.end if within.hours else None),
        expected=expected,
        stored=windows.count(windows.clip(stored, within)),
        never_printed_hours=windows.count(never_within),
        never_printed=[answers.window(window) for window in never_within],
        missing_hours=windows.count(missing),
        missing=[_missing_window(window, series.failed_windows) for window in missing],
        percent=percent(expected - windows.count(missing), expected),
    )


def _missing_window(window: Window, failed_windows: Sequence[FailedWindow]) -> answers.MissingWindow:
    """Return a missing window with what is known of it; a window that nobody has asked for yet has no attempts."""
    touching = [failed for failed in failed_windows if failed.window.clip(window).hours]
    return answers.MissingWindow(
        dates.format_hour(window.start),
        dates.format_hour(window.end),
        window.hours,
        attempts=sum(failed.attempts for failed in touching),
        last_error=touching[-1].error if touching else None,
    )


def percent(covered: int, expected: int) -> float | None:
    """Return the share in percent with two decimals, rounded down: 100 is said of nothing less; None of nothing."""
    return covered * 10_000 // expected / 100 if expected else None


def _hour(hour: int | None) -> str | None:
    return None if hour is None else dates.format_hour(hour)
