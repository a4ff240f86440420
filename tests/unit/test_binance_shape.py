"""Questions and answers about candles have Binance's own shape: parameters, error codes, rows, listings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector.api.binance_shape import BinanceError, KlinesQuery, exchange_info, read_klines_query, row
from candle_collector.domain.aggregate import Grid
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window

from tests.exchange import RECORDED

ASKED = {"symbol": "BTCUSDT", "interval": "1h"}
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
STORED = [
    Series("BTCUSDT", first=1, last=9),
    Series("ETHBTC", first=1, last=9, delisted=Window(10, 20)),
    Series("SOLUSDT"),
]


def info(**parameters: str) -> dict[str, Any]:
    return exchange_info(parameters, STORED, NOW)


def test_without_bounds_the_newest_500_are_meant() -> None:
    assert read_klines_query(ASKED) == KlinesQuery("BTCUSDT", Grid(1), None, None, 500)


def test_every_parameter_of_binance_is_taken() -> None:
    everything = {"interval": "12h", "startTime": "0", "endTime": "99", "limit": "1001", "timeZone": "-3:00"}
    assert read_klines_query(ASKED | everything) == KlinesQuery("BTCUSDT", Grid(12, -3), 0, 99, 1000)


@pytest.mark.parametrize(("zone", "shift"), [("0", 0), ("8", 8), ("+8", 8), ("+08:00", 8), ("-12:00", -12), ("14", 14)])
def test_a_time_zone_moves_the_days(zone: str, shift: int) -> None:
    assert read_klines_query(ASKED | {"interval": "1d", "timeZone": zone}).grid == Grid(24, shift)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": ""}, -1102),
        ({"interval": ""}, -1102),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbol": "BTC/USDT"}, -1100),
        ({"symbol": "A" * 21}, -1100),
        ({"interval": "2m"}, -1120),
        ({"interval": "1H"}, -1120),
        ({"interval": "1m"}, -1120),
        ({"interval": "1w"}, -1120),
        ({"startTime": "2025-01-01"}, -1100),
        ({"startTime": "-1"}, -1100),
        ({"startTime": "1.5"}, -1100),
        ({"startTime": "\u0661"}, -1100),
        ({"endTime": "9" * 21}, -1100),
        ({"endTime": "9" * 20}, -1130),
        ({"endTime": ""}, -1105),
        ({"limit": "0"}, -1130),
        ({"limit": "ten"}, -1100),
        ({"limit": str(2**63)}, -1130),
        ({"timeZone": "UTC"}, -1130),
        ({"timeZone": "15"}, -1130),
        ({"timeZone": "-13"}, -1130),
        ({"timeZone": "5:30"}, -1130),
        ({"start_time": "0"}, -1104),
    ],
)
def test_a_mistake_is_refused_with_binances_code(change: dict[str, str], code: int) -> None:
    with pytest.raises(BinanceError) as refused:
        read_klines_query(ASKED | change)
    assert refused.value.code == code


def test_unread_parameters_are_counted_as_binance_does() -> None:
    with pytest.raises(BinanceError) as refused:
        read_klines_query(ASKED | {"start_time": "1"})
    assert refused.value.msg == "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."


def test_a_row_has_binances_twelve_columns() -> None:
    candle = Candle(482_136, "1", "2.5", "0.00000001", "2", "10", "20.125", 7, "0.5", "1")
    assert row(candle, Grid(4)) == [
        1735689600000,
        *("1.00000000", "2.50000000", "0.00000001", "2.00000000", "10.00000000"),
        1735703999999,
        "20.12500000",
        7,
        "0.50000000",
        "1.00000000",
        "0",
    ]


def test_an_hour_that_opened_off_the_hour_keeps_its_time_and_ends_with_its_hour() -> None:
    recorded = row(Candle(421_713, "1", "1", "1", "1", "1", "1", 1, "1", "1", 1_694_789))
    assert (recorded[0], recorded[6]) == (421_713 * 3_600_000 + 1_694_789, 421_714 * 3_600_000 - 1)


def test_what_is_stored_is_listed() -> None:
    assert [item["symbol"] for item in info()["symbols"]] == ["BTCUSDT", "ETHBTC"]
    assert [item["symbol"] for item in info(symbol="ETHBTC")["symbols"]] == ["ETHBTC"]
    assert [item["symbol"] for item in info(symbols='["BTCUSDT"]', showPermissionSets="false")["symbols"]] == [
        "BTCUSDT"
    ]
    assert [item["symbol"] for item in info(symbolStatus="TRADING", permissions="SPOT")["symbols"]] == ["BTCUSDT"]


def test_a_delisted_symbol_is_in_break() -> None:
    assert {item["symbol"]: item["status"] for item in info()["symbols"]} == {"BTCUSDT": "TRADING", "ETHBTC": "BREAK"}


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("USDCUSDT", "USDC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("USDTTRY", "USDT", "TRY"),
        ("BNB", "BNB", ""),  # what cannot be cut keeps its name
    ],
)
def test_a_symbol_is_cut_into_its_assets(symbol: str, base: str, quote: str) -> None:
    (listing,) = exchange_info({}, [Series(symbol, first=1, last=1)], NOW)["symbols"]
    assert (listing["baseAsset"], listing["quoteAsset"]) == (base, quote)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are missing")
def test_a_listing_has_what_binances_has_and_clients_read() -> None:
    recorded = json.loads((RECORDED / "rest-2025.json").read_text())["/api/v3/exchangeInfo"][0]["body"]
    assert info().keys() == recorded.keys()
    ours, theirs = info()["symbols"][0], recorded["symbols"][0]
    assert ours.keys() <= theirs.keys()
    for rule in ours["filters"]:
        (same,) = [item for item in theirs["filters"] if item["filterType"] == rule["filterType"]]
        assert rule.keys() == same.keys()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"symbol": "SOLUSDT"}, -1121),
        ({"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbols": "[]"}, -1100),
        ({"symbols": '["BTCUSDT"]', "symbol": "BTCUSDT"}, -1128),
        ({"symbolStatus": "OPEN"}, -1130),
        ({"symbol": ""}, -1105),
        ({"status": "TRADING"}, -1104),
    ],
)
def test_a_wrong_question_for_listings_is_refused_with_binances_code(parameters: dict[str, str], code: int) -> None:
    with pytest.raises(BinanceError) as refused:
        info(**parameters)
    assert refused.value.code == code
