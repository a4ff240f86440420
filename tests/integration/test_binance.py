"""The exchange's adapter against the simulated exchange: every fault that it can play, and what each comes to."""

from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from candle_collector.adapters.binance.client import Binance
from candle_collector.domain import windows
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    SymbolRefusedError,
)
from candle_collector.ports import FetchedCandles

from simulator.broken_answers import ANSWER_FAULTS
from simulator.broken_rows import ROW_FAULTS
from tests.exchange import RunningExchange, running_exchange

START = windows.first_hour_of("2025-03-01")
LIMIT = 48
LONG = 1000.0

HARMLESS = {"gzip", "no_used_weight", "wrong_used_weight"}
TRUE_FOR_ALL_WE_KNOW = {"short_answer", "hole", "empty_list"}
"""Right answers with fewer rows: nothing in them is wrong, and what they prove is for coverage to say."""

SLOW = {"hang", "trickle"}
BLOCKING = {"rate_limit", "ban"}
RETRYABLE = sorted(
    (ANSWER_FAULTS.keys() | ROW_FAULTS.keys()) - HARMLESS - TRUE_FOR_ALL_WE_KNOW - SLOW - BLOCKING - {"status"}
)


@pytest.fixture(scope="module")
def process() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as running:
        yield running


@pytest.fixture
def exchange(process: RunningExchange) -> RunningExchange:
    process.settings(faults=[], clock_skew_ms=0, latency_ms=0)
    process.reset()
    return process


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def binance(exchange: RunningExchange, slept: list[float]) -> Binance:
    return Binance(exchange.url, max_retries=3, sleep=slept.append)


def granted() -> None:
    """Let every attempt be made."""


def ask(binance: Binance, seconds: float = LONG, made: int = 0, symbol: str = "BTCUSDT") -> FetchedCandles:
    return binance.fetch_candles(
        symbol, START, LIMIT, attempts_made=made, until=time.monotonic() + seconds, grant=granted
    )


def break_answers(exchange: RunningExchange, kind: str, **rule: Any) -> None:
    exchange.settings(faults=[{"kind": kind, **rule}])


def test_candles_come_as_the_exchange_has_them(exchange: RunningExchange, binance: Binance) -> None:
    answer = ask(binance)
    rows = exchange.klines("BTCUSDT", startTime=START * windows.HOUR_MS, limit=LIMIT)
    assert answer.hours == tuple(range(START, START + LIMIT))
    assert [candle.open_time_ms for candle in answer.candles] == [row[0] for row in rows]
    assert [float(candle.close) for candle in answer.candles] == [float(row[4]) for row in rows]
    assert [candle.trade_count for candle in answer.candles] == [row[8] for row in rows]
    assert (answer.retries, answer.used_weight) == (0, 2)


def test_a_request_names_no_end_and_asks_for_the_hours_of_its_window(
    exchange: RunningExchange, binance: Binance
) -> None:
    ask(binance)
    (request,) = exchange.stats()["log"]
    requested = str(request)
    assert "endTime" not in requested
    assert str(START * windows.HOUR_MS) in requested


def test_the_running_hour_is_known_and_not_handed_out(exchange: RunningExchange, binance: Binance) -> None:
    running = exchange.now_ms() // windows.HOUR_MS
    answer = binance.fetch_candles(
        "BTCUSDT", running - 5, 100, attempts_made=0, until=time.monotonic() + LONG, grant=granted
    )
    assert answer.hours[-1] >= running
    assert answer.closed_end in {running, running - 1, running + 1}
    assert all(candle.hour < answer.closed_end for candle in answer.candles)


@pytest.mark.parametrize("skew_hours", [-5, 5])
def test_an_hour_has_closed_only_by_both_clocks(exchange: RunningExchange, binance: Binance, skew_hours: int) -> None:
    exchange.settings(clock_skew_ms=skew_hours * windows.HOUR_MS)
    ours = windows.hour_of(datetime.now(UTC))
    answer = binance.fetch_candles(
        "BTCUSDT", ours - 20, 100, attempts_made=0, until=time.monotonic() + LONG, grant=granted
    )
    assert answer.closed_end <= min(ours + 1, ours + 1 + skew_hours)
    assert answer.candles[-1].hour == answer.closed_end - 1


@pytest.mark.parametrize("kind", RETRYABLE)
def test_a_broken_answer_is_asked_for_again(
    exchange: RunningExchange, binance: Binance, slept: list[float], kind: str
) -> None:
    break_answers(exchange, kind, times=1)
    answer = ask(binance)
    assert answer.hours == tuple(range(START, START + LIMIT))
    assert answer.retries == 1
    assert len(slept) == 1
    assert exchange.stats()["faults"]


@pytest.mark.parametrize("kind", RETRYABLE)
def test_four_broken_answers_are_the_end_of_the_window(
    exchange: RunningExchange, binance: Binance, slept: list[float], kind: str
) -> None:
    break_answers(exchange, kind)
    with pytest.raises(ExchangeUnavailableError) as caught:
        ask(binance)
    assert caught.value.failure.attempts == 4
    assert caught.value.failure.kind in {"unavailable", "invalid_answer"}
    assert len(caught.value.failure.message) < 500
    for waited, least in zip(slept, (2, 4, 8), strict=True):
        assert least <= waited <= least + 1


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_an_answer_that_is_only_odd_is_believed(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind)
    assert len(ask(binance).candles) == LIMIT


@pytest.mark.parametrize("kind", sorted(TRUE_FOR_ALL_WE_KNOW))
def test_an_answer_with_fewer_rows_brings_no_wrong_one(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    right = {candle.hour: candle for candle in ask(binance).candles}
    break_answers(exchange, kind)
    answer = ask(binance)
    assert len(answer.candles) < LIMIT
    assert all(right[candle.hour] == candle for candle in answer.candles)


@pytest.mark.parametrize("kind", sorted(SLOW))
def test_a_request_ends_in_time_whatever_trickles_in(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind)
    with pytest.raises(OutOfTimeError) as caught:
        ask(binance, seconds=0.8)
    assert caught.value.failure.attempts == 1
    exchange.settings(faults=[])
    assert len(ask(binance).candles) == LIMIT


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_the_exchanges_own_failures_are_retried(exchange: RunningExchange, binance: Binance, status: int) -> None:
    break_answers(exchange, "status", status=status)
    with pytest.raises(ExchangeUnavailableError) as caught:
        ask(binance)
    assert (caught.value.failure.http_status, caught.value.failure.attempts) == (status, 4)


def test_attempts_of_an_earlier_turn_count(exchange: RunningExchange, binance: Binance, slept: list[float]) -> None:
    break_answers(exchange, "status", status=500)
    with pytest.raises(ExchangeUnavailableError) as caught:
        ask(binance, made=3)
    assert caught.value.failure.attempts == 4
    assert slept == []


def test_a_wait_that_does_not_fit_is_left_to_another_turn(
    exchange: RunningExchange, binance: Binance, slept: list[float]
) -> None:
    break_answers(exchange, "status", status=500)
    with pytest.raises(OutOfTimeError) as caught:
        ask(binance, seconds=1.5)
    assert (caught.value.failure.attempts, caught.value.wait) == (1, 2.0)
    assert slept == []


@pytest.mark.parametrize(("kind", "status"), [("rate_limit", 429), ("ban", 418)])
@pytest.mark.parametrize("header", [True, False], ids=["in the header", "in the body"])
def test_a_block_is_reported_with_its_end_and_asked_no_more(
    exchange: RunningExchange, binance: Binance, slept: list[float], kind: str, status: int, *, header: bool
) -> None:
    break_answers(exchange, kind, seconds=40, header=header)
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    least = 30 if header or kind == "ban" else 50  # without any word on it, a minute
    assert least < caught.value.seconds < 70
    failure = caught.value.failure
    assert (failure.kind, failure.http_status, failure.attempts) == ("blocked", status, 1)
    assert slept == []


@pytest.mark.parametrize("retry_after", ["-5", "soon", "99999999999", "\u0665", ""])
def test_a_block_of_a_senseless_length_is_a_minute(
    exchange: RunningExchange, binance: Binance, retry_after: str
) -> None:
    break_answers(exchange, "status", status=429, retry_after=retry_after.encode().decode("latin-1"))
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds < 61


def test_a_block_is_never_longer_than_the_longest_ban_there_is(exchange: RunningExchange, binance: Binance) -> None:
    break_answers(exchange, "status", status=418, retry_after=999_999_999)
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds <= 3 * 86_400


@pytest.mark.parametrize("status", [451, 403])
def test_an_exchange_that_refuses_us_names_the_remedy(
    exchange: RunningExchange, binance: Binance, slept: list[float], status: int
) -> None:
    break_answers(exchange, "status", status=status)
    with pytest.raises(ExchangeRefusedError) as caught:
        ask(binance)
    failure = caught.value.failure
    assert "ExchangeBaseUrl" in failure.message
    assert (failure.kind, failure.http_status, failure.attempts) == ("refused", status, 1)
    assert slept == []


def test_a_symbol_that_is_not_listed_is_refused_with_the_exchanges_code(binance: Binance, slept: list[float]) -> None:
    with pytest.raises(SymbolRefusedError) as caught:
        ask(binance, symbol="NOPEUSDT")
    failure = caught.value.failure
    assert (failure.kind, failure.http_status, failure.exchange_code) == ("invalid_symbol", 400, -1121)
    assert slept == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", None),
        ("oops", None),
        ("[]", None),
        ('{"code": "x", "msg": 5}', None),
        ('{"code": -1100, "msg": "no"}', -1100),
    ],
)
def test_a_refusal_with_any_body_is_reported(
    exchange: RunningExchange, binance: Binance, body: str, code: int | None
) -> None:
    break_answers(exchange, "status", status=400, body=body)
    with pytest.raises(SymbolRefusedError) as caught:
        ask(binance)
    assert (caught.value.failure.http_status, caught.value.failure.exchange_code) == (400, code)


def test_a_gzip_bomb_is_given_up_before_it_is_inflated(exchange: RunningExchange, binance: Binance) -> None:
    break_answers(exchange, "gzip_bomb")
    tracemalloc.start()
    try:
        with pytest.raises(ExchangeUnavailableError, match="larger than"):
            ask(binance, made=3)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_redirect_is_not_followed(exchange: RunningExchange, binance: Binance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        break_answers(exchange, "redirect", location=f"http://127.0.0.1:{elsewhere.getsockname()[1]}/")
        with pytest.raises(ExchangeUnavailableError, match="redirected"):
            ask(binance)
        elsewhere.setblocking(False)  # noqa: FBT003 - the socket's own form
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_an_exchange_that_is_not_there_is_unavailable(slept: list[float]) -> None:
    nowhere = Binance("http://127.0.0.1:9", max_retries=1, sleep=slept.append)
    with pytest.raises(ExchangeUnavailableError) as caught:
        ask(nowhere)
    assert caught.value.failure.attempts == 2
    with pytest.raises((ExchangeUnavailableError, OutOfTimeError)):
        nowhere.fetch_market(grant=granted)


def test_a_server_without_a_trusted_certificate_refuses_nothing_by_itself(
    exchange: RunningExchange, slept: list[float]
) -> None:
    plain = Binance(exchange.url.replace("http:", "https:"), max_retries=1, sleep=slept.append)
    with pytest.raises(ExchangeUnavailableError, match=r"TLS|SSL|record|whole answer"):
        ask(plain)


def test_the_market_is_read_with_its_limit_and_its_clock(exchange: RunningExchange, binance: Binance) -> None:
    exchange.settings(clock_skew_ms=-5_000_000)
    market = binance.fetch_market(grant=granted)
    by_symbol = {listing.symbol: listing for listing in market.listings}
    assert by_symbol["BTCUSDT"].trading
    assert not by_symbol["BUSDUSDT"].trading
    assert (market.weight_limit, market.weight_seconds) == (6000, 60)
    assert -5_010_000 < market.clock_offset_ms < -4_990_000
    assert binance.fetch_volumes(grant=granted)["BTCUSDT"] > binance.fetch_volumes(grant=granted)["SOLUSDT"]


@pytest.mark.parametrize("kind", ["html", "truncated_json", "null", "empty_list", "object", "number", "no_date"])
def test_broken_listings_are_unavailable(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind, match={"path": "exchangeInfo"})
    with pytest.raises((ExchangeUnavailableError, OutOfTimeError)):
        binance.fetch_market(grant=granted)
