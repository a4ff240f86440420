"""How complete the archive is: what each series should hold, holds, can never hold, and lacks.

What it costs: one series from its items is a page of about 230 read units for each stored year. The list of all asks
for the first and the last candle of each series, an item each; the counts of the series' records say which years
between them are full, and the items of the other years are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from candle_collector import answers
from candle_collector.domain import windows
from candle_collector.domain.aggregate import AS_STORED, AnyGrid, count_buckets, touched
from candle_collector.domain.closing import closed_ms_by
from candle_collector.domain.coverage import percent
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.interval import Interval
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.series import Series, series_named
from candle_collector.domain.series_record import SeriesRecord
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
    """What a report on coverage needs; `intervals` are those that the deployment collects."""

    candles: CandleStore
    series: SeriesStore
    rate_limiter: RateLimiter
    clock: Clock
    intervals: Collection[Interval]

    def closed_ms(self) -> int:
        """Return up to when all had closed by our clock and, as last heard, by the exchange's, in ms since 1970 UTC."""
        return closed_ms_by(self.clock.now(), clock_offset_ms=self.rate_limiter.state().clock_offset_ms)


def report_series_coverage(
    series: Series,
    ports: CoveragePorts,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    interval: str | None = None,
    grid: AnyGrid = AS_STORED,
) -> answers.SymbolCoverage:
    """Return the coverage of one series, read from its items, or of the longer candles that it makes up.

    Parameters
    ----------
    start_ms, end_ms
        When the candles open that are expected, in ms since 1970 UTC, half open: from the first candle to the last
        closed one where they are None. An end in the future is moved to the last closed candle.
    interval, grid
        Of longer candles their name, and how the slots of the series make them up.

    Raises
    ------
    NotFoundError
        Nothing was ever collected of it.
    """
    known = stored_series(ports.series.get(series), ports.candles)
    if _is_unknown(known):
        raise NotFoundError(f"nothing was collected of {series.symbol} in {series.interval}")
    closed_end = series.interval.slot_at(ports.closed_ms())
    whole = _expected(known, closed_end)
    until = whole.end if end_ms is None else min(series.interval.slot_from(end_ms), closed_end)
    # of a series that never had a candle nothing is expected, unless a start is given
    since = series.interval.slot_from(start_ms) if start_ms is not None else whole.start if whole.slots else until
    within = Window(grid.floor(since), max(grid.floor(since), grid.floor(until)))  # without the running candle
    read = _read(known, (), (known.span,), ports.candles)
    is_kept = series.interval in ports.intervals
    return _report(known, within, read, is_kept=is_kept, interval=interval, grid=grid)


def report_coverage(
    ports: CoveragePorts, *, after: str | None = None, intervals: Collection[Interval] | None = None
) -> answers.Coverage:
    """Return the coverage of all series that have a record, by symbol and interval; ``next`` continues a full page.

    Parameters
    ----------
    after
        Leave out the series up to the one of this name.
    intervals
        Leave out those of others.
    """
    reports, following = page_of_series(ports, _reporter(ports), _bytes, after=after, intervals=intervals)
    return answers.Coverage(reports, next=following)


def page_of_series(
    ports: CoveragePorts,
    report: Callable[[RepairedSeries, Window, Read], Report],
    size_of: Callable[[Report], int],
    *,
    after: str | None,
    intervals: Collection[Interval] | None,
) -> tuple[list[Report], str | None]:
    """Return reports on the series after the one of a name, and the name that continues a page that was full.

    A page is full when it takes as many reads as a call has time for, or as many bytes as an answer may have.

    Parameters
    ----------
    report
        Reports on a series, the slots that are expected of it, and what was read of it.
    size_of
        Returns at least how many bytes a report takes in an answer.
    """
    closed_ms = ports.closed_ms()
    last = None if after is None else series_named(after)
    reports: list[Report] = []
    reads = size = 0
    seen = None
    for noted in ports.series.all():
        if last is not None and noted.series <= last:
            continue
        if intervals is not None and noted.series.interval not in intervals:
            continue
        if reads >= READS_A_PAGE:
            return reports, seen
        known = stored_series(noted, ports.candles)
        full, short = split_years(known)
        reads += 1 + len(short)
        if seen and reads > READS_A_PAGE:
            return reports, seen
        if not _is_unknown(known):
            reported = report(
                known,
                _expected(known, noted.series.interval.slot_at(closed_ms)),
                _read(known, full, short, ports.candles),
            )
            size += size_of(reported)
            if reports and size > answers.BYTES_MOST:
                return reports, seen
            reports.append(reported)
        seen = str(noted.series)
    return reports, None


def _is_unknown(known: RepairedSeries) -> bool:
    """Return whether nothing is stored or noted of a series."""
    return known.noted == SeriesRecord(known.noted.series) and not known.life.slots


def _expected(known: RepairedSeries, closed_end: int) -> Window:
    """Return the slots from the first candle, stored or noted, to the delisting or the last closed slot."""
    if not known.span.slots:
        return known.span
    delisted = known.record.delisted
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
        blocks = candles.coverage(known.record.series, window)
        stored += windows.clip(blocks.stored, window)
        never += windows.clip(windows.subtract(blocks.never_printed, blocks.stored), window)
    all_stored = windows.union(stored)
    all_never = windows.union(never)
    lives = read_segments(known, all_never, candles)
    return Read(all_stored, all_never, lives, known.noted.years == _by_year(all_stored, known.record.series.interval))


def _by_year(stored: Windows, interval: Interval) -> dict[int, int]:
    """Count the stored slots by UTC year; years without any are left out, as in a record."""
    years = interval.years_of(Window(stored[0].start, stored[-1].end)) if stored else ()
    counts = {year: windows.count(windows.clip(stored, interval.year_window(year))) for year in years}
    return {year: slots for year, slots in counts.items() if slots}


class Slots(NamedTuple):
    """The slots that are expected of a series, and what is known of them; the last four make up the first."""

    expected: Windows
    stored: Windows
    never: Windows
    missing: Windows
    rejected: Windows


def slots_of(known: RepairedSeries, within: Window, read: Read) -> Slots:
    """Return what is known of the slots `within` of a series; those before its listing and after its end are left out.

    The stored ones are all in `within`: a candle rules over a record that denies it.
    """
    record = known.record
    coverage = record.coverage(read.stored, read.never)
    outside = windows.union(part for part in (record.absent, record.delisted) if part)
    return Slots(
        expected=windows.subtract(windows.union([within]), outside),
        stored=windows.clip(read.stored, within),
        never=windows.subtract(windows.clip(read.never, within), outside),
        missing=coverage.missing(within),
        rejected=windows.clip(coverage.rejected, within),
    )


def _reporter(ports: CoveragePorts) -> Callable[[RepairedSeries, Window, Read], answers.SymbolCoverage]:
    """Return what reports on a series."""
    kept = frozenset(ports.intervals)
    return lambda known, within, read: _report(known, within, read, is_kept=known.record.series.interval in kept)


def in_buckets(slots: Slots, within: Window, grid: AnyGrid) -> Slots:
    """Return what is known of the longer candles that slots make up: one is stored where none of its slots is missing.

    Those of which only never printed slots are left were never printed.
    """
    expected, stored, _, missing, rejected = (windows.clip(touched(part, grid), within) for part in slots)
    rejected = windows.subtract(rejected, missing)
    lacking = windows.union([*missing, *rejected])
    stored = windows.subtract(stored, lacking)
    never = windows.subtract(expected, windows.union([*stored, *lacking]))
    return Slots(expected, stored, never, missing, rejected)


def _report(
    known: RepairedSeries,
    within: Window,
    read: Read,
    *,
    is_kept: bool,
    interval: str | None = None,
    grid: AnyGrid = AS_STORED,
) -> answers.SymbolCoverage:
    record, base = known.record, known.record.series.interval
    slots = slots_of(known, within, read)
    if grid != AS_STORED:
        slots = in_buckets(slots, within, grid)

    def window(of: Window) -> answers.Window:
        return answers.Window(base.format(of.start), base.format(of.end), count_buckets((of,), grid))

    def missing_window(of: Window, failed: Sequence[FailedWindow]) -> answers.MissingWindow:
        """Return it with what is known of it; a window that nobody has asked for yet has no attempts."""
        touching = [item for item in failed if item.window.clip(of).slots]
        plain = window(of)
        return answers.MissingWindow(
            plain.start,
            plain.end,
            plain.candles,
            attempts=sum(item.attempts for item in touching),
            last_error=touching[-1].error[: answers.MESSAGE_MOST] if touching else None,
        )

    expected, missing, rejected_count = (
        count_buckets(part, grid) for part in (slots.expected, slots.missing, slots.rejected)
    )
    report = answers.SymbolCoverage(
        symbol=record.symbol,
        interval=interval or str(base),
        is_kept=is_kept,
        listing=answers.Listing(
            first=_time(record.first, base),
            # whether the exchange was asked for the slots before, and from when on it had none
            is_proven=record.absent is not None,
            asked_from=_time(record.absent.start if record.absent else None, base),
        ),
        first=_time(record.first, base),
        last=_time(record.last, base),
        delisted_from=_time(record.delisted.start if record.delisted else None, base),
        segments=[answers.window(life, base) for life in read.segments],
        start=_time(within.start if within.slots else None, base),
        end=_time(within.end if within.slots else None, base),
        expected=expected,
        stored=count_buckets(slots.stored, grid),
        never_printed_candles=count_buckets(slots.never, grid),
        never_printed=[window(of) for of in slots.never],
        missing_candles=missing,
        missing=[missing_window(of, record.failed_windows) for of in slots.missing],
        rejected=[missing_window(of, record.rejected) for of in _one_by_one(slots.rejected, grid)],
        percent=percent(expected - missing - rejected_count, expected),
        record_repaired=known.is_repaired or not read.is_counted,
    )
    return bounded(report)


def bounded(report: answers.SymbolCoverage) -> answers.SymbolCoverage:
    """Return a report with as many windows of each kind as fit an answer."""
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


def _one_by_one(of: Windows, grid: AnyGrid) -> Iterator[Window]:
    """Yield the buckets that windows hold, each by itself."""
    for start, end in of:
        at = start
        while at < end:
            yield grid.bucket(at)
            at = grid.bucket(at).end


def _time(slot: int | None, interval: Interval) -> str | None:
    return None if slot is None else interval.format(slot)
