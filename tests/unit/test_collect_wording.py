"""How figures, outcomes and errors are put into words, and what the exit code is."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.answers import Progress, Results, Window
from candle_collector.domain.dates import format_moment
from candle_collector.domain.interval import HOUR_MS
from candle_collector.domain.run import Failure
from candle_collector.domain.wording import counted
from rich.console import Console

from cli.client import Refusal
from cli.collect.remedies import remedy
from cli.collect.result import show_result
from cli.collect.wording import Pace, exit_code, part_done, progress_line, reason, span, tally, windows
from tests.unit.api_answers import results, status, symbol_result


def ended(complete: int = 0, skipped: int = 0, partial: int = 0, failed: int = 0, total: int | None = None) -> Results:
    counts = {"complete": complete, "skipped": skipped, "partial": partial, "failed": failed}
    return results((), **counts, total_cryptos=sum(counts.values()) if total is None else total)


def missing(day: int, candles: int) -> Window:
    start = datetime(2025, 1, day, tzinfo=UTC)
    return Window(format_moment(start), format_moment(start + timedelta(hours=candles)), candles)


def test_counts_have_separators_and_the_right_number() -> None:
    assert [counted(0, "candle"), counted(1, "candle"), counted(801600, "candle")] == [
        "0 candles",
        "1 candle",
        "801,600 candles",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7800, "2 h 10 min")],
)
def test_a_time_is_said_as_a_person_says_it(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_missing_windows_are_named_by_their_first_and_last_candle_and_the_rest_is_counted() -> None:
    assert windows([missing(1, 1), missing(2, 24), missing(3, 2), missing(4, 5), missing(5, 6)], candles=38) == [
        "2025-01-01 00:00 (1 candle)",
        "2025-01-02 00:00 to 2025-01-02 23:00 (24 candles)",
        "2025-01-03 00:00 to 2025-01-03 01:00 (2 candles)",
        "and 11 more candles",
    ]
    assert windows([missing(1, 1)], candles=1) == ["2025-01-01 00:00 (1 candle)"]


def test_a_reason_carries_what_the_exchange_said() -> None:
    error = Failure(kind="invalid_symbol", message="Invalid symbol.", http_status=400, exchange_code=-1121, attempts=1)
    assert reason(error) == "Invalid symbol. [invalid_symbol, HTTP 400, code -1121, 1 attempt]"
    assert reason(None) == "no reason given"


def test_the_tally_counts_series_and_leaves_out_states_without_any() -> None:
    details = [
        *(symbol_result("AUSDT", "complete", interval=name) for name in ("1m", "1h")),
        *(symbol_result("BUSDT", name, interval=interval) for name, interval in (("failed", "1m"), ("running", "1h"))),
        symbol_result("CUSDT", "pending"),
    ]
    held = results(details, complete=1, total_cryptos=3)  # the answer's counts are by crypto
    assert tally(held) == "2 complete, 1 failed, 1 running, 1 pending"


def test_progress_and_result_count_series_not_cryptos() -> None:
    details = [symbol_result("AUSDT", "complete", interval=name) for name in ("1m", "1h")]
    of_two = results([*details, symbol_result("BUSDT", "running")], total_cryptos=2)
    shown = status(progress=Progress(2, 3, 66.7, eta_seconds=None), last_results=of_two)
    assert progress_line(shown, None, None).startswith("2/3 series (67%) | ")
    screen = io.StringIO()
    show_result(Console(file=screen, width=100), results(details, complete=1, total_cryptos=1))
    lines = [line.split() for line in screen.getvalue().splitlines() if line.strip()]
    assert lines[1][:2] == ["outcome", "series"]
    assert [words[:2] for words in lines if words[0] in {"complete", "total"}] == [["complete", "2"], ["total", "2"]]


@pytest.mark.parametrize(
    ("held", "code"),
    [
        (ended(complete=3), 0),
        (ended(skipped=3), 0),
        (ended(complete=1, skipped=2), 0),
        (ended(complete=2, partial=1), 1),
        (ended(complete=2, failed=1), 1),
        (ended(complete=2, total=3), 1),
        (None, 1),
    ],
)
def test_the_exit_code_is_zero_only_when_every_crypto_is_complete_or_skipped(held: Results | None, code: int) -> None:
    assert exit_code(held) == code


def test_a_plain_line_says_the_wait_for_the_exchange() -> None:
    until = datetime(2025, 1, 1, 12, 0, 5, tzinfo=UTC)
    waiting = status(waiting_for_exchange_until=format_moment(until))
    assert progress_line(waiting, None, None) == "waiting for the exchange until 12:00:05 UTC"


def test_the_pace_is_that_of_the_last_quarter_minute() -> None:
    pace = Pace()
    assert pace.after(0, 0) is None
    assert pace.after(10, 100) == 10
    assert pace.after(20, 2100) == 105
    assert pace.after(30, 4100) == 200


@pytest.mark.parametrize(
    ("http_status", "field", "reported"),
    [
        (401, None, "make up"),
        (403, None, ".local/stack.json"),
        (503, None, "logs/"),
        (504, None, "logs/"),
        (429, None, "Wait"),
        (500, None, "logs/"),
        (400, "start_date", "Correct START"),
        (422, "symbols", "Correct SYMBOLS"),
        (413, None, "Nothing was started."),
    ],
)
def test_every_refusal_comes_with_what_to_do(http_status: int, field: str | None, reported: str) -> None:
    assert reported in remedy(http_status, Refusal(code="X", message="No.", field=field))


def test_an_exchange_that_is_down_has_a_stand_in() -> None:
    assert "EXCHANGE=simulated" in remedy(503, Refusal(code="EXCHANGE_UNAVAILABLE", message="No."))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"code": "INVALID_API_KEY", "message": "Not a key."}}, "Not a key."),
        ({"message": "Forbidden"}, "Forbidden"),
        ({"error": "text"}, "the API answered 502 without saying why"),
        (None, "the API answered 502 without saying why"),
        ([1], "the API answered 502 without saying why"),
    ],
)
def test_an_error_is_read_out_of_any_body(body: object, message: str) -> None:
    assert Refusal.of(502, body).message == message


def test_a_crypto_is_as_far_as_what_it_came_for_is_stored() -> None:
    length = 1000 * HOUR_MS
    assert part_done(symbol_result("A", "pending"), length) == 0
    assert part_done(symbol_result("A", "running", records=250), length) == 0.25
    # of most of its hours the candles were stored before
    assert part_done(symbol_result("A", "running", records=50, wanted_candles=100), length) == 0.5
    assert part_done(symbol_result("A", "running", compared=300, wanted_candles=600), length) == 0.5
    assert part_done(symbol_result("A", "running", records=2, wanted_candles=1), length) == 1
    assert part_done(symbol_result("A", "failed", wanted_candles=100), length) == 1
