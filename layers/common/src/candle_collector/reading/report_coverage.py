"""How complete the archive is: what each series should hold, holds, can never hold, and lacks.

What it costs: one series from its items is a page of about 230 read units for each stored year. The list of all asks
for the first and the last candle of each series, an item each; the counts of the series' records say which years
between them are full, and the items of the other years are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from candle_collector import answers
from candle_collector.domain import dates, windows
from candle_collector.domain.closing import closed_end_at
from candle_collector.domain.coverage import percent
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import NotFoundError
from candle_collector.ports import CandleStore, Clock, RateLimiter, SeriesStore
from candle_collector.reading.stored_series import read_segments, split_years, stored_series

READS_A_PAGE = 60
"""How many reads a page of the list has at most: a year's items are one, and so are the first and the last candle of a
series. Each takes tens of milliseconds, and a call has 29 s; the local stack's emulator needs more than DynamoDB."""


_SERIES_BYTES, _MISSING_BYTES = 1200, 140
"""The most bytes of a series without its windows, and of a missing window without its error."""


Report = TypeVar("Report")


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
    known = stored_series(ports.series.get(symbol), ports.candles)
    if _is_unknown(known):
        raise NotFoundError(f"nothing was collected of {symbol}")
    closed_end = ports.closed_end()
    whole = _expected(known, closed_end)
    until = whole.end if end is None else min(end, closed_end)
    # of a series that never had a candle nothing is expected, unless a start is given
    since = start if start is not None else whole.start if whole.hours else until
    return _report(known, Window(since, until), _read(known, (), (known.span,), ports.candles))


def report_coverage(ports: CoveragePorts, *, after: str | None = None) -> answers.Coverage:
    """Return the coverage of all series that have a record, by symbol; ``next`` continues a page that was full.

    Parameters
    ----------
    after
        Leave out the symbols up to this one.
    """
    reports, following = page_of_series(ports, _report, _bytes, after=after)
    return answers.Coverage(reports, next=following)


def page_of_series(
    ports: CoveragePorts,
    report: Callable[[RepairedSeries, Window, Read], Report],
    size_of: Callable[[Report], int],
    *,
    after: str | None,
) -> tuple[list[Report], str | None]:
    """Return reports on the series after a symbol, and the symbol that continues a page that was full.

    A page is full when it takes as many reads as a call has time for, or as many bytes as an answer may have.

    Parameters
    ----------
    report
        Reports on a series, the hours that are expected of it, and what was read of it.
    size_of
        Returns at least how many bytes a report takes in an answer.
    """
    closed_end = ports.closed_end()
    reports: list[Report] = []
    reads = size = 0
    seen = None
    for noted in ports.series.all():
        if after is not None and noted.symbol <= after:
            continue
        if reads >= READS_A_PAGE:
            return reports, seen
        known = stored_series(noted, ports.candles)
        full, short = split_years(known)
        reads += 1 + len(short)
        if seen and reads > READS_A_PAGE:
            return reports, seen
        if not _is_unknown(known):
            reported = report(known, _expected(known, closed_end), _read(known, full, short, ports.candles))
            size += size_of(reported)
            if reports and size > answers.BYTES_MOST:
                return reports, seen
            reports.append(reported)
        seen = noted.symbol
    return reports, None


def _is_unknown(known: RepairedSeries) -> bool:
    """Return whether nothing is stored or noted of a series."""
    return known.noted == Series(known.noted.symbol) and not known.life.hours


def _expected(known: RepairedSeries, closed_end: int) -> Window:
    """Return the hours from the first candle, stored or noted, to the delisting or the last closed hour."""
    if not known.span.hours:
        return known.span
    delisted = known.series.delisted
    end = max(known.life.end, delisted.start if delisted else closed_end)
    return Window(known.span.start, max(known.span.start, end))


class Read(NamedTuple):
    """What the items say of a series, or its record where that is believed.

    Attributes
    ----------
    is_counted
        Whether the record's counts by year are those of the items that were read.
    """

    stored: Windows
    never: Windows
    segments: Windows
    is_counted: bool


def _read(known: RepairedSeries, full: Windows, short: Windows, candles: CandleStore) -> Read:
    """Read the items of the windows `short`; those of `full` are believed to be stored whole."""
    stored, never = list(full), list[Window]()
    for window in short:
        days = candles.coverage(known.series.symbol, window)
        stored += windows.clip(days.stored, window)
        never += windows.clip(windows.subtract(days.never_printed, days.stored), window)
    all_stored = windows.union(stored)
    all_never = windows.union(never)
    lives = read_segments(known, all_never, candles)
    return Read(all_stored, all_never, lives, known.noted.years == _by_year(all_stored))


def _by_year(stored: Windows) -> dict[int, int]:
    """Count the stored hours by UTC year; years without any are left out, as in a record."""
    years = windows.years_of(Window(stored[0].start, stored[-1].end)) if stored else ()
    counts = {year: windows.count(windows.clip(stored, windows.year_window(year))) for year in years}
    return {year: hours for year, hours in counts.items() if hours}


class Hours(NamedTuple):
    """The hours that are expected of a series, and what is known of them; the last four make up the first."""

    expected: Windows
    stored: Windows
    never: Windows
    missing: Windows
    rejected: Windows


def hours_of(known: RepairedSeries, within: Window, read: Read) -> Hours:
    """Return what is known of the hours `within` of a series; those before its listing and after its end are left out.

    The stored ones are all in `within`: a candle rules over a record that denies it.
    """
    series = known.series
    coverage = series.coverage(read.stored, read.never)
    outside = windows.union(part for part in (series.absent, series.delisted) if part)
    return Hours(
        expected=windows.subtract(windows.union([within]), outside),
        stored=windows.clip(read.stored, within),
        never=windows.subtract(windows.clip(read.never, within), outside),
        missing=coverage.missing(within),
        rejected=windows.clip(coverage.rejected, within),
    )


def _report(known: RepairedSeries, within: Window, read: Read) -> answers.SymbolCoverage:
    series = known.series
    hours = hours_of(known, within, read)
    expected, missing = windows.count(hours.expected), windows.count(hours.missing)
    rejected = [item for item in series.rejected if windows.contains(hours.rejected, item.window.start)]
    report = answers.SymbolCoverage(
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
        segments=[answers.window(life) for life in read.segments],
        start=_hour(within.start if within.hours else None),
        end=_hour(within.end if within.hours else None),
        expected=expected,
        stored=windows.count(hours.stored),
        never_printed_hours=windows.count(hours.never),
        never_printed=[answers.window(window) for window in hours.never],
        missing_hours=missing,
        missing=[_missing_window(window, series.failed_windows) for window in hours.missing],
        rejected=[_missing_window(item.window, (item,)) for item in rejected],
        percent=percent(expected - missing - len(rejected), expected),
        record_repaired=known.is_repaired or not read.is_counted,
    )
    most = max(map(len, (report.segments, report.never_printed, report.missing, report.rejected)))
    return _first_windows(report, answers.most_that_fit(most, lambda most: _bytes(_first_windows(report, most))))


def _first_windows(report: answers.SymbolCoverage, most: int) -> answers.SymbolCoverage:
    """Return a report that names so many windows of each kind at most."""
    return replace(
        report,
        segments=report.segments[:most],
        never_printed=report.never_printed[:most],
        missing=report.missing[:most],
        rejected=report.rejected[:most],
    )


def _bytes(report: answers.SymbolCoverage) -> int:
    """Return at least how many bytes a report takes in an answer."""
    plain = len(report.segments) + len(report.never_printed)
    errors = (window.last_error for window in (*report.missing, *report.rejected))
    return (
        _SERIES_BYTES
        + plain * answers.WINDOW_BYTES
        + sum(_MISSING_BYTES + answers.text_bytes(error) for error in errors)
    )


def _missing_window(window: Window, failed_windows: Sequence[FailedWindow]) -> answers.MissingWindow:
    """Return a missing window with what is known of it; a window that nobody has asked for yet has no attempts."""
    touching = [failed for failed in failed_windows if failed.window.clip(window).hours]
    return answers.MissingWindow(
        dates.format_hour(window.start),
        dates.format_hour(window.end),
        window.hours,
        attempts=sum(failed.attempts for failed in touching),
        last_error=touching[-1].error[: answers.MESSAGE_MOST] if touching else None,
    )


def _hour(hour: int | None) -> str | None:
    return None if hour is None else dates.format_hour(hour)
