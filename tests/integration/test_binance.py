"""The exchange's adapter against the simulated exchange: every fault that it can play, and what each comes to."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest
from candle_collector.adapters.binance.client import Binance
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.run import Failure
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
from tests.hourly import HOUR, HOUR_MS, first_hour_of, hour_of, hourly

START = first_hour_of("2025-03-01")
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
ONE_ROW = sorted(
    {"off_grid_row", "high_below_low", "close_above_high", "open_below_low", "zero_price", "negative_price"}
    | {"negative_volume", "negative_trades", "taker_above_volume", "nan_text", "infinity_text", "exponent"}
    | {"price_as_number", "price_missing", "price_empty", "price_in_words", "price_in_other_digits"}
    | {"too_many_decimals", "too_many_digits", "trades_as_text", "trades_as_truth", "columns_swapped"}
    | {"column_missing", "column_too_many"}
)
"""A wrong row that still says which hour it is of."""


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


def grant() -> None:
    """Let every request be sent."""


def ask(
    binance: Binance,
    *,
    seconds: float = LONG,
    made: int = 0,
    symbol: str = "BTCUSDT",
    grant: Callable[[], None] = grant,
    start: int = START,
    limit: int = LIMIT,
) -> FetchedCandles:
    return binance.fetch_candles(
        hourly(symbol), start, limit, attempts_made=made, until=time.monotonic() + seconds, grant=grant
    )


def break_answers(exchange: RunningExchange, kind: str, **rule: Any) -> None:
    exchange.settings(faults=[{"kind": kind, **rule}])


def test_candles_come_as_the_exchange_has_them(exchange: RunningExchange, binance: Binance) -> None:
    answer = ask(binance)
    rows = exchange.klines("BTCUSDT", startTime=START * HOUR_MS, limit=LIMIT)
    assert answer.slots == tuple(range(START, START + LIMIT))
    assert [candle.open_time_ms(HOUR) for candle in answer.candles] == [row[0] for row in rows]
    assert [float(candle.close) for candle in answer.candles] == [float(row[4]) for row in rows]
    assert [candle.trade_count for candle in answer.candles] == [row[8] for row in rows]
    assert (answer.retries, answer.used_weight, BINANCE.weights.candles) == (0, 2, 2)


def test_a_request_names_no_end_and_asks_for_the_hours_of_its_window(
    exchange: RunningExchange, binance: Binance
) -> None:
    ask(binance)
    (request,) = exchange.stats()["log"]
    requested = str(request)
    assert "endTime" not in requested
    assert str(START * HOUR_MS) in requested


def test_the_running_hour_is_known_and_not_handed_out(exchange: RunningExchange, binance: Binance) -> None:
    running = exchange.now_ms() // HOUR_MS
    answer = ask(binance, start=running - 5, limit=100)
    assert answer.slots[-1] >= running
    assert answer.closed_end in {running, running - 1, running + 1}
    assert all(candle.slot < answer.closed_end for candle in answer.candles)


@pytest.mark.parametrize("skew_hours", [-5, 5])
def test_an_hour_has_closed_only_by_both_clocks(exchange: RunningExchange, binance: Binance, skew_hours: int) -> None:
    exchange.settings(clock_skew_ms=skew_hours * HOUR_MS)
    ours = hour_of(datetime.now(UTC))
    answer = ask(binance, start=ours - 20, limit=100)
    assert answer.closed_end <= min(ours + 1, ours + 1 + skew_hours)
    assert answer.candles[-1].slot == answer.closed_end - 1


@pytest.mark.parametrize("kind", RETRYABLE)
def test_a_broken_answer_is_asked_for_again(
    exchange: RunningExchange, binance: Binance, slept: list[float], kind: str
) -> None:
    break_answers(exchange, kind, times=1)
    answer = ask(binance)
    assert answer.slots == tuple(range(START, START + LIMIT))
    assert answer.retries == 1
    assert len(slept) == 1
    assert exchange.stats()["faults"]


@pytest.mark.parametrize("kind", sorted(set(RETRYABLE) - set(ONE_ROW)))
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


@pytest.mark.parametrize("kind", ONE_ROW)
def test_a_row_that_is_wrong_each_time_costs_itself_alone(
    exchange: RunningExchange, binance: Binance, slept: list[float], kind: str
) -> None:
    right = ask(binance)
    break_answers(exchange, kind, row=7)
    answer = ask(binance)
    assert list(answer.rejected) == [START + 7]
    assert answer.rejected[START + 7]
    assert answer.slots == right.slots
    assert answer.candles == right.candles[:7] + right.candles[8:]
    assert (answer.retries, len(slept)) == (1, 1)


def test_without_retries_one_answer_decides_on_its_wrong_rows(exchange: RunningExchange) -> None:
    break_answers(exchange, "zero_price", row=0)
    assert list(ask(Binance(exchange.url, max_retries=0)).rejected) == [START]


def test_wrong_rows_that_are_not_the_same_each_time_refuse_the_answer(
    exchange: RunningExchange, binance: Binance
) -> None:
    exchange.settings(
        faults=[{"kind": "zero_price", "row": 3, "times": 1}, {"kind": "zero_price", "row": 4}],
    )
    with pytest.raises(ExchangeUnavailableError, match=r"2025-03-01T04:00:00Z: a price is zero") as caught:
        ask(binance)
    assert (caught.value.failure.kind, caught.value.failure.attempts) == ("invalid_answer", 4)


def test_an_answer_that_cannot_be_read_says_nothing_of_the_rows(exchange: RunningExchange, binance: Binance) -> None:
    exchange.settings(
        faults=[
            {"kind": "zero_price", "row": 3, "times": 1},
            {"kind": "html", "times": 1},
            {"kind": "zero_price", "row": 3},
        ],
    )
    answer = ask(binance)
    assert (list(answer.rejected), answer.retries) == ([START + 3], 2)


def test_the_last_attempt_that_an_earlier_turn_left_rejects_no_row(exchange: RunningExchange, binance: Binance) -> None:
    break_answers(exchange, "zero_price")
    with pytest.raises(ExchangeUnavailableError):
        ask(binance, made=3)


def test_a_wrong_row_of_the_running_hour_is_not_rejected_for_good(exchange: RunningExchange, binance: Binance) -> None:
    running = exchange.now_ms() // HOUR_MS
    break_answers(exchange, "zero_price", row=5)
    answer = ask(binance, start=running - 5, limit=6)
    assert answer.slots == tuple(range(running - 5, running + 1))
    assert answer.rejected.keys() == {running} & set(range(answer.closed_end))
    assert len(answer.candles) <= 5


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_an_answer_that_is_only_odd_is_believed(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind)
    assert len(ask(binance).candles) == LIMIT


@pytest.mark.parametrize("kind", sorted(TRUE_FOR_ALL_WE_KNOW))
def test_an_answer_with_fewer_rows_brings_no_wrong_one(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    right = {candle.slot: candle for candle in ask(binance).candles}
    break_answers(exchange, kind)
    answer = ask(binance)
    assert len(answer.candles) < LIMIT
    assert all(right[candle.slot] == candle for candle in answer.candles)


@pytest.mark.parametrize("kind", sorted(SLOW))
def test_a_request_ends_in_time_whatever_trickles_in(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind)
    with pytest.raises(OutOfTimeError) as caught:
        ask(binance, seconds=0.8)
    assert (caught.value.failure.attempts, caught.value.cut) == (0, True)
    assert "our own time ended" in caught.value.failure.message
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


@pytest.mark.parametrize("retry_after", ["-5", "soon", "1.5", "\u0665", "", "Wed, 01 Jan 2020 00:00:00 GMT"])
def test_a_block_of_a_senseless_length_is_a_minute(
    exchange: RunningExchange, binance: Binance, retry_after: str
) -> None:
    break_answers(exchange, "status", status=429, retry_after=retry_after.encode().decode("latin-1"))
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds == 60


@pytest.mark.parametrize("retry_after", ["259201", "999999999", "9" * 11, "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_block_is_never_longer_than_the_longest_ban_there_is(
    exchange: RunningExchange, binance: Binance, retry_after: str
) -> None:
    break_answers(exchange, "status", status=418, retry_after=retry_after)
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds == 3 * 86_400


@pytest.mark.parametrize("retry_after", ["0", "00", "1"])
def test_a_block_is_a_second_at_least(exchange: RunningExchange, binance: Binance, retry_after: str) -> None:
    break_answers(exchange, "status", status=429, retry_after=retry_after)
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds == 1


@pytest.mark.parametrize("skew_ms", [0, -7_200_000])
def test_the_end_of_a_block_may_be_a_date_by_the_exchanges_clock(
    exchange: RunningExchange, binance: Binance, skew_ms: int
) -> None:
    exchange.settings(clock_skew_ms=skew_ms)
    end = formatdate(exchange.now_ms() / 1000 + 3600, usegmt=True)
    break_answers(exchange, "status", status=418, retry_after=end, body="<html>")
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance)
    assert caught.value.seconds == pytest.approx(3600, abs=10)


@pytest.mark.parametrize(("status", "attempts"), [(451, 1), (403, 4)])
def test_an_exchange_that_refuses_us_names_the_remedy(
    exchange: RunningExchange, binance: Binance, slept: list[float], status: int, attempts: int
) -> None:
    break_answers(exchange, "status", status=status)
    with pytest.raises(ExchangeRefusedError) as caught:
        ask(binance)
    failure = caught.value.failure
    assert "ExchangeBaseUrl" in failure.message
    assert (failure.kind, failure.http_status, failure.attempts) == ("refused", status, attempts)
    assert len(slept) == attempts - 1


OTHERS: dict[int, str] = {403: "", **dict.fromkeys((202, 204, 400, 404, 408, 418 + 5, 451, 520), "<html>no</html>")}
"""Answers of a firewall or a network of proxies before the exchange."""


@pytest.mark.parametrize(("status", "body"), OTHERS.items(), ids=str)
def test_what_others_answer_before_the_exchange_is_asked_for_again(
    exchange: RunningExchange, binance: Binance, status: int, body: str
) -> None:
    break_answers(exchange, "status", status=status, body=body, times=3)
    answer = ask(binance)
    assert (len(answer.candles), answer.retries) == (LIMIT, 3)


@pytest.mark.parametrize(("status", "body"), OTHERS.items(), ids=str)
def test_what_others_answer_each_time_says_nothing_of_the_symbol(
    exchange: RunningExchange, binance: Binance, status: int, body: str
) -> None:
    break_answers(exchange, "status", status=status, body=body)
    with pytest.raises(ExchangeRefusedError if status == 403 else ExchangeUnavailableError) as caught:
        ask(binance)
    assert (caught.value.failure.http_status, caught.value.failure.attempts) == (status, 4)
    with pytest.raises(OutOfTimeError) as out_of_time:
        ask(binance, seconds=1.5)
    assert (out_of_time.value.failure.http_status, out_of_time.value.failure.attempts) == (status, 1)


def test_a_symbol_that_is_not_listed_is_refused_with_the_exchanges_code(binance: Binance, slept: list[float]) -> None:
    with pytest.raises(SymbolRefusedError) as caught:
        ask(binance, symbol="NOPEUSDT")
    failure = caught.value.failure
    assert (failure.kind, failure.http_status, failure.exchange_code) == ("invalid_symbol", 400, -1121)
    assert slept == []


@pytest.mark.parametrize(
    "body",
    [
        *("", "oops", "[]", '{"code": "x", "msg": 5}', '{"code": true, "msg": "no"}', '{"code": -1121, "msg": null}'),
        *('{"code": ' + "9" * digits + ', "msg": "no"}' for digits in (11, 200, 5000)),
        '{"code": -1121, "msg": "' + "no" * 60_000 + '"}',
    ],
    ids=lambda body: f"{body:.30}",
)
def test_a_refusal_that_is_not_the_exchanges_own_is_asked_for_again(
    exchange: RunningExchange, binance: Binance, body: str
) -> None:
    break_answers(exchange, "status", status=400, body=body)
    with pytest.raises(ExchangeUnavailableError) as caught:
        ask(binance)
    failure = caught.value.failure
    assert (failure.http_status, failure.exchange_code, failure.attempts) == (400, None, 4)
    assert failure.message == "the exchange answered 400: not its own JSON"


def test_a_refusal_of_the_exchange_is_final(exchange: RunningExchange, binance: Binance, slept: list[float]) -> None:
    break_answers(exchange, "status", status=400, body='{"code": -1100, "msg": "no \\ud800", "more": []}')
    with pytest.raises(SymbolRefusedError, match=r"answered 400: no \?") as caught:
        ask(binance)
    assert (caught.value.failure.http_status, caught.value.failure.exchange_code) == (400, -1100)
    assert slept == []


class Grants:
    """Grants so many requests, and raises an error instead of the next one."""

    def __init__(self, most: int, error: Exception) -> None:
        self.left = most
        self.error = error

    def __call__(self) -> None:
        if not self.left:
            raise self.error
        self.left -= 1


REFUSED_GRANT = Failure("blocked", "the budget says no", 418, attempts=9)


@pytest.mark.parametrize("granted", [0, 1, 3])
def test_every_attempt_is_granted_and_a_refused_one_ends_the_asking(
    exchange: RunningExchange, binance: Binance, granted: int
) -> None:
    break_answers(exchange, "status", status=500)
    with pytest.raises(ExchangeBlockedError) as caught:
        ask(binance, grant=Grants(granted, ExchangeBlockedError(REFUSED_GRANT, 5)))
    assert (caught.value.failure.attempts, caught.value.seconds) == (granted, 5)
    assert caught.value.failure.message == "the budget says no"
    assert exchange.stats()["requests"] == granted
    with pytest.raises(ExchangeBlockedError) as later:
        ask(binance, made=2, grant=Grants(min(granted, 1), ExchangeBlockedError(REFUSED_GRANT, 5)))
    assert later.value.failure.attempts == 2 + min(granted, 1)


def test_a_listing_is_granted_too(exchange: RunningExchange, binance: Binance) -> None:
    grants = Grants(2, ExchangeBlockedError(REFUSED_GRANT, 5))
    binance.fetch_market(grant=grants)
    binance.fetch_volumes(grant=grants)
    for fetch in (binance.fetch_market, binance.fetch_volumes):
        with pytest.raises(ExchangeBlockedError) as caught:
            fetch(grant=grants)
        assert caught.value.failure.attempts == 0
    assert exchange.stats()["requests"] == 2


def test_without_time_nothing_is_granted_or_asked(exchange: RunningExchange, binance: Binance) -> None:
    with pytest.raises(OutOfTimeError, match="no time was left") as caught:
        ask(binance, seconds=0, made=1, grant=Grants(0, AssertionError("asked for a grant")))
    assert (caught.value.failure.attempts, caught.value.cut) == (1, False)
    with pytest.raises(OutOfTimeError):
        ask(binance, seconds=0.1, grant=lambda: time.sleep(0.15))
    assert exchange.stats()["requests"] == 0


@pytest.mark.parametrize(("retries", "made"), [(0, 0), (3, 3), (3, 0)])
def test_a_request_that_our_own_end_cut_is_not_counted(exchange: RunningExchange, retries: int, made: int) -> None:
    exchange.settings(latency_ms=800)
    with pytest.raises(OutOfTimeError) as caught:
        ask(Binance(exchange.url, max_retries=retries), seconds=0.4, made=made)
    assert (caught.value.failure.attempts, caught.value.cut) == (made, True)


def test_what_the_exchange_failed_in_is_reported_rather_than_our_own_end(exchange: RunningExchange) -> None:
    exchange.settings(faults=[{"kind": "status", "status": 503, "times": 1}, {"kind": "hang"}])
    binance = Binance(exchange.url, max_retries=3, sleep=lambda _: None)
    with pytest.raises(OutOfTimeError) as caught:
        ask(binance, seconds=4.0)
    assert (caught.value.failure.http_status, caught.value.failure.attempts, caught.value.cut) == (503, 1, True)


def test_the_offset_of_the_exchanges_clock_is_that_of_its_last_answer(
    exchange: RunningExchange, binance: Binance
) -> None:
    assert binance.clock_offset_ms is None
    exchange.settings(clock_skew_ms=7_200_000)
    ask(binance)
    assert binance.clock_offset_ms == pytest.approx(7_200_000, abs=3000)
    exchange.settings(clock_skew_ms=0, faults=[{"kind": "ban"}])
    with pytest.raises(ExchangeBlockedError):
        ask(binance)
    assert binance.clock_offset_ms == pytest.approx(0, abs=3000)
    exchange.reset()
    exchange.settings(clock_skew_ms=7_200_000, faults=[{"kind": "no_date"}])
    with pytest.raises(ExchangeUnavailableError):
        ask(binance)
    assert binance.clock_offset_ms == pytest.approx(0, abs=3000)


@pytest.mark.parametrize("date", ["Wed, 01 Jan 2025 05:00:00 +0500", "Wed, 01 Jan 2025 00:00:00"])
def test_a_date_of_another_zone_is_the_same_moment(exchange: RunningExchange, binance: Binance, date: str) -> None:
    break_answers(exchange, "wrong_date", value=date)
    new_year = first_hour_of("2025-01-01")
    answer = ask(binance, start=new_year - 5, limit=5)
    assert answer.closed_end == new_year - 1
    assert [candle.slot for candle in answer.candles] == list(range(new_year - 5, new_year - 1))


def test_a_name_that_is_not_resolved_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) and [])
    began = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"the name localhost was not resolved within 0\.[45] s") as caught:
        ask(Binance("http://localhost:9", max_retries=0), seconds=0.5)
    assert time.monotonic() - began < 2
    assert caught.value.cut
    over.set()


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ExchangeUnavailableError, match="the name nowhere was not resolved: "):
        ask(Binance("http://nowhere:9", max_retries=0))


def test_the_addresses_of_a_name_are_tried_in_turn_and_the_connection_is_kept(
    exchange: RunningExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(exchange.url.rsplit(":", 1)[1])
    looked_up: list[str] = []

    def look_up(name: str, *_: object) -> list[tuple[object, ...]]:
        looked_up.append(name)
        tcp = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*tcp, ("127.0.0.1", 9)), (*tcp, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    binance = Binance(f"http://exchange.test:{port}", max_retries=0)
    assert len(ask(binance).candles) == len(ask(binance).candles) == LIMIT
    assert looked_up == ["exchange.test"]


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
        nowhere.fetch_market(grant=grant)


def test_a_server_without_a_trusted_certificate_refuses_nothing_by_itself(
    exchange: RunningExchange, slept: list[float]
) -> None:
    plain = Binance(exchange.url.replace("http:", "https:"), max_retries=1, sleep=slept.append)
    with pytest.raises(ExchangeUnavailableError, match=r"TLS|SSL|record|whole answer"):
        ask(plain)


def test_the_market_is_read_with_its_limit_and_its_clock(exchange: RunningExchange, binance: Binance) -> None:
    exchange.settings(clock_skew_ms=-5_000_000)
    market = binance.fetch_market(grant=grant)
    by_symbol = {listing.symbol: listing for listing in market.listings}
    assert by_symbol["BTCUSDT"].trading
    assert not by_symbol["BUSDUSDT"].trading
    assert (market.weight_limit, market.weight_seconds) == (6000, 60)
    assert -5_010_000 < market.clock_offset_ms < -4_990_000
    volumes = binance.fetch_volumes(grant=grant).volumes
    assert volumes["BTCUSDT"] > volumes["SOLUSDT"]


@pytest.mark.parametrize("kind", ["html", "truncated_json", "null", "empty_list", "object", "number", "no_date"])
def test_broken_listings_are_unavailable(exchange: RunningExchange, binance: Binance, kind: str) -> None:
    break_answers(exchange, kind, match={"path": "exchangeInfo"})
    with pytest.raises((ExchangeUnavailableError, OutOfTimeError)):
        binance.fetch_market(grant=grant)
