"""Whatever is asked of made candles, each longer one is exactly the sum of its shorter ones, and pages join."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.made import MadeMarket
from tests.unit.simulator.shown import MINUTES, NAMES, Answers, Columns, total

MARKET = MadeMarket()
FROM_MS, TO_MS = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (2017, 2026))
LATER_MS = TO_MS + 400 * DAY_MS
OUTAGE_MS = 1_619_326_800_000  # 2021-04-25 05:00, three hours of every symbol

SYMBOLS = st.sampled_from(
    ["BTCUSDT", "ETHBTC", "QUIETUSDT", "HAWKUSDT", "LUNAUSDT", "SPKUSDT", "MATICUSDT", "USDCUSDT", "PEPEUSDT"]
)
MOMENTS = st.integers(FROM_MS, TO_MS) | st.integers(OUTAGE_MS - DAY_MS, OUTAGE_MS + DAY_MS)
DIVIDED = [
    (long, short)
    for long in [*MINUTES, "1M"]
    for short in MINUTES
    if short != long and (1440 if long == "1M" else MINUTES[long]) % MINUTES[short] == 0
]
CHEAP = [(long, short) for long, short in DIVIDED if MINUTES.get(long, 9999) <= 1440 or MINUTES[short] >= 60]
WINDOWS = st.lists(
    st.tuples(st.integers(-3 * 1440, 3 * 1440), st.integers(1, 2000)).map(lambda pair: (pair[0], sum(pair))), max_size=3
)


def test_every_interval_is_divided_by_the_minute_and_the_fives_not_by_threes() -> None:
    assert {long for long, short in DIVIDED if short == "1m"} == {*NAMES} - {"1m"}
    assert ("15m", "3m") in DIVIDED
    assert ("5m", "3m") not in DIVIDED
    assert ("1w", "3d") not in DIVIDED


@settings(max_examples=50, deadline=None)
@given(
    symbol=SYMBOLS,
    moment=MOMENTS,
    pair=st.sampled_from(
        [(long, short) for long, short in DIVIDED if MINUTES.get(long, 9999) <= 1440 or short != "1m"]
    ),
    windows=WINDOWS,
    running=st.booleans(),
)
def test_a_longer_candle_is_the_sum_of_its_shorter_ones_at_every_moment(
    symbol: str, moment: int, pair: tuple[str, str], windows: list[tuple[int, int]], *, running: bool
) -> None:
    long, short = pair
    hidden = [(moment + start * MINUTE_MS, moment + end * MINUTE_MS) for start, end in windows]
    exchange = Answers(MARKET, symbol, moment if running else LATER_MS, hidden)
    for row in exchange.rows(long, end_ms=moment, limit=2):
        parts = exchange.within(short, row[0], row[6] + 1)
        assert total([row]) == total(parts)
        assert row[0] <= parts[0][0]
        assert parts[-1][6] <= row[6]


@settings(max_examples=5, deadline=None)
@given(symbol=SYMBOLS, moment=MOMENTS, long=st.sampled_from(["3d", "1w", "1M"]))
def test_the_longest_candles_are_sums_of_minutes(symbol: str, moment: int, long: str) -> None:
    exchange = Answers(MARKET, symbol, LATER_MS)
    for row in exchange.rows(long, end_ms=moment, limit=1):
        assert total([row]) == total(exchange.within("1m", row[0], row[6] + 1))


@settings(max_examples=30, deadline=None)
@given(
    symbol=SYMBOLS,
    moment=MOMENTS,
    name=st.sampled_from(NAMES),
    size=st.integers(1, 40),
    windows=WINDOWS,
    shift=st.sampled_from([0, 0, 8, -11]),
)
def test_pages_of_any_size_and_start_join_to_the_same_candles(
    symbol: str, moment: int, name: str, size: int, *, windows: list[tuple[int, int]], shift: int
) -> None:
    hidden = [(moment + start * MINUTE_MS, moment + end * MINUTE_MS) for start, end in windows]
    exchange = Answers(MARKET, symbol, LATER_MS, hidden, shift_ms=shift * HOUR_MS)
    whole = exchange.rows(name, start_ms=moment, limit=100)
    forwards: list[Columns] = []
    start_ms = moment
    while len(forwards) < len(whole) and (page := exchange.rows(name, start_ms, limit=size)):
        forwards += page
        start_ms = page[-1][0] + 1
    assert forwards[: len(whole)] == whole
    if whole:
        backwards: list[Columns] = []
        end_ms = whole[-1][0]
        while len(backwards) < len(whole) and (page := exchange.rows(name, end_ms=end_ms, limit=size)):
            backwards = page + backwards
            end_ms = page[0][0] - 1
        assert backwards[-len(whole) :] == whole


@given(symbol=SYMBOLS, moment=MOMENTS, name=st.sampled_from([*MINUTES]), slots=st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_bounds_are_rounded_into_the_window(symbol: str, moment: int, name: str, slots: int) -> None:
    end_ms = moment + slots * MINUTES[name] * MINUTE_MS
    exchange = Answers(MARKET, symbol, LATER_MS)
    everything = exchange.rows(name, moment - 2 * MINUTES[name] * MINUTE_MS, limit=100)
    assert exchange.rows(name, moment, end_ms) == [row for row in everything if moment <= row[0] <= end_ms]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_answered_of_a_time_that_is_hidden_and_years_of_it_are_passed_over(name: str) -> None:
    listed_ms, delisted_ms = FROM_MS + 8 * 365 * DAY_MS + 7 * MINUTE_MS, TO_MS - 5 * DAY_MS - MINUTE_MS
    hidden = [(-float("inf"), listed_ms), (delisted_ms, float("inf"))]
    exchange = Answers(MARKET, "BTCUSDT", LATER_MS, hidden)
    (first,), (last,) = exchange.rows(name, 0, limit=1), exchange.rows(name, limit=1)
    assert first[0] <= listed_ms <= first[6]
    assert last[0] < delisted_ms <= last[6] + 1
    assert total([first]) == total(exchange.within("1m", first[0], first[6] + 1))
    assert exchange.within("1m", first[0], first[6] + 1)[0][0] == listed_ms
    assert exchange.within("1m", last[0], last[6] + 1)[-1][0] == delisted_ms - MINUTE_MS
    assert exchange.rows(name, last[0] + 1) == []
    assert exchange.rows(name, end_ms=first[0] - 1) == []


def test_a_symbol_without_a_time_that_is_shown_has_no_candles() -> None:
    exchange = Answers(MARKET, "BTCUSDT", LATER_MS, [(-float("inf"), LATER_MS), (LATER_MS, float("inf"))])
    assert exchange.rows("1m", 0) == exchange.rows("1m") == exchange.rows("1M", 0) == []
