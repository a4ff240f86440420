"""No wrong row is believed: answers of every shape, and hundreds that were corrupted at random."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import tracemalloc
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from candle_collector.adapters.binance.rows import (
    REJECTED_MOST,
    WrongAnswerError,
    read_at_par,
    read_candles,
    read_json,
    read_listing_json,
    read_listings,
    read_volumes,
    read_weight_limit,
)
from candle_collector.domain.candle import Candle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange import KLINES, RECORDED, needs_recordings
from tests.hourly import HOUR, HOUR_MS
from tests.recorded import recorded_rows

CORRUPTED_CASES = int(os.environ.get("CORRUPTED_CASES", "300"))
"""How many corrupted answers each of two tests makes up; `make faults` asks for more."""

START, LIMIT, RUNNING = 480_000, 5, 480_100


def row(hour: int, **columns: Any) -> list[Any]:
    """Return a right row, but for the columns that are named."""
    right = {
        "opened": hour * HOUR_MS,
        "open": "101.50000000",
        "high": "105.00000000",
        "low": "99.00000000",
        "close": "103.25000000",
        "volume": "12.00000000",
        "closed": hour * HOUR_MS + HOUR_MS - 1,
        "quote_volume": "1230.12500000",
        "trades": 7,
        "taker_base": "0.50000000",
        "taker_quote": "51.00000000",
        "ignored": "0",
    }
    return list((right | columns).values())


def rows() -> list[list[Any]]:
    return [row(START + number) for number in range(LIMIT)]


def read(answer: Any) -> tuple[Candle, ...]:
    return read_candles(answer, HOUR, start=START, limit=LIMIT, running=RUNNING).whole()


def test_right_rows_are_read_to_the_last_digit() -> None:
    assert read(rows()) == tuple(
        Candle(START + number, "101.5", "105", "99", "103.25", "12", "1230.125", 7, "0.5", "51")
        for number in range(LIMIT)
    )
    assert read([]) == ()


def test_rows_may_leave_hours_out_and_reach_the_running_hour() -> None:
    answer = [row(START + 2), row(RUNNING)]
    assert [candle.slot for candle in read(answer)] == [START + 2, RUNNING]


def test_a_wrong_close_time_is_let_be() -> None:
    assert read([row(START, closed=5)])[0].slot == START


OFFSET = 1_694_789  # 28 min 14.789 s, as in February 2018


def off(number: int, offset: int = OFFSET, *, closes_early: bool = False) -> list[Any]:
    """Return a row that opens late; its close time goes with it unless it closes with its hour."""
    opened = (START + number) * HOUR_MS + offset
    return row(START + number, opened=opened, closed=opened + HOUR_MS - 1 - (offset if closes_early else 0))


def offsets(answer: list[list[Any]]) -> list[int]:
    return [candle.offset_ms for candle in read(answer)]


def on(*numbers: int) -> list[list[Any]]:
    return [row(START + number) for number in numbers]


def test_rows_off_the_hour_are_believed_where_they_share_their_offset() -> None:
    assert offsets([*on(0), off(1, closes_early=True), off(2, closes_early=True), *on(3)]) == [0, OFFSET, OFFSET, 0]
    assert offsets([off(number, closes_early=True) for number in range(5)]) == [OFFSET] * 5
    assert offsets([off(0), off(4, OFFSET)]) == [OFFSET] * 2
    assert offsets([off(0, 1), off(1, 1), off(2, HOUR_MS - 1), off(3, HOUR_MS - 1)]) == [1, 1, *[HOUR_MS - 1] * 2]


def test_the_first_or_last_row_off_the_hour_is_believed_by_its_own_close_time() -> None:
    assert offsets([off(0)]) == [OFFSET]
    assert offsets([off(0), *on(1, 2)]) == [OFFSET, 0, 0]
    assert offsets([*on(0, 1), off(2)]) == [0, 0, OFFSET]
    assert offsets([off(0, closes_early=True), *on(1)]) == [OFFSET, 0]


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ([*on(0), off(1), *on(2)], [1]),
        ([off(0, 1, closes_early=True)], [0]),
        ([off(0, 1, closes_early=True), *on(1)], [0]),
        ([*on(0), off(1, 1, closes_early=True)], [1]),
        ([*on(0), row(START + 1, opened=(START + 1) * HOUR_MS + OFFSET, closed=5)], [1]),
        ([*on(0), off(1, 5), off(2, 6), *on(3)], [1, 2]),
        ([off(0), *on(1), off(2), *on(3)], [2]),
    ],
    ids=["between", "alone", "first", "last", "wrong close", "two offsets", "apart"],
)
def test_a_row_off_the_hour_that_nothing_bears_out_is_wrong(answer: list[list[Any]], wrong: list[int]) -> None:
    found = read_candles(answer, HOUR, start=START, limit=LIMIT, running=RUNNING)
    assert [hour - START for hour in found.rejected] == wrong
    assert all("off the grid" in reason for reason in found.rejected.values())


def test_two_rows_in_one_hour_make_the_answer_wrong() -> None:
    with pytest.raises(WrongAnswerError, match="twice"):
        read_candles([*on(0, 1), off(1)], HOUR, start=START, limit=LIMIT, running=RUNNING)


def test_wrong_rows_are_named_by_their_hours_and_the_others_are_read() -> None:
    answer = rows()
    answer[1] = row(START + 1, high="101.49999999")
    answer[3] = answer[3][:-1]
    found = read_candles(answer, HOUR, start=START, limit=LIMIT, running=RUNNING)
    assert found.slots == tuple(range(START, START + LIMIT))
    assert [candle.slot - START for candle in found.candles] == [0, 2, 4]
    assert list(found.rejected) == [START + 1, START + 3]
    assert "between low and high" in found.rejected[START + 1]
    assert "11 columns" in found.rejected[START + 3]
    with pytest.raises(WrongAnswerError, match="the row of 2024-10-04T01:00:00Z: a price is zero, or open"):
        found.whole()


def test_an_answer_with_more_than_ten_wrong_rows_is_refused() -> None:
    answer = [row(START + number, trades=-1 if number < REJECTED_MOST else 1) for number in range(20)]
    assert len(read_candles(answer, HOUR, start=START, limit=20, running=RUNNING).rejected) == REJECTED_MOST
    answer[-1][8] = -1
    with pytest.raises(WrongAnswerError, match="more than 10"):
        read_candles(answer, HOUR, start=START, limit=20, running=RUNNING)


@pytest.mark.parametrize(
    "wrong",
    [
        [*on(0), row(START + 1, close="9")[1:], *on(2)],
        [*on(0), None],
        [*on(0), {}],
        [*on(0), []],
        [row(START, trades=-1), row(START, trades=-1)],
        [row(START + 1, trades=-1), *on(0)],
        [row(START - 1, trades=-1)],
        [row(RUNNING + 1, trades=-1)],
        [row(START + number, trades=-1) for number in range(LIMIT + 1)],
    ],
    ids=["moved columns", "null", "object", "empty", "twice", "order", "before", "future", "too many"],
)
def test_a_wrong_row_without_an_hour_of_its_own_refuses_the_answer(wrong: list[Any]) -> None:
    with pytest.raises(WrongAnswerError):
        read_candles(wrong, HOUR, start=START, limit=LIMIT, running=RUNNING)


WRONG_COLUMNS: list[dict[str, Any]] = [
    {"opened": str(START * HOUR_MS)},
    {"opened": float(START * HOUR_MS)},
    {"opened": START * HOUR_MS + 1},
    {"opened": START * HOUR_MS * 1000},
    {"opened": START * HOUR_MS // 1000},
    {"opened": -START * HOUR_MS},
    {"opened": (START - 1) * HOUR_MS},
    {"opened": (RUNNING + 1) * HOUR_MS},
    {"opened": int("9" * 4000)},
    {"opened": True},
    {"opened": None},
    {"closed": "0"},
    {"closed": None},
    *[
        {"close": value}
        for value in ("", "NaN", "Infinity", "-103.25", "+103.25", "1e2", "103,25", " 103.25", "103.25\n")
    ],
    *[{"close": value} for value in (103.25, None, True, ["103.25"], {"a": 1}, "103.", ".25", "0x67", "about")],
    {"close": "1" * 21},
    {"close": "103.250000001"},
    {"close": "\u0661\u0660\u0663.25"},
    {"close": "103.25,1"},
    {"close": "105.00000001"},
    {"close": "98.99999999"},
    {"open": "105.00000001"},
    {"open": "98.99999999"},
    {"high": "99.00000000"},
    {"low": "106.00000000"},
    {"open": "0.00000000", "high": "0.00000000", "low": "0.00000000", "close": "0.00000000"},
    {"low": "0.00000000"},
    {"volume": "-1.00000000"},
    {"volume": "1e400"},
    {"quote_volume": None},
    {"trades": -1},
    {"trades": "7"},
    {"trades": True},
    {"trades": 7.0},
    {"trades": 10**9 + 1},
    {"trades": 10**30},
    {"taker_base": "12.00000001"},
    {"taker_quote": "1230.12500001"},
]


@pytest.mark.parametrize("columns", WRONG_COLUMNS, ids=lambda columns: f"{columns!r:.60}")
@pytest.mark.parametrize("at", [0, 2, 4])
def test_an_answer_with_one_wrong_row_is_not_whole(columns: dict[str, Any], at: int) -> None:
    answer = rows()
    if columns.get("opened") == (START - 1) * HOUR_MS and at:
        columns = {"opened": (START + at - 1) * HOUR_MS}
    answer[at] = row(START + at, **columns)
    if columns.get("opened") == START * HOUR_MS + 1 and at:
        answer[at][0] = (START + at) * HOUR_MS + 1
    with pytest.raises(WrongAnswerError):
        read(answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        5,
        "rows",
        True,
        1e400,
        {"code": -1001, "msg": "Internal error"},
        [[]],
        [None],
        ["row"],
        [{}],
        [row(START)[:-1]],
        [[*row(START), "0"]],
        [dict(enumerate(row(START)))],
        [row(START), row(START)],
        [row(START + 1), row(START)],
        [row(START - 1), row(START)],
        [row(START + number) for number in range(LIMIT + 1)],
        [row(START), row(START + 87_600)],
    ],
    ids=lambda answer: f"{answer!r:.40}",
)
def test_an_answer_of_another_shape_or_order_is_refused(answer: Any) -> None:
    with pytest.raises(WrongAnswerError):
        read(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[]]",
        b"\xff\xfe\x00",
        b'"\xff"',
        b"[" * 100_000 + b"]" * 100_000,
        b"[" + b"9" * 5000 + b"]",
        b"<html>",
        b"\x00",
    ],
    ids=lambda body: f"{body!r:.20}",
)
def test_a_body_that_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(WrongAnswerError):
        read_json(body)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
NUMBER_TEXTS = st.from_regex(r"[-+]?\d{0,22}[.,]?\d{0,10}(e\d+)?", fullmatch=True)
CORRUPTIONS = st.tuples(st.integers(0, LIMIT - 1), st.integers(0, 11), ANYTHING | NUMBER_TEXTS)


def assert_right(candles: tuple[Candle, ...]) -> None:
    hours = [candle.slot for candle in candles]
    assert hours == sorted(set(hours))
    assert all(START <= hour <= RUNNING for hour in hours)
    for candle in candles:
        numbers = [Decimal(text) for text in (*candle[1:7], *candle[8:10])]
        assert all(number.is_finite() and number >= 0 for number in numbers)
        open_, high, low, close, volume, quote_volume, taker_base, taker_quote = numbers
        assert 0 < low <= min(open_, close) <= max(open_, close) <= high
        assert taker_base <= volume
        assert taker_quote <= quote_volume
        assert 0 <= candle.offset_ms < HOUR_MS
        assert candle.trade_count <= 10**9
        assert candle.line().isascii()


@settings(max_examples=CORRUPTED_CASES)
@given(st.lists(CORRUPTIONS, min_size=1, max_size=3))
def test_rows_corrupted_at_random_are_refused_or_right(corruptions: list[tuple[int, int, Any]]) -> None:
    answer = rows()
    for at, column, value in corruptions:
        answer[at][column] = value
    try:
        candles = read(answer)
    except WrongAnswerError:
        return
    assert_right(candles)


BODY = json.dumps(rows()).encode()


@settings(max_examples=CORRUPTED_CASES)
@given(st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 3), st.binary(max_size=3)), max_size=4))
def test_bytes_corrupted_at_random_are_refused_or_read_as_right_rows(corruptions: list[tuple[int, int, bytes]]) -> None:
    body = BODY
    for at, length, put in corruptions:
        body = body[:at] + put + body[at + length :]
    try:
        candles = read(read_json(body))
    except WrongAnswerError:
        return
    assert_right(candles)


@given(ANYTHING)
def test_no_parsed_json_at_all_breaks_a_reader(answer: Any) -> None:
    for reader in (read, read_listings, read_weight_limit, read_volumes):
        try:
            reader(answer)
        except WrongAnswerError:
            continue


INFO: dict[str, Any] = {
    "rateLimits": [
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    ],
    "symbols": [
        {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING", "permissions": []},
        {"symbol": "\u5e01USDT", "baseAsset": "\u5e01", "quoteAsset": "USDT", "status": "BREAK"},
    ],
}


def test_listings_and_the_limit_are_read() -> None:
    assert [(item.symbol, item.trading) for item in read_listings(INFO)] == [("BTCUSDT", True), ("\u5e01USDT", False)]
    assert read_weight_limit(INFO) == (6000, 60)


@settings(max_examples=300)
@given(ANYTHING, st.sampled_from(["rateLimitType", "interval", "intervalNum", "limit"]), st.integers(0, 1))
def test_a_corrupted_limit_is_refused_or_a_number(value: Any, name: str, at: int) -> None:
    info = deepcopy(INFO)
    info["rateLimits"][at][name] = value
    try:
        limit, seconds = read_weight_limit(info)
    except WrongAnswerError:
        return
    assert 0 < limit < 10**10
    assert 0 < seconds < 10**10


@pytest.mark.parametrize("limit", [0, -1, "many", None, math.inf, 10**400, math.nan, [1]])
def test_a_limit_that_is_not_a_number_is_refused(limit: Any) -> None:
    info = deepcopy(INFO)
    info["rateLimits"][1]["limit"] = limit
    with pytest.raises(WrongAnswerError):
        read_weight_limit(info)


def test_a_listing_that_cannot_be_a_symbol_is_left_out() -> None:
    info = deepcopy(INFO)
    info["symbols"] += [INFO["symbols"][0] | {"symbol": name} for name in ("", "a" * 9, "../X", "A" * 51)]
    assert read_listings(info) == read_listings(INFO)


def test_a_symbol_that_is_listed_twice_as_the_same_is_listed_once() -> None:
    info = deepcopy(INFO)
    info["symbols"] *= 2
    assert read_listings(info) == read_listings(INFO)


@pytest.mark.parametrize("name", ["baseAsset", "quoteAsset", "status"])
def test_a_listing_that_says_two_things_of_a_symbol_is_refused_by_its_name(name: str) -> None:
    info = deepcopy(INFO)
    info["symbols"].append(INFO["symbols"][0] | {name: "OTHER"})
    with pytest.raises(WrongAnswerError, match="BTCUSDT is listed twice"):
        read_listings(info)


def test_two_volumes_of_a_symbol_are_refused_by_its_name() -> None:
    volumes = [{"symbol": "BTCUSDT", "quoteVolume": volume} for volume in ("1.50", "1.5", "2")]
    assert read_volumes(volumes[:2]) == {"BTCUSDT": Decimal("1.5")}
    with pytest.raises(WrongAnswerError, match="BTCUSDT is listed twice"):
        read_volumes(volumes)


@pytest.mark.parametrize(
    "volume",
    [
        *("NaN", "sNaN", "Infinity", "-1", "1e9999999", "", "much", 5, None, "1e31", "1E5", "+1", "1_0", ".5", "5."),
        *("\u0661", "1\n", " 1", "9" * 31, "1." + "0" * 39, "1." + "3" * 500_000),
    ],
    ids=lambda volume: f"{volume!r:.20}",
)
def test_a_volume_that_is_not_an_amount_is_refused(volume: Any) -> None:
    with pytest.raises(WrongAnswerError):
        read_volumes([{"symbol": "BTCUSDT", "quoteVolume": volume}])


def test_volumes_are_read_to_the_last_digit() -> None:
    assert read_volumes([{"symbol": "BTCUSDT", "quoteVolume": "12345678901.12345678"}]) == {
        "BTCUSDT": Decimal("12345678901.12345678")
    }


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0.00000000", "0"),
        ("0.00000012", "0"),
        ("0.00000100", "0.000001"),
        ("1200.00000000", "1200"),
        ("1" + "0" * 29, "1" + "0" * 29),
        ("12.50", "12.5"),
    ],
)
def test_a_volumes_own_text_is_a_plain_decimal(text: str, plain: str) -> None:
    assert str(read_volumes([{"symbol": "BTCUSDT", "quoteVolume": text}])["BTCUSDT"]) == plain


def test_what_traded_near_one_the_whole_day_is_known() -> None:
    days = {
        "USDCUSDT": ("0.99970000", "1.00030000"),
        "EDGEUSDT": ("0.99000000", "1.01000000"),
        "DEPEGUSDT": ("0.98900000", "1.00030000"),
        "WILDUSDT": ("0.99970000", "1.01100000"),
        "IDLEUSDT": ("0.00000000", "0.00000000"),
        "ODDUSDT": ("one", None),
    }
    body = [
        {"symbol": symbol, "quoteVolume": "1", "lowPrice": low, "highPrice": high}
        for symbol, (low, high) in days.items()
    ]
    read = read_listing_json(json.dumps([*body, {"symbol": "OLDUSDT", "quoteVolume": "1"}]).encode())
    assert read_at_par(read) == {"USDCUSDT", "EDGEUSDT"}


def test_of_a_listing_only_what_is_read_is_kept() -> None:
    rules = {"filters": [{"filterType": "LOT_SIZE", "minQty": "0.10"}], "orderTypes": ["LIMIT"], "ocoAllowed": True}
    known = dict(list(INFO["symbols"][0].items())[:4])
    info = INFO | {"symbols": [known | rules | {"permissionSets": [[]]}], "sors": [{"symbols": ["BTCUSDT"]}]}
    kept = read_listing_json(json.dumps(info).encode())
    (listing,) = read_listings(kept)
    assert kept["symbols"] == [known | {"rules": listing.rules}]
    assert json.loads(listing.rules) == rules
    assert "sors" not in kept
    assert kept["rateLimits"] == INFO["rateLimits"]


@pytest.mark.parametrize(
    "filters",
    [
        [{"filterType": "LOT_SIZE", "minQty": "1" * 65}],
        [{"filterType": "LOT_SIZE", "minQty": ["1"]}],
        [{"filterType": "LOT_SIZE"} | {str(number): number for number in range(16)}],
    ],
    ids=["long text", "nested", "many members"],
)
def test_a_filter_that_binance_does_not_have_is_not_kept(filters: list[Any]) -> None:
    info = INFO | {"symbols": [INFO["symbols"][0] | {"filters": filters}]}
    (listing,) = read_listings(read_listing_json(json.dumps(info).encode()))
    assert json.loads(listing.rules)["filters"] == [{}]


def test_rules_that_are_far_too_long_are_not_kept() -> None:
    info = INFO | {"symbols": [INFO["symbols"][0] | {"orderTypes": ["LIMIT"] * 1000}]}
    (listing,) = read_listings(read_listing_json(json.dumps(info).encode()))
    assert listing == read_listings(INFO)[0]
    assert listing.rules == ""


@needs_recordings
def test_a_listing_three_times_as_long_as_todays_is_read() -> None:
    info = json.loads(gzip.decompress((RECORDED / "exchangeInfo-2021-10-12.json.gz").read_bytes()).splitlines()[0])
    symbols = [item | {"symbol": f"{item['symbol'][:18]}{turn}"} for turn in range(3) for item in info["symbols"]]
    kept = read_listing_json(json.dumps(info | {"symbols": symbols}).encode())
    assert len(read_listings(kept)) == len({item["symbol"] for item in symbols}) > 5000


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 8_000_000 + b"1]",
        b"[" + b"{}," * 8_000_000 + b"1]",
        b"[" + b"[[[[[[]]]]]]," * 1_400_000 + b"1]",
        b"[" + b"1," * 12_000_000 + b"1]",
        b"{" + b'"a":1,' * 4_000_000 + b'"a":1}',
    ],
    ids=["lists", "objects", "nested lists", "numbers", "members"],
)
def test_a_body_of_millions_of_values_is_refused_before_it_is_parsed(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WrongAnswerError, match="more values than a listing"):
            read_listing_json(body)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@needs_recordings
def test_every_recorded_row_is_believed() -> None:
    for symbol, year in (("BTCUSDT", 2018), ("BTCUSDC", 2023), ("SOLUSDT", 2025)):
        recorded = recorded_rows(symbol, year)
        answer = [
            row(
                item.slot,
                opened=item.open_time_ms(HOUR),
                closed=item.open_time_ms(HOUR) + HOUR_MS - 1,
                open=item.open,
                high=item.high,
                low=item.low,
                close=item.close,
                volume=item.volume,
                quote_volume=item.quote_volume,
                trades=item.trade_count,
                taker_base=item.taker_base,
                taker_quote=item.taker_quote,
            )
            for item in recorded
        ]
        found = read_candles(answer, HOUR, start=recorded[0].slot, limit=10**5, running=10**6)
        assert found.whole() == recorded


@needs_recordings
@pytest.mark.parametrize("length", [1, 2, 7, 168, 1000])
def test_the_recorded_hours_off_the_grid_are_believed_however_answers_are_cut(length: int) -> None:
    with gzip.open(KLINES / "BTCUSDT-1h-2018.csv.gz", "rt", encoding="ascii") as file:
        recorded: list[list[Any]] = [
            [int(text) if at in {0, 6, 8} else text for at, text in enumerate(row)] for row in csv.reader(file)
        ]
    february = [row for row in recorded if 421_600 <= row[0] // HOUR_MS < 421_900]
    for first in range(0, len(february), length):
        answer = february[first : first + length]
        found = read_candles(answer, HOUR, start=0, limit=1000, running=RUNNING)
        assert [candle.open_time_ms(HOUR) for candle in found.whole()] == [row[0] for row in answer]
