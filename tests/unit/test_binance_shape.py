"""Questions and answers about candles have Binance's own shape: parameters, error codes, rows, listings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from candle_collector.adapters.binance.rows import read_listing_json, read_listings
from candle_collector.api.binance_listings import exchange_info
from candle_collector.api.binance_parameters import BinanceError, TimeUnit, read_time_unit
from candle_collector.api.binance_shape import KlinesQuery, interval_not_served, read_klines_query, row
from candle_collector.domain.aggregate import Grid, MonthGrid, grid_of
from candle_collector.domain.candle import Candle
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.universe import Listing
from candle_collector.domain.windows import Window

from tests.exchange import RECORDED
from tests.hourly import HOUR, HOUR_MS, hourly

ASKED = {"symbol": "BTCUSDT", "interval": "1h"}
NOW_MS = 1_748_779_200_000
STORED = [
    SeriesRecord(hourly("BTCUSDT"), first=1, last=9),
    SeriesRecord(hourly("ETHBTC"), first=1, last=9, delisted=Window(10, 20)),
    SeriesRecord(hourly("SOLUSDT")),
    SeriesRecord(hourly("FROMFILE"), first=1, last=9),
]
LISTINGS = {
    "BTCUSDT": Listing("BTCUSDT", "BTC", "USDT", "TRADING", '{"baseAssetPrecision":6,"madeUpLater":{"a":[1]}}'),
    "ETHBTC": Listing("ETHBTC", "ETH", "BTC", "TRADING"),
    "SOLUSDT": Listing("SOLUSDT", "SOL", "USDT", "TRADING"),
}


def info(**parameters: str) -> dict[str, Any]:
    return exchange_info(parameters, STORED, LISTINGS, server_time=NOW_MS, calls_a_second=100)


def test_without_bounds_the_newest_500_are_meant() -> None:
    assert read_klines_query(ASKED) == KlinesQuery("BTCUSDT", "1h", 0, None, None, 500)


def test_every_parameter_of_binance_is_taken() -> None:
    everything = {"interval": "12h", "startTime": "0", "endTime": "99", "limit": "1001", "timeZone": "-3:00"}
    assert read_klines_query(ASKED | everything) == KlinesQuery("BTCUSDT", "12h", -3 * HOUR_MS, 0, 99, 1000)


@pytest.mark.parametrize(("zone", "shift"), [("0", 0), ("8", 8), ("+8", 8), ("+08:00", 8), ("-12:00", -12), ("14", 14)])
def test_a_time_zone_moves_the_days(zone: str, shift: int) -> None:
    assert read_klines_query(ASKED | {"interval": "1d", "timeZone": zone}).shift_ms == shift * HOUR_MS
    assert grid_of("1d", HOUR, shift * HOUR_MS) == Grid(24, shift)


@pytest.mark.parametrize(
    ("interval", "grid"), [("1h", Grid()), ("1w", Grid(168, 0, 96)), ("1M", MonthGrid(HOUR)), ("3d", Grid(72, 0, 48))]
)
def test_every_interval_that_hours_make_up_is_served(interval: str, grid: Grid | MonthGrid) -> None:
    assert read_klines_query(ASKED | {"interval": interval}).interval == interval
    assert grid_of(interval, HOUR, listed=50 * HOUR_MS) == grid


def test_an_interval_that_what_is_stored_does_not_make_up_is_an_invalid_one() -> None:
    refused = interval_not_served("15m of BTCUSDT cannot be made of what is stored, 1h")
    assert refused.code == -1120
    assert refused.msg == "Invalid interval. 15m of BTCUSDT cannot be made of what is stored, 1h."


CALENDAR_ENDS_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("sent", "start_ms", "end_ms"),
    [
        ("0", 0, 0),
        ("1735689600000", 1_735_689_600_000, 1_735_689_600_000),
        ("1735689600000000", 1_735_689_600_000, 1_735_689_600_000),
        ("1735689600000001", 1_735_689_600_001, 1_735_689_600_000),  # within these bounds lies no candle of that hour
        ("1735689599999999", 1_735_689_600_000, 1_735_689_599_999),
        (str(CALENDAR_ENDS_MS), CALENDAR_ENDS_MS, CALENDAR_ENDS_MS),
        (str(CALENDAR_ENDS_MS + 1), 253_402_300_800, 253_402_300_800),  # of 1978, in microseconds
        (str(CALENDAR_ENDS_MS * 1000 + 999), CALENDAR_ENDS_MS + 1, CALENDAR_ENDS_MS),
    ],
)
def test_a_moment_is_taken_in_ms_and_in_microseconds(sent: str, start_ms: int, end_ms: int) -> None:
    query = read_klines_query(ASKED | {"startTime": sent, "endTime": sent})
    assert (query.start_ms, query.end_ms) == (start_ms, end_ms)


def test_the_largest_number_is_after_every_candle_and_a_larger_one_is_refused_by_its_name() -> None:
    query = read_klines_query(ASKED | {"startTime": str(2**63 - 1), "endTime": str(2**63 - 1)})
    assert query.start_ms == (2**63 - 1) // 1000 + 1 > CALENDAR_ENDS_MS
    assert query.end_ms == (2**63 - 1) // 1000
    for name in ("startTime", "endTime"):
        with pytest.raises(BinanceError, match=f"^Data sent for parameter '{name}' is not valid.$"):
            read_klines_query(ASKED | {name: str(2**63)})


@pytest.mark.parametrize(
    ("headers", "unit"),
    [
        ({}, TimeUnit.MILLISECOND),
        ({"X-MBX-TIME-UNIT": ["MILLISECOND"]}, TimeUnit.MILLISECOND),
        ({"x-mbx-time-unit": ["millisecond"]}, TimeUnit.MILLISECOND),
        ({"X-Mbx-Time-Unit": ["MICROSECOND"]}, TimeUnit.MICROSECOND),
        ({"X-MBX-TIME-UNIT": ["microsecond", "microsecond"]}, TimeUnit.MICROSECOND),
    ],
)
def test_the_unit_of_answers_is_a_header(headers: dict[str, list[str]], unit: TimeUnit) -> None:
    assert read_time_unit(headers) is unit


@pytest.mark.parametrize("words", [["us"], ["Microsecond"], [""], ["MICROSECOND", "MILLISECOND"]])
def test_another_unit_is_refused_as_binance_does(words: list[str]) -> None:
    with pytest.raises(BinanceError) as refused:
        read_time_unit({"X-MBX-TIME-UNIT": words})
    assert (refused.value.code, refused.value.msg) == (
        -1194,
        "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    )


def test_in_microseconds_a_candle_closes_a_microsecond_before_the_next_opens() -> None:
    candle = Candle(482_136, "1", "1", "1", "1", "1", "1", 1, "1", "1")
    columns = row(candle, HOUR, Grid(4), TimeUnit.MICROSECOND)
    assert (columns[0], columns[6]) == (1_735_689_600_000_000, 1_735_703_999_999_999)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": ""}, -1102),
        ({"interval": ""}, -1102),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbol": "BTC/USDT"}, -1100),
        ({"symbol": "A" * 51}, -1100),
        ({"interval": "2m"}, -1120),
        ({"interval": "1H"}, -1120),
        ({"interval": "90m"}, -1120),
        ({"interval": "1s"}, -1120),
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
    assert row(candle, HOUR, Grid(4)) == [
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
    recorded = row(Candle(421_713, "1", "1", "1", "1", "1", "1", 1, "1", "1", 1_694_789), HOUR)
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


def test_what_the_exchange_said_of_a_symbol_stands_as_it_was_said() -> None:
    bitcoin, ether = info()["symbols"]
    assert (bitcoin["baseAsset"], bitcoin["quoteAsset"], bitcoin["status"]) == ("BTC", "USDT", "TRADING")
    assert (bitcoin["baseAssetPrecision"], bitcoin["madeUpLater"]) == (6, {"a": [1]})
    assert ether.keys() == bitcoin.keys() - {"madeUpLater"}


def test_assets_are_not_guessed_of_a_symbol_that_came_from_a_file() -> None:
    with pytest.raises(BinanceError, match="No listing of FROMFILE is kept yet") as refused:
        info(symbol="FROMFILE")
    assert refused.value.code == -1121


@pytest.mark.parametrize("wanted", ['["BTCUSDT","NOSUCH"]', '["BTCUSDT","SOLUSDT"]'])
def test_of_what_is_not_stored_nothing_more_is_said(wanted: str) -> None:
    with pytest.raises(BinanceError, match=r"^Invalid symbol\.$"):
        info(symbols=wanted)


def test_permission_sets_are_left_out_where_a_client_asks_for_that() -> None:
    assert info()["symbols"][0]["permissionSets"] == [["SPOT"]]
    assert info(showPermissionSets="false")["symbols"][0]["permissionSets"] == []


def test_the_limits_are_those_that_clients_pace_themselves_by() -> None:
    weight, calls = info()["rateLimits"]
    assert weight == {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    assert (calls["rateLimitType"], calls["limit"]) == ("RAW_REQUESTS", 100)


FIELDS = frozenset(
    [
        *("symbol", "status", "baseAsset", "baseAssetPrecision", "quoteAsset", "quotePrecision", "quoteAssetPrecision"),
        *("baseCommissionPrecision", "quoteCommissionPrecision", "orderTypes", "icebergAllowed", "ocoAllowed"),
        *("otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop", "cancelReplaceAllowed"),
        *("amendAllowed", "pegInstructionsAllowed", "isSpotTradingAllowed", "isMarginTradingAllowed", "filters"),
        *("permissions", "permissionSets", "defaultSelfTradePreventionMode", "allowedSelfTradePreventionModes"),
    ]
)
"""Of a symbol in Binance's rest-api.md as it stood on 2026-07-21."""


def test_a_symbol_of_which_only_its_assets_are_known_has_every_field() -> None:
    assert info()["symbols"][1].keys() == FIELDS


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are missing")
def test_a_recorded_listing_is_answered_as_it_was_recorded() -> None:
    recorded = json.loads((RECORDED / "rest-2025.json").read_text())["/api/v3/exchangeInfo"][0]["body"]
    listings = {item.symbol: item for item in read_listings(read_listing_json(json.dumps(recorded).encode()))}
    stored = [SeriesRecord(hourly(symbol), first=1, last=9) for symbol in listings]
    answered = exchange_info({}, stored, listings, server_time=NOW_MS, calls_a_second=100)
    assert answered.keys() == recorded.keys()
    assert len(answered["symbols"]) == len(recorded["symbols"]) == 25
    for ours, theirs in zip(answered["symbols"], recorded["symbols"], strict=True):
        for name in FIELDS & theirs.keys() - {"permissionSets"}:  # which are not asked for
            assert ours[name] == theirs[name], name


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"symbol": "SOLUSDT"}, -1121),
        ({"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbols": "[]"}, -1100),
        ({"symbols": '["BTCUSDT"]', "symbol": "BTCUSDT"}, -1128),
        ({"symbolStatus": "OPEN"}, -1130),
        ({"showPermissionSets": "yes"}, -1100),
        ({"symbol": ""}, -1105),
        ({"status": "TRADING"}, -1104),
    ],
)
def test_a_wrong_question_for_listings_is_refused_with_binances_code(parameters: dict[str, str], code: int) -> None:
    with pytest.raises(BinanceError) as refused:
        info(**parameters)
    assert refused.value.code == code
