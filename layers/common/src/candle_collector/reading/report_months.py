"""How complete the archive is by month: the counts of each series for each UTC month of its life, without its windows.

It reads what the list of coverage reads, and answers a few numbers a month in place of every window.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from candle_collector import answers
from candle_collector.domain.coverage import percent
from candle_collector.domain.interval import Interval
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.windows import Window
from candle_collector.reading.report_coverage import CoveragePorts, Read, page_of_series, slots_of

_SERIES_BYTES, _MONTH_BYTES = 500, 160
"""The most bytes of a series without its months, and of a month."""


def report_months(
    ports: CoveragePorts, *, after: str | None = None, intervals: Collection[Interval] | None = None
) -> answers.CoverageByMonth:
    """Return the counts of all series that have a record, by symbol and interval; ``next`` continues a full page.

    Parameters
    ----------
    after
        Leave out the series up to the one of this name.
    intervals
        Leave out those of others.
    """
    series, following = page_of_series(ports, _reporter(ports), _bytes, after=after, intervals=intervals)
    return answers.CoverageByMonth(series, next=following)


def _reporter(ports: CoveragePorts) -> Callable[[RepairedSeries, Window, Read], answers.SeriesByMonth]:
    """Return what reports on a series."""
    kept = frozenset(ports.intervals)
    return lambda known, within, read: _report(known, within, read, is_kept=known.record.series.interval in kept)


def _report(known: RepairedSeries, within: Window, read: Read, *, is_kept: bool) -> answers.SeriesByMonth:
    record, interval = known.record, known.record.series.interval
    slots = slots_of(known, within, read)
    by_month = [interval.count_by_month(part) for part in slots]
    counts = [sum(part.values()) for part in by_month]
    expected, stored, never, missing, rejected = counts
    return answers.SeriesByMonth(
        symbol=record.symbol,
        interval=str(interval),
        is_kept=is_kept,
        start=interval.format(within.start) if within.slots else None,
        end=interval.format(within.end) if within.slots else None,
        last=None if record.last is None else interval.format(record.last),
        expected=expected,
        stored=stored,
        never_printed=never,
        missing=missing,
        rejected=rejected,
        percent=percent(expected - missing - rejected, expected),
        months=[
            answers.MonthCoverage(month, *(part.get(month, 0) for part in by_month))
            for month in sorted(set().union(*by_month))
        ],
    )


def _bytes(report: answers.SeriesByMonth) -> int:
    """Return at least how many bytes a report takes in an answer."""
    return _SERIES_BYTES + len(report.months) * _MONTH_BYTES
