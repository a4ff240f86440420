"""How complete the archive is by month: the counts of each series for each UTC month of its life, without its windows.

It reads what the list of coverage reads, and answers a few numbers a month in place of every window.
"""

from __future__ import annotations

from candle_collector import answers
from candle_collector.domain import dates, windows
from candle_collector.domain.coverage import percent
from candle_collector.domain.repaired_series import RepairedSeries
from candle_collector.domain.windows import Window
from candle_collector.reading.report_coverage import CoveragePorts, Read, hours_of, page_of_series

_SERIES_BYTES, _MONTH_BYTES = 500, 160
"""The most bytes of a series without its months, and of a month."""


def report_months(ports: CoveragePorts, *, after: str | None = None) -> answers.CoverageByMonth:
    """Return the counts of all series that have a record, by symbol; ``next`` continues a page that was full.

    Parameters
    ----------
    after
        Leave out the symbols up to this one.
    """
    series, following = page_of_series(ports, _report, _bytes, after=after)
    return answers.CoverageByMonth(series, next=following)


def _report(known: RepairedSeries, within: Window, read: Read) -> answers.SeriesByMonth:
    hours = hours_of(known, within, read)
    by_month = [windows.count_by_month(part) for part in hours]
    counts = [sum(part.values()) for part in by_month]
    expected, stored, never, missing, rejected = counts
    return answers.SeriesByMonth(
        symbol=known.series.symbol,
        start=dates.format_hour(within.start) if within.hours else None,
        end=dates.format_hour(within.end) if within.hours else None,
        last=None if known.series.last is None else dates.format_hour(known.series.last),
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
