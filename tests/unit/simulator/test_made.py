"""Made candles: plausible, the same for whoever asks, and listed so that a ranking has something to leave out."""

import json
from decimal import Decimal
from itertools import islice, takewhile
from typing import Any

import pytest

from simulator.intervals import DAY_MS, HOUR, HOUR_MS, INTERVALS, Grid
from simulator.klines import KlinesQuery, klines
from simulator.made import MadeMarket
from simulator.market import Row
from simulator.shown import Shown

START_2025_MS = 1_735_689_600_000
END_NOVEMBER_MS = START_2025_MS + 334 * DAY_MS
MARKET = MadeMarket()
LOOKS_LIKE_A_CRYPTO = {"USDC", "FDUSD", "TUSD", "USDP", "DAI", "USD1", "USDE", "XUSD", "BUSD", "EUR", "GBP", "AUD"}


def _candles(symbol: str, start_ms: int, slots: int, name: str = "1h") -> list[list[Any]]:
    return [json.loads(text) for _, text in islice(MARKET.ascending(symbol, INTERVALS[name], start_ms), slots)]


def _plain() -> list[str]:
    leveraged = ("UP", "DOWN", "BULL", "BEAR")
    bases = {listing.base for listing in MARKET.listings.values()}
    return [
        listing.symbol
        for listing in MARKET.listings.values()
        if listing.quote == "USDT"
        and listing.status == "TRADING"
        and listing.base not in LOOKS_LIKE_A_CRYPTO
        and not any(
            listing.base == end or listing.base.removesuffix(end) in bases - {listing.base} for end in leveraged
        )
    ]


@pytest.mark.parametrize("name", ["1m", "3m", "5m", "15m", "30m", "1h", "1d"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "PEPEUSDT", "USDCUSDT", "ETHBTC", "QUIETUSDT"])
def test_candles_are_plausible_to_the_last_column(symbol: str, name: str) -> None:
    decimals = MARKET.listings[symbol].price_decimals, MARKET.listings[symbol].volume_decimals
    for columns in _candles(symbol, START_2025_MS, 300, name):
        assert len(columns) == 12
        assert columns[6] == columns[0] + INTERVALS[name].length_ms - 1
        assert all(len(columns[index].split(".")[1]) == 8 for index in (1, 2, 3, 4, 5, 7, 9, 10))
        assert all(columns[index].endswith("0" * (8 - decimals[0])) for index in (1, 2, 3, 4))
        assert all(columns[index].endswith("0" * (8 - decimals[1])) for index in (5, 9))
        opened, high, low, closed, volume = (Decimal(columns[index]) for index in range(1, 6))
        quote_volume, taker_base, taker_quote = (Decimal(columns[index]) for index in (7, 9, 10))
        assert 0 < low <= min(opened, closed)
        assert max(opened, closed) <= high
        assert 0 <= taker_base <= volume
        assert 0 <= taker_quote <= quote_volume
        assert (taker_base == 0) == (taker_quote == 0)
        assert (volume == 0) == (columns[8] == 0) == (quote_volume == 0)
        assert volume or opened == high == low == closed


def test_minutes_without_a_trade_are_printed_and_the_largest_symbols_have_none() -> None:
    def silent(symbol: str) -> int:
        minutes = _candles(symbol, START_2025_MS, 1000, "1m")
        assert [columns[0] for columns in minutes] == [START_2025_MS + index * 60_000 for index in range(1000)]
        return sum(columns[8] == 0 for columns in minutes)

    assert silent("BTCUSDT") == 0
    assert 100 < silent("QUIETUSDT") < 900


def test_a_quiet_symbol_has_hours_without_a_trade_and_they_are_printed() -> None:
    candles = _candles("QUIETUSDT", START_2025_MS, 1000)
    assert [columns[0] for columns in candles] == [START_2025_MS + index * HOUR_MS for index in range(1000)]
    assert 0 < sum(columns[8] == 0 for columns in candles) < 100


def test_a_candle_is_the_same_whatever_range_it_is_asked_in() -> None:
    forwards = list(islice(MARKET.ascending("ETHUSDT", HOUR, START_2025_MS), 100))
    backwards: list[Row] = list(
        takewhile(
            lambda row: row[0] >= START_2025_MS, MadeMarket().descending("ETHUSDT", HOUR, START_2025_MS + 99 * HOUR_MS)
        )
    )
    assert forwards == backwards[::-1]
    assert forwards[50] == next(MadeMarket().ascending("ETHUSDT", HOUR, START_2025_MS + 50 * HOUR_MS))


def test_symbols_differ() -> None:
    assert _candles("LTCUSDT", START_2025_MS, 1)[0][1:] != _candles("BCHUSDT", START_2025_MS, 1)[0][1:]


def test_the_hundred_and_five_largest_plain_symbols_have_every_hour_of_2025() -> None:
    hours = 334 * 24
    ranked = _plain()[:105]
    assert len(ranked) == 105
    for symbol in ranked:
        series = MARKET._series[symbol]
        first = START_2025_MS // HOUR_MS
        assert all(series.has(hour) for hour in range(first, first + hours)), symbol


def test_what_a_ranking_leaves_out_ranks_at_the_top() -> None:
    largest = list(MARKET.listings)[:50]
    assert {"USDCUSDT", "FDUSDUSDT", "BTCUPUSDT", "BTCDOWNUSDT", "BULLUSDT", "BTCFDUSD", "USDTTRY", "MATICUSDT"} <= {
        *largest
    }


def test_a_symbol_begins_with_its_listing_and_ends_with_its_delisting() -> None:
    assert next(MARKET.ascending("SPKUSDT", HOUR, 0))[0] == 1_750_161_600_000  # 2025-06-17 12:00
    assert next(MARKET.descending("MATICUSDT", HOUR, END_NOVEMBER_MS))[0] == 1_725_933_600_000  # 2024-09-10 02:00
    opens = [row[0] for row in MARKET.ascending("BCCUSDT", HOUR, 0)]
    assert opens[-1] == next(MARKET.descending("BCCUSDT", HOUR, END_NOVEMBER_MS))[0]


def test_an_outage_is_missing_on_every_symbol_and_a_halt_on_its_own() -> None:
    outage_ms = 1_679_662_800_000  # 2023-03-24 13:00
    for symbol in ("BTCUSDT", "SOLUSDT"):
        assert next(MARKET.ascending(symbol, HOUR, outage_ms))[0] == outage_ms + HOUR_MS
    halt_ms = 1_741_593_600_000  # 2025-03-10 08:00, five hours
    assert next(MARKET.ascending("HAWKUSDT", HOUR, halt_ms))[0] == halt_ms + 5 * HOUR_MS
    assert next(MARKET.ascending("BTCUSDT", HOUR, halt_ms))[0] == halt_ms


@pytest.mark.parametrize("name", ["1m", "15m", "1h", "4h", "1d"])
def test_the_running_candle_differs_from_what_it_will_be(name: str) -> None:
    open_ms, length_ms = START_2025_MS, INTERVALS[name].length_ms
    query = KlinesQuery(Grid(INTERVALS[name]), None, None, 2)

    def at(now_ms: int) -> list[str]:
        return klines(Shown(MARKET, "BTCUSDT", now_ms), query, now_ms)

    running, closed = at(open_ms + length_ms - 1), at(open_ms + length_ms)
    assert json.loads(running[1])[0] == open_ms
    assert running[0] == at(open_ms + length_ms // 3)[0]
    now, final = json.loads(running[1]), json.loads(closed[0])
    assert (now[0], now[1], now[6]) == (final[0], final[1], final[6])
    assert Decimal(now[5]) < Decimal(final[5])
    assert now[4] != final[4]
