"""3d, 1w and 1M are cut as Binance cuts them: held against the calendar, day by day, and against recorded candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.api.binance_shape import row
from candle_collector.domain import windows
from candle_collector.domain.aggregate import INTERVALS, AnyGrid, MonthGrid, grid_of
from candle_collector.domain.candle import Candle
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.reading.read_candles import read_candles
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange import KLINES
from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, HOUR_MS, first_hour_of, hourly, ms_of_hour, year_of
from tests.recorded import recorded_rows

SYMBOL = "BTCUSDT"
DAY = timedelta(days=1)
LISTED = first_hour_of("2017-08-17") + 4

# What Binance answered in January 2026: open time, open, high, low, close, volume. From the files BTCUSDT_3d.csv,
# SOLUSDT_3d.csv and BTCUSDT_1w.csv of github.com/yanniedog/binance-historical-OHLCV-data at 1a00f07.
RECORDED: dict[tuple[str, str], list[tuple[str, ...]]] = {
    ("BTCUSDT", "3d"): [
        ("2019-12-29", "7315.36", "7528.45", "7145.01", "7195.23", "86947.4714"),
        ("2024-02-27", "54476.48", "64000.0", "54450.13", "61130.98", "264383.53149"),
    ],
    ("SOLUSDT", "3d"): [
        ("2024-02-28", "108.35", "137.8", "106.85", "129.43", "34056000.42"),
        ("2025-06-19", "146.35", "148.81", "130.9", "135.43", "8505087.081"),
    ],
    ("BTCUSDT", "1w"): [
        ("2019-12-30", "7388.43", "7495.0", "6871.04", "7358.75", "241051.798444"),
        ("2024-02-26", "51728.85", "64000.0", "50901.44", "63113.97", "417907.83383"),
        ("2025-03-03", "94269.99", "94416.46", "80000.0", "80734.37", "284471.65101"),
    ],
}


def first_day(hour: int, interval: str, shift: int) -> date:
    """Return the day, in the shifted time, on which the bucket of an hour begins, by the calendar alone."""
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour + shift)).date()
    if interval == "1M":
        return day.replace(day=1)
    if interval == "1w":
        return day - day.weekday() * DAY
    listed = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=LISTED + shift)).date()
    return day - (day - listed).days % 3 * DAY


def hour_of(day: date, shift: int) -> int:
    return (day - date(1970, 1, 1)).days * 24 - shift


def day_after(day: date, interval: str) -> date:
    """Return the day on which the next bucket begins."""
    if interval == "1M":
        return (day + 31 * DAY).replace(day=1)
    return day + (7 if interval == "1w" else 3) * DAY


LONG = st.sampled_from(["3d", "1w", "1M"])
SHIFTS = st.sampled_from([0, 0, 0, 1, -5, 14, -12])
HOURS = st.integers(first_hour_of("2016-12-01"), first_hour_of("2105-01-01"))


@given(hour=HOURS, interval=LONG, shift=SHIFTS)
def test_a_bucket_begins_and_ends_where_the_calendar_says(hour: int, interval: str, shift: int) -> None:
    grid = grid_of(interval, HOUR, shift * HOUR_MS, listed=ms_of_hour(LISTED))
    first = first_day(hour, interval, shift)
    bucket = Window(hour_of(first, shift), hour_of(day_after(first, interval), shift))
    assert grid.bucket(hour) == bucket
    assert grid.floor(hour) == bucket.start
    assert grid.ceil(hour) == (hour if hour == bucket.start else bucket.end)
    assert bucket.slots <= grid.slots


@pytest.mark.parametrize(
    ("month", "days"),
    [("2024-02-15", 29), ("2025-02-15", 28), ("2100-02-15", 28), ("2024-04-15", 30), ("2024-12-15", 31)],
)
def test_months_have_their_days_in_leap_years_too(month: str, days: int) -> None:
    assert MonthGrid(HOUR).bucket(first_hour_of(month)).slots == days * 24


def test_no_clock_is_put_forward_or_back_in_utc() -> None:
    for interval, hours in (("3d", 72), ("1w", 168)):
        grid = grid_of(interval, HOUR, listed=ms_of_hour(LISTED))
        starts = {grid.floor(hour) for hour in range(LISTED, LISTED + 3 * 8766)}
        assert {later - earlier for earlier, later in zip(sorted(starts), sorted(starts)[1:], strict=False)} == {hours}


def read(
    stored: Windows, never: Windows, grid: AnyGrid, *, bounds: tuple[int | None, int | None], limit: int
) -> list[Candle]:
    store, series = FakeCandleStore(), FakeSeriesStore()
    candles = [synthetic_candle(SYMBOL, hour) for hour in windows.slots_in(stored)]
    store.store(hourly(SYMBOL), candles, never, absent_blocks=frozenset())
    series.put(SeriesRecord(hourly(SYMBOL), first=stored[0].start, last=stored[-1].end - 1))
    start, end = (None if bound is None else bound * HOUR_MS for bound in bounds)
    return read_candles(store, series, hourly(SYMBOL), start_ms=start, end_ms=end, limit=limit, grid=grid)


def plain_sum(candles: list[Candle], name: str) -> Decimal:
    total = Decimal(0)
    for candle in candles:
        total += Decimal(getattr(candle, name))
    return total


FROM = first_hour_of("2024-01-29")
WHOLE = Window(FROM, FROM + 24 * 66)  # February of a leap year, and what lies around it


@settings(max_examples=60, deadline=None)
@given(
    holes=st.lists(st.tuples(st.integers(0, WHOLE.slots - 1), st.integers(1, 200), st.booleans()), max_size=5),
    interval=LONG,
    shift=SHIFTS,
    bounds=st.tuples(*[st.none() | st.integers(WHOLE.start - 50, WHOLE.end + 50)] * 2),
    limit=st.integers(1, 30),
)
def test_what_is_answered_is_what_a_plain_reading_of_every_hour_gives(
    holes: list[tuple[int, int, bool]], interval: str, shift: int, bounds: tuple[int | None, int | None], limit: int
) -> None:
    proven = {hour for at, size, is_proven in holes if is_proven for hour in range(FROM + at, FROM + at + size)}
    lost = {hour for at, size, is_proven in holes if not is_proven for hour in range(FROM + at, FROM + at + size)}
    hours = [hour for hour in range(*WHOLE) if hour not in proven | lost]
    if not hours:
        return
    never = windows.clip(windows.from_slots(sorted(proven - lost)), WHOLE)
    found = read(
        windows.from_slots(hours),
        never,
        grid_of(interval, HOUR, shift * HOUR_MS, listed=ms_of_hour(LISTED)),
        bounds=bounds,
        limit=limit,
    )

    by_day: dict[date, list[int]] = {}
    for hour in hours:
        by_day.setdefault(first_day(hour, interval, shift), []).append(hour)
    expected = []
    for first, of_bucket in sorted(by_day.items()):
        start, end = hour_of(first, shift), hour_of(day_after(first, interval), shift)
        known = set(of_bucket) | {hour for window in never for hour in range(*window)}
        wanted = (bounds[0] is None or start >= bounds[0]) and (bounds[1] is None or start <= bounds[1])
        if wanted and known >= set(range(start, end)):
            expected.append((start, [synthetic_candle(SYMBOL, hour) for hour in of_bucket]))
    expected = expected[-limit:] if bounds[0] is None else expected[:limit]
    assert [candle.slot for candle in found] == [start for start, _ in expected]
    for candle, (_, inside) in zip(found, expected, strict=True):
        assert (candle.open, candle.close) == (inside[0].open, inside[-1].close)
        assert Decimal(candle.high) == max(Decimal(item.high) for item in inside)
        assert Decimal(candle.low) == min(Decimal(item.low) for item in inside)
        assert candle.trade_count == sum(item.trade_count for item in inside)
        for name in ("volume", "quote_volume", "taker_base", "taker_quote"):
            assert Decimal(getattr(candle, name)) == plain_sum(inside, name)


def test_years_of_months_are_read_a_part_at_a_time() -> None:
    start, end = first_hour_of("2022-01-01"), first_hour_of("2026-01-01")
    for bounds in ((start, None), (None, None)):
        found = read((Window(start, end),), (), MonthGrid(HOUR), bounds=bounds, limit=1000)
        assert len(found) == 48


def test_a_known_listing_is_the_midnight_of_its_day() -> None:
    assert BINANCE.listed_ms("SOLUSDT") == ms_of_hour(first_hour_of("2020-08-11"))
    assert BINANCE.listed_ms("NEWUSDT") is None
    assert all(date(2017, 8, 17) <= date.fromisoformat(day) < date(2026, 1, 1) for day in BINANCE.listed_days.values())


def test_a_first_candle_is_the_listing_where_an_answer_has_reached_before_it() -> None:
    series = SeriesRecord(hourly(SYMBOL), first=LISTED, last=LISTED + 5)
    assert series.listed is None
    assert replace(series, absent=Window(LISTED - 10, LISTED)).listed == LISTED
    assert replace(series, absent=Window(LISTED - 10, LISTED - 1)).listed is None


def test_a_candle_closes_a_ms_before_the_next_opens() -> None:
    february = first_hour_of("2024-02-01")
    candle = synthetic_candle(SYMBOL, february)
    for interval, closes in (("1M", "2024-03-01"), ("1w", "2024-02-05"), ("3d", "2024-02-03")):
        grid = grid_of(interval, HOUR, listed=ms_of_hour(LISTED))
        columns = row(candle._replace(slot=grid.floor(february)), HOUR, grid)
        assert columns[6] == first_hour_of(closes) * HOUR_MS - 1
    assert INTERVALS[-3:] == ("3d", "1w", "1M")


@pytest.mark.skipif(not KLINES.is_dir(), reason="the recorded candles are missing")
@pytest.mark.parametrize(("symbol", "interval"), RECORDED)
def test_recorded_candles_are_made_of_recorded_hours(symbol: str, interval: str) -> None:
    grid = grid_of(interval, HOUR, listed=BINANCE.listed_ms(symbol))
    for day, *values in RECORDED[symbol, interval]:
        start = first_hour_of(day)
        bucket = grid.bucket(start)
        assert bucket.start == start
        years = {year_of(bucket.start), year_of(bucket.end - 1)}
        hours = [candle for year in sorted(years) for candle in recorded_rows(symbol, year)]
        inside = [candle for candle in hours if bucket.start <= candle.slot < bucket.end]
        highest, lowest = max(Decimal(item.high) for item in inside), min(Decimal(item.low) for item in inside)
        ends = (Decimal(inside[0].open), Decimal(inside[-1].close))
        made = [ends[0], highest, lowest, ends[1], plain_sum(inside, "volume")]
        assert list(map(Decimal, values)) == made
