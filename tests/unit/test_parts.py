"""What is stored of one interval hides nothing of what is stored of another, wherever the two begin and end."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.api.binance_shape import row
from candle_collector.domain.aggregate import AS_STORED, bases_of
from candle_collector.domain.interval import DAY_MS, HOUR_MS, Interval, interval_named, moment_at
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.reading.candle_frame import candle_frame
from candle_collector.reading.candle_source import Part, parts_of
from candle_collector.reading.joined_coverage import report_parts_coverage
from candle_collector.reading.read_candles import read_parts
from candle_collector.reading.report_coverage import CoveragePorts
from candle_collector.reading.stream_candles import range_of_dates, stored_parts, stream_parts
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore

SYMBOL = "NEWUSDT"
FIRST_MS = 20_089 * DAY_MS  # 2025-01-01, a Wednesday
DAYS = 50
KEPT = ("15m", "1h", "1d")
QUESTIONS = ("15m", "1h", "4h", "1d", "1w", "1M")

Span = tuple[int, int]


class Archive:
    """An archive that holds one stretch of each of some intervals, without gaps.

    Parameters
    ----------
    spans
        By interval the time from its first candle to the end of its last, in ms since `FIRST_MS`.
    """

    def __init__(self, spans: dict[str, Span]) -> None:
        self.spans = spans
        self.candles, self.series = FakeCandleStore(), FakeSeriesStore()
        for name, (start_ms, end_ms) in spans.items():
            series = Series(SYMBOL, interval_named(name), BINANCE.name)
            slots = series.interval.slots_within(Window(FIRST_MS + start_ms, FIRST_MS + end_ms))
            held = [synthetic_candle(SYMBOL, slot) for slot in range(*slots)]
            self.candles.store(series, held, (), absent_blocks=frozenset())
            self.series.put(SeriesRecord(series, first=held[0].slot, last=held[-1].slot))

    def parts(self, interval: str, shift_ms: int = 0) -> list[Part]:
        return parts_of(SYMBOL, interval, BINANCE, self.series, self.candles, shift_ms=shift_ms)

    def rows(
        self,
        interval: str,
        start_ms: int | None = 0,
        end_ms: int | None = None,
        *,
        limit: int = 1000,
        shift_ms: int = 0,
    ) -> list[list[Any]]:
        parts = self.parts(interval, shift_ms)
        found = read_parts(self.candles, self.series, parts, start_ms=start_ms, end_ms=end_ms, limit=limit)
        return [row(candle, source.series.interval, source.grid) for source, candle in found]

    def all_rows(self, interval: str, shift_ms: int = 0) -> list[list[Any]]:
        rows: list[list[Any]] = []
        while page := self.rows(interval, rows[-1][0] + 1 if rows else 0, shift_ms=shift_ms):
            rows += page
        return rows

    def all_alone(self, interval: str, shift_ms: int) -> list[list[Any]]:
        """Return what the longest interval that has a candle has for it, of all that are stored, each by itself."""
        found: dict[int, list[Any]] = {}
        for base in bases_of(interval, shift_ms):
            if span := self.spans.get(str(base)):
                for answered in Archive({str(base): span}).all_rows(interval, shift_ms):
                    found.setdefault(answered[0], answered)
        return sorted(found.values())


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Draw where each interval begins and ends; they need not touch."""
    spans = {}
    for name in draw(st.lists(st.sampled_from(KEPT), min_size=1, unique=True)):
        length = interval_named(name).length_ms
        edges = st.lists(st.integers(0, DAYS * DAY_MS // length), min_size=2, max_size=2, unique=True)
        start, end = sorted(draw(edges))
        spans[name] = (start * length, end * length)
    return Archive(spans)


def can_answer(archive: Archive, interval: str, shift_ms: int) -> bool:
    return any(str(base) in archive.spans for base in bases_of(interval, shift_ms))


@given(archives(), st.sampled_from(QUESTIONS), st.sampled_from([0, 8 * HOUR_MS]))
def test_what_one_interval_has_by_itself_is_answered_whatever_else_is_stored(
    archive: Archive, interval: str, shift_ms: int
) -> None:
    assume(can_answer(archive, interval, shift_ms))
    assert archive.all_rows(interval, shift_ms) == archive.all_alone(interval, shift_ms)


@given(archives(), st.sampled_from(QUESTIONS), st.data())
def test_each_question_is_answered_by_a_piece_of_all_rows(archive: Archive, interval: str, data: st.DataObject) -> None:
    assume(can_answer(archive, interval, 0))
    rows = archive.all_rows(interval)
    times = st.integers(-1, DAYS + 1).map(lambda day: FIRST_MS + day * DAY_MS) | st.sampled_from(
        [found[0] for found in rows] or [0]
    )
    start, end = data.draw(st.none() | times), data.draw(st.none() | times)
    limit = data.draw(st.integers(1, 40))
    inside = [found for found in rows if (start is None or start <= found[0]) and (end is None or found[0] <= end)]
    expected = inside[-limit:] if start is None else inside[:limit]
    assert archive.rows(interval, start, end, limit=limit) == expected


@given(archives(), st.sampled_from(QUESTIONS))
def test_an_export_has_the_same_candles_in_whole_months(archive: Archive, interval: str) -> None:
    assume(can_answer(archive, interval, 0))
    parts = stored_parts(archive.parts(interval), archive.series, archive.candles)
    months = list(stream_parts(archive.candles, parts, range_of_dates(None, None, BINANCE)))
    opened = [time for month in months for time in month.columns.open_times_ms(month.interval)]
    assert opened == [found[0] for found in archive.all_rows(interval)]
    names = [month.month for month in months]
    assert names == sorted(set(names))
    assert all(len(month.segments) == month.columns.rows for month in months)
    assert [time for time in opened if not FIRST_MS <= time < FIRST_MS + DAYS * DAY_MS] == []


@given(archives(), st.sampled_from(["4h", "1w", "1M"]))
def test_the_coverage_of_what_is_made_counts_what_is_answered(archive: Archive, interval: str) -> None:
    assume(can_answer(archive, interval, 0))
    clock = FakeClock(moment_at(FIRST_MS + (DAYS + 1) * DAY_MS))
    ports = CoveragePorts(archive.candles, archive.series, FakeRateLimiter(), clock, {Interval.HOUR})
    found = report_parts_coverage(archive.parts(interval), ports, interval=interval, start_ms=None, end_ms=None)
    assert found.stored == len(archive.all_rows(interval))
    assert found.expected == found.stored + found.missing_candles
    windows = [(window.start, window.end) for window in found.missing]
    assert windows == sorted(windows)
    assert all(before[1] <= after[0] for before, after in pairwise(windows))


def test_days_that_were_collected_late_hide_none_that_hours_make_up() -> None:
    archive = Archive({"1h": (0, 40 * DAY_MS), "1d": (30 * DAY_MS, 39 * DAY_MS)})
    assert [found[0] for found in archive.rows("1d")] == [FIRST_MS + day * DAY_MS for day in range(40)]
    assert len(archive.rows("1d", shift_ms=8 * HOUR_MS)) == 39
    frame = candle_frame(archive.candles, archive.series, [SYMBOL], market=BINANCE, interval="1d")
    assert len(frame) == 40


def test_where_the_days_reach_no_question_about_days_reads_an_hour() -> None:
    archive = Archive({"1h": (0, 40 * DAY_MS), "1d": (0, 40 * DAY_MS)})
    assert [part.source.grid for part in archive.parts("1d")] == [AS_STORED]


def test_hours_go_on_where_days_are_not_collected_any_more() -> None:
    archive = Archive({"1d": (0, 9 * DAY_MS), "1h": (5 * DAY_MS, 40 * DAY_MS)})
    assert [len(archive.rows(interval)) for interval in ("1d", "1w")] == [40, 5]
    assert archive.rows("1M") == [], "January is whole in neither of the two"


def test_a_week_that_begins_before_a_listing_is_kept_where_the_days_prove_it() -> None:
    archive = Archive({"1d": (0, 5 * DAY_MS), "1h": (2 * DAY_MS, 40 * DAY_MS)})
    days = archive.series.get(Series(SYMBOL, Interval.DAY, BINANCE.name))
    assert days.first is not None
    assert archive.rows("1w")[0][0] == FIRST_MS + 5 * DAY_MS
    archive.series.put(replace(days, absent=Window(days.first - 4, days.first)))
    assert archive.rows("1w")[0][0] == FIRST_MS - 2 * DAY_MS


def test_a_question_costs_one_read_of_records() -> None:
    archive = Archive({"1h": (0, DAY_MS), "1d": (0, DAY_MS)})
    calls: list[str] = []
    archive.series.get = lambda series: pytest.fail(f"{series} is read by itself")  # type: ignore[method-assign] # to count
    read = archive.series.of_symbol
    archive.series.of_symbol = lambda market, symbol: calls.append(symbol) or read(market, symbol)  # type: ignore[func-returns-value, method-assign] # as above
    archive.rows("1d")
    archive.rows("1h")
    assert calls == [SYMBOL, SYMBOL]
