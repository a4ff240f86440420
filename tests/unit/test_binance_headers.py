"""What headers of the exchange say is read in every form that they come in, and nothing in them breaks a reader."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from candle_collector.adapters.binance.bounded_http import HttpAnswer
from candle_collector.adapters.binance.headers import BLOCK_MOST, clock_ms, date_of, retry_after, used_weight
from candle_collector.adapters.binance.refusals import RETRY_AFTER_LEAST, AgainError, refusal
from candle_collector.adapters.binance.rows import WrongAnswerError
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    SymbolRefusedError,
)
from hypothesis import given
from hypothesis import strategies as st

NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
NEW_YEAR_MS = 1_735_689_600_000


def answer(status: int = 200, body: bytes = b"", **named: str) -> HttpAnswer:
    headers = {name.replace("_", "-"): value for name, value in named.items()}
    return HttpAnswer(status, headers, body, NEW_YEAR)


def seconds_of(status: int = 429, body: bytes = b"<html>", **named: str) -> float:
    error = refusal(answer(status, body, **named), NEW_YEAR)
    assert isinstance(error, ExchangeBlockedError)
    return error.seconds


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 01 Jan 2025 00:00:00 GMT",
        "Wednesday, 01-Jan-25 00:00:00 GMT",
        "Wed Jan  1 00:00:00 2025",
        "Wed, 01 Jan 2025 05:00:00 +0500",
        "Tue, 31 Dec 2024 12:30:00 -1130",
        "Wed, 01 Jan 2025 00:00:00 -0000",
        "Wed, 01 Jan 2025 00:00:00",
    ],
)
def test_a_date_of_any_form_is_a_moment_in_utc(text: str) -> None:
    assert clock_ms(answer(Date=text)) == NEW_YEAR_MS
    assert date_of(answer(Date=text)) == NEW_YEAR


@pytest.mark.parametrize(
    "text", ["", "yesterday", "1", "Wed, 01 Jan 2025 25:00:00 GMT", "Fri, 31 Dec 9999 23:00:00 -0500"]
)
def test_what_is_not_a_date_says_nothing_of_the_clock(text: str) -> None:
    assert date_of(answer(Date=text)) is None
    with pytest.raises(WrongAnswerError):
        clock_ms(answer(Date=text))


def test_the_date_of_a_retry_counts_from_the_answers_own_date_and_else_from_our_clock() -> None:
    end = "Wed, 01 Jan 2025 02:00:00 GMT"
    assert retry_after(answer(Retry_After=end, Date="Wed, 01 Jan 2025 01:00:00 GMT"), NEW_YEAR) == 3600
    assert retry_after(answer(Retry_After=end), NEW_YEAR) == 7200
    assert retry_after(answer(Retry_After="Tue, 31 Dec 2024 23:59:59 GMT"), NEW_YEAR) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 60), ("soon", 60), ("-1", 60), ("0", RETRY_AFTER_LEAST), (" 35 ", 35), ("9" * 4999, 259_200)],
)
@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[]", b"9" * 200_000])
def test_a_block_lasts_as_long_as_the_exchange_says_within_bounds(
    text: str | None, seconds: float, status: int, body: bytes
) -> None:
    assert seconds_of(status, body, **({} if text is None else {"Retry_After": text})) == seconds


@pytest.mark.parametrize(
    ("until_ms", "seconds"),
    [(NEW_YEAR_MS + 90_500, 90.5), (NEW_YEAR_MS - 5, RETRY_AFTER_LEAST), (9_999_999_999_999, 259_200)],
)
def test_without_a_header_a_block_lasts_until_the_time_in_the_body(until_ms: int, seconds: float) -> None:
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until %d. Please"}' % until_ms
    assert seconds_of(418, body) == seconds
    assert seconds_of(418, body, Retry_After="-5") == seconds
    assert seconds_of(418, body, Retry_After="7") == 7


def test_a_block_is_a_second_at_least_and_a_minute_where_nothing_is_said() -> None:
    assert (seconds_of(Retry_After="0"), seconds_of()) == (1, 60)
    body = b'{"code":-1003,"msg":"banned until %d"}' % (NEW_YEAR_MS + 90_000)
    assert seconds_of(418, body, Date="Wed, 01 Jan 2025 00:00:30 GMT") == 60  # by the exchange's own clock


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        *[(400, b'{"code":%d,"msg":"no"}' % code, "unavailable", AgainError) for code in (-1000, -1001, -1007, -1008)],
        (400, b'{"code":-1121,"msg":"no"}', "invalid_symbol", SymbolRefusedError),
        (400, b'{"code":-1100,"msg":"no"}', "refused", SymbolRefusedError),
        (400, b"<html>", "unavailable", AgainError),
        (500, b'{"code":-1100,"msg":"no"}', "unavailable", AgainError),
        (302, b"", "invalid_answer", AgainError),
        (403, b"<html>", "refused", AgainError),
        (451, b'{"code":0,"msg":"no"}', "refused", ExchangeRefusedError),
        (451, b"<html>", "unavailable", AgainError),
    ],
)
def test_what_an_answer_that_is_not_good_means(status: int, body: bytes, kind: str, error: type[Exception]) -> None:
    met = refusal(answer(status, body), NEW_YEAR)
    assert (type(met), met.failure.kind) == (error, kind)
    if isinstance(met, AgainError):
        assert met.verdict is (ExchangeRefusedError if status == 403 else ExchangeUnavailableError)


DATES = st.from_regex(r"(\w{3,9},? )?[-+\d]{0,5}[ -]\w{3}[ -][-\d]{0,6} [-\d:]{0,10}( [-+]?\w{0,9})?", fullmatch=True)


@given(st.text(max_size=40) | DATES, st.text(max_size=40) | DATES, st.integers(100, 999), st.binary(max_size=60))
def test_no_header_and_no_body_breaks_a_reader(date: str, retry: str, status: int, body: bytes) -> None:
    odd = answer(status, body, Date=date, Retry_After=retry, X_MBX_USED_WEIGHT_1M=retry)
    weight = used_weight(odd)
    assert weight is None or weight >= 0
    error = refusal(odd, NEW_YEAR)
    if status in {429, 418}:
        assert isinstance(error, ExchangeBlockedError)
        assert RETRY_AFTER_LEAST <= error.seconds <= BLOCK_MOST.total_seconds()
    assert len(str(error)) < 500
    assert not isinstance(error, ExchangeError) or error.failure.http_status == status
