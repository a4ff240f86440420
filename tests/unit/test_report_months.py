"""Coverage by month adds up to what the list of coverage says, and reads as little."""

from __future__ import annotations

import json

from candle_collector import answers
from candle_collector.domain import windows
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.reading.report_coverage import READS_A_PAGE, report_coverage
from candle_collector.reading.report_months import _bytes, report_months

from tests.hourly import EARLIEST, first_hour_of, hourly
from tests.unit.json_answers import as_json
from tests.unit.test_report_coverage import NOW, Archive

JANUARY = first_hour_of("2025-01-01")
FEBRUARY = first_hour_of("2025-02-01")
MARCH = first_hour_of("2025-03-01")


def archive_with_everything() -> Archive:
    """Return an archive with a series that has hours of every kind, one without a candle, and one that was delisted."""
    archive = Archive()
    never, missing, wrong = Window(FEBRUARY - 3, FEBRUARY + 5), Window(MARCH - 10, MARCH), Window(MARCH + 7, MARCH + 8)
    stored = windows.subtract((Window(JANUARY + 30, NOW),), (never, missing, wrong))
    reason = FailedWindow(wrong, 1, "the high is under the open")
    archive.hold(
        SeriesRecord(hourly("AUSDT"), absent=Window(JANUARY - 700, JANUARY + 30), rejected=(reason,)),
        stored,
        (never,),
    )
    archive.series.put(SeriesRecord(hourly("BUSDT"), failed_windows=(FailedWindow(Window(JANUARY, NOW), 4, "503"),)))
    archive.hold(SeriesRecord(hourly("CUSDT"), delisted=Window(FEBRUARY, NOW - 7)), (Window(JANUARY, FEBRUARY),))
    return archive


def test_each_month_is_counted_and_adds_up() -> None:
    a, b, c = report_months(archive_with_everything().ports).series
    january, february, march, *later = a.months
    assert january == answers.MonthCoverage("2025-01", 744 - 30, 744 - 33, 3, 0, 0)
    assert february == answers.MonthCoverage("2025-02", 672, 672 - 15, 5, 10, 0)
    assert march == answers.MonthCoverage("2025-03", 744, 743, 0, 0, 1)
    assert later
    assert all((month.stored, month.missing) == (month.expected, 0) for month in later)
    assert (a.never_printed, a.missing, a.rejected) == (8, 10, 1)
    assert (b.expected, b.months, b.percent, b.start) == (0, [], None, None)
    assert [month.month for month in c.months] == ["2025-01"]
    for series in (a, b, c):
        parts: list[answers.SeriesByMonth | answers.MonthCoverage] = [series, *series.months]
        assert all(part.expected == part.stored + part.never_printed + part.missing + part.rejected for part in parts)
        assert series.expected == sum(month.expected for month in series.months)


def test_a_month_of_which_all_is_missing_is_named() -> None:
    archive = Archive()
    archive.hold(SeriesRecord(hourly("AUSDT")), (Window(JANUARY, FEBRUARY), Window(MARCH, NOW)))
    (series,) = report_months(archive.ports).series
    assert series.months[1] == answers.MonthCoverage("2025-02", 672, 0, 0, 672, 0)


def test_it_says_the_same_as_the_list_and_reads_the_same() -> None:
    archive = archive_with_everything()
    by_month = report_months(archive.ports)
    reads = list(archive.candles.reads)
    listed = report_coverage(archive.ports)
    assert archive.candles.reads == 2 * reads
    assert by_month.next is listed.next is None
    for series, known in zip(by_month.series, listed.symbols, strict=True):
        assert (series.symbol, series.start, series.end, series.last) == (
            known.symbol,
            known.start,
            known.end,
            known.last,
        )
        assert (series.expected, series.stored, series.never_printed, series.missing, series.percent) == (
            known.expected,
            known.stored,
            known.never_printed_candles,
            known.missing_candles,
            known.percent,
        )


def test_it_has_pages() -> None:
    archive = Archive()
    for number in range(READS_A_PAGE + 5):
        archive.hold(SeriesRecord(hourly(f"S{number:03}USDT")), (Window(NOW - 5, NOW),))
    first = report_months(archive.ports)
    second = report_months(archive.ports, after=first.next)
    assert (len(first.series), len(second.series), second.next) == (READS_A_PAGE, 5, None)


def test_a_page_of_long_series_is_small_enough_to_be_sent() -> None:
    archive = Archive()
    life = Window(EARLIEST, NOW)
    holes = tuple(Window(hour, hour + 1) for hour in range(life.start + 1, NOW, 500))
    archive.hold(SeriesRecord(hourly("A" * 20)), windows.subtract((life,), holes))
    (series,) = report_months(archive.ports).series
    sent = answers.text_bytes(json.dumps(as_json(series), separators=(",", ":")))
    assert sent < _bytes(series)
    assert _bytes(series) * READS_A_PAGE < answers.BYTES_MOST
