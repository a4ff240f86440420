"""The largest answers of the API: bytes, and milliseconds at 0.3 of a core: `python -m tests.bench.largest_answers`.

The functions' handlers on the adapters of DynamoDB, whose answers moto makes once and a transport repeats at once. What
is measured is the function's own CPU: the calls signed and read, the answer made, and made JSON again as Lambda does.
"""

from __future__ import annotations

import importlib
import json
import logging
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from candle_collector import bootstrap
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.candle import Candle
from candle_collector.domain.run import KEPT_WINDOWS, Failure, Outcome, Run, RunSeries, RunSeriesRecord
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window
from candle_collector.reading.report_coverage import READS_A_PAGE
from rich.console import Console
from rich.table import Table

from tests.api_contract.test_many_listings import listed
from tests.bench.costs import CORE
from tests.bench.instant import RecordedAws
from tests.bench.watching import functions
from tests.hourly import HOUR, hourly, times_of, year_window

SYMBOLS = tuple(f"S{number:03}USDT" for number in range(500))
A_PAGE = READS_A_PAGE // 2
"""The symbols of a page of coverage: a read for the ends of each, and one for its year."""
YEAR = year_window(2025)
HOLES = tuple(Window(YEAR.start + 2 * hour, YEAR.start + 2 * hour + 1) for hour in range(1, KEPT_WINDOWS + 1))
"""As many missing windows as a run keeps of a symbol, an hour each: in nine of the year's days."""
RUN = "01KBSM0000ABCDEFGHJKMNPQRS"
REPEATS = 9


class Question(NamedTuple):
    """A call of the API."""

    what: str
    function: str
    path: str
    query: Mapping[str, str]


QUESTIONS = (
    Question(
        f"status of {len(SYMBOLS)} symbols with {KEPT_WINDOWS} windows each",
        "status",
        "/api/admin/collect/status",
        {"run_id": RUN},
    ),
    Question(
        f"coverage of {len(SYMBOLS)} symbols, a year with {KEPT_WINDOWS} windows each: a page of {A_PAGE}",
        "status",
        "/api/admin/coverage",
        {},
    ),
    Question(
        "1000 candles",
        "candles",
        "/api/v3/klines",
        {"symbol": SYMBOLS[0], "interval": "1h", "limit": "1000", "startTime": str(HOUR.open_ms(YEAR.start))},
    ),
    Question(f"exchangeInfo of {len(SYMBOLS)} symbols", "candles", "/api/v3/exchangeInfo", {}),
)


def main() -> None:
    """Print a line for each answer."""
    calls: list[tuple[Question, Callable[[], Any], RecordedAws]] = []
    with functions():
        _fill(bootstrap.container())
        for question in QUESTIONS:
            call, recorded = _call(question), RecordedAws()
            with recorded.recording():
                call()
            calls.append((question, call, recorded))
    table = Table("answer", "bytes", "bytes as Lambda sends it", f"ms at {CORE} of a core", "calls of DynamoDB")
    for question, call, recorded in calls:
        answer = call_replayed(call, recorded)
        taken = statistics.median(_seconds(call, recorded) for _ in range(REPEATS))
        body = answer["body"]
        table.add_row(
            question.what,
            f"{len(body.encode()):,}",
            f"{len(json.dumps(answer)):,}",
            f"{taken / CORE * 1000:.0f}",
            f"{len(recorded.calls)}",
        )
    Console(highlight=False, width=130).print(table)


def call_replayed(call: Callable[[], Any], recorded: RecordedAws) -> Any:
    """Return a good answer.

    Raises
    ------
    RuntimeError
        The function refused or failed.
    """
    with recorded.replaying():
        answer = call()
    if answer["statusCode"] != 200:
        raise RuntimeError(f"{answer['statusCode']}: {answer['body'][:500]}")
    return answer


def _seconds(call: Callable[[], Any], recorded: RecordedAws) -> float:
    with recorded.replaying():
        begun = time.process_time()
        json.dumps(call())
        return time.process_time() - begun


def _call(question: Question) -> Callable[[], Any]:
    # the functions read their settings when they are imported
    from tests.integration.functions import Context, api_event  # noqa: PLC0415 - as said

    handler = importlib.import_module(f"functions.{question.function}.app").handler
    logging.disable(logging.INFO)
    event = api_event("GET", question.path, query=dict(question.query))
    return lambda: handler(event, Context())


def _fill(archive: bootstrap.Container) -> None:
    now = datetime.now(UTC)
    run = Run(
        RUN,
        "backward",
        *times_of(YEAR),
        HOUR.open_ms(YEAR.end),
        tuple(RunSeries(hourly(symbol)) for symbol in SYMBOLS),
        1000,
        now,
        now + timedelta(hours=5),
        *BINANCE.limit,
        open=frozenset(str(hourly(symbol)) for symbol in SYMBOLS),
    )
    failure = Failure("unavailable", "the exchange answered 503: Service Unavailable", 503, None, 4)
    records = [
        RunSeriesRecord(
            RUN,
            hourly(symbol),
            outcome=Outcome.PARTIAL,
            records=8660,
            failure=failure,
            first=YEAR.start,
            last=YEAR.end - 1,
            missing=HOLES,
            missing_slots=len(HOLES),
        )
        for symbol in SYMBOLS
    ]
    archive.runs.create(run, records)
    holes = {hole.start for hole in HOLES}
    stored = [_candle(hour) for hour in range(YEAR.start, YEAR.end) if hour not in holes]
    days = HOUR.blocks_in((YEAR,))
    for symbol in SYMBOLS[:A_PAGE]:
        archive.candles.store(hourly(symbol), stored, (), absent_blocks=days)
    for symbol in SYMBOLS:
        archive.series.put(SeriesRecord(hourly(symbol), first=YEAR.start, last=YEAR.end - 1, years={2025: len(stored)}))
    archive.listings.put(
        {new: replace(old, symbol=new) for new, old in zip(SYMBOLS, listed(500).values(), strict=True)}
    )


def _candle(hour: int) -> Candle:
    """Return a candle as long as BTCUSDT's."""
    return Candle(
        hour, "93576.01", "94509.42", "93489.03", "94401.14", "755.99010", "71147103.54937060", 132547, "429.85213",
        "40455101.63312400",
    )  # fmt: skip


if __name__ == "__main__":
    main()
