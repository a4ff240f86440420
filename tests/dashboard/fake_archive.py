"""An archive's API over real HTTP; its answers are the API's own dataclasses, so that their shapes are the API's."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, is_dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from candle_collector import answers
from candle_collector.api import routes
from candle_collector.domain import dates
from candle_collector.domain.aggregate import LENGTHS_MS, bases_of
from candle_collector.domain.interval import DAY_MS, HOUR, HOUR_MS, Interval, interval_named
from candle_collector.domain.run import Failure
from candle_collector.domain.windows import Window

from tests.hourly import first_hour_of
from tests.unit.api_answers import RUN, results, status, symbol_result

KEY = "cck_0123456789_00000000000000000000000000000000_00000000"
NOW = "2025-11-26T12:30:00Z"
START, END = first_hour_of("2024-03-05"), first_hour_of("2025-11-26") + 12
NEVER = Window(first_hour_of("2024-07-10") + 5, first_hour_of("2024-07-10") + 8)
HOLE = Window(first_hour_of("2025-11-18"), first_hour_of("2025-11-20"))
WRONG = Window(first_hour_of("2025-10-02") + 3, first_hour_of("2025-10-02") + 4)
ALL = Window(START * HOUR_MS, END * HOUR_MS)
WHY = "the exchange answered 503"


def moment(slot: int, interval: Interval = HOUR) -> str:
    """Write when a slot begins as the API does."""
    return interval.format(slot)


def in_slots(hours: Window, interval: Interval) -> Window:
    """Return the slots of an interval that begin in a window of hours."""
    return interval.slots_within(Window(*map(HOUR.open_ms, hours)))


def system(state: str = "ok", sentence: str = "OK: all is well.", **members: Any) -> answers.SystemInfo:
    """Return the state of an archive of three cryptos, no run active."""
    found: dict[str, Any] = {
        "service": "candle-collector",
        "version": "0.1.0",
        "stage": "local",
        "timestamp": NOW,
        "health": answers.HealthInfo(state, sentence, None),  # type: ignore[arg-type] # any word, to see what is made of it
        "exchange": answers.ExchangeInfo("https://api.binance.com", True, 362, 6000, 60, None, None),  # noqa: FBT003 - as the API lists them
        "store": answers.StoreInfo(3, 3, 45_000, moment(START), moment(END - 1), 0),
        "collection": answers.CollectionInfo("idle", run_line(), "2025-11-26T18:05:00Z", None),
        "limits": answers.Limits(500, 65_536, 100, 1000, 100, 5),
        "settings": answers.SettingsInForce(
            *(
                "https://api.binance.com",
                80,
                100,
                ["1h"],
                ("USDT",),
                "2025-01-01",
                "0 */6 * * *",
                None,
                True,
                1000,
                3,
                60,
                5,
                True,
                False,
            )
        ),
    }
    return answers.SystemInfo(**{**found, **members})


def run_line(run_id: str = RUN, **members: Any) -> answers.RunLine:
    """Return a run that ended well."""
    found: dict[str, Any] = {
        "run_id": run_id,
        "mode": "backward",
        "state": "ended",
        "start_date": "2025-01-01",
        "end_date": "2025-01-31",
        "created_at": "2025-11-26T12:00:00Z",
        "ended_at": "2025-11-26T12:00:21Z",
        "end_reason": None,
        "total_cryptos": 3,
        "complete": 3,
        "partial": 0,
        "failed": 0,
        "skipped": 0,
        "total_records": 2232,
        "note": None,
    }
    return answers.RunLine(**{**found, **members})


def ended_status(**members: Any) -> answers.Status:
    """Return the status of a run of which one crypto failed and one is partial."""
    failure = Failure("unavailable", WHY, 503, -1008, 4)
    lack = {
        "missing": [answers.Window(moment(HOLE.start), moment(HOLE.end), HOLE.slots)],
        "missing_candles": HOLE.slots,
    }
    details = [
        symbol_result("ADAUSDT", "complete", records=744, requests=1, wanted_candles=744),
        symbol_result("BTCUSDT", "failed", requests=4, retries=3, error=failure, **lack),
        symbol_result("ETHUSDT", "partial", records=696, requests=5, retries=3, error=failure, **lack),
    ]
    counts = {"complete": 1, "partial": 1, "failed": 1, "total_cryptos": 3, "total_records": 1440}
    ended = results(details, ended_at="2025-11-26T12:00:21Z", **{**counts, **members})
    return status(
        is_running=False,
        status="idle",
        current_operation=None,
        start_time="2025-11-26T12:00:00Z",
        progress=answers.Progress(3, 3, 100.0, 0),
        last_results=ended,
    )


def running_status(records: int = 372, **members: Any) -> answers.Status:
    """Return the status of a run that is half way with one of its three cryptos, which had to retry."""
    details = [
        symbol_result("ADAUSDT", "complete", records=744, requests=1, wanted_candles=744),
        symbol_result("BTCUSDT", "running", records=records, requests=4, retries=3, wanted_candles=744),
        symbol_result("ETHUSDT", "pending"),
    ]
    so_far = results(details, complete=1, total_cryptos=3, total_records=744 + records)
    known: dict[str, Any] = {
        "start_time": "2025-11-26T12:29:00Z",
        "elapsed_seconds": 60.0,
        "progress": answers.Progress(1, 3, 33.3, 120.0),
        "last_results": so_far,
    }
    return status(**{**known, **members})


def coverage(symbol: str, times: Window, interval: Interval = HOUR) -> answers.SymbolCoverage:
    """Return what is known of a series between two times in ms: BTCUSDT lacks two days, and has slots of every kind."""
    requested = interval.slots_within(times)
    never, hole, wrong, whole = (in_slots(part, interval) for part in (NEVER, HOLE, WRONG, Window(START, END)))
    within = requested.clip(whole)
    kinds = [part.clip(within) for part in (never, hole, wrong)] if symbol == "BTCUSDT" else []
    never_printed, missing, rejected = ([part] if part.slots else [] for part in kinds) if kinds else ([], [], [])

    def named(part: Window, *more: Any) -> tuple[Any, ...]:
        return moment(part.start, interval), moment(part.end, interval), part.slots, *more

    others = sum(part.slots for part in kinds)
    first, last = moment(whole.start, interval), moment(whole.end - 1, interval)
    return answers.SymbolCoverage(
        symbol=symbol,
        interval=str(interval),
        is_kept=True,
        listing=answers.Listing(first, True, "2017-01-01T00:00:00Z"),  # noqa: FBT003 - as the API lists them
        first=first,
        last=last,
        delisted_from=None,
        segments=[answers.Window(*named(whole))],
        start=moment(within.start, interval),
        end=moment(within.end, interval),
        expected=within.slots,
        stored=within.slots - others,
        never_printed_candles=sum(part.slots for part in never_printed),
        never_printed=[answers.Window(*named(part)) for part in never_printed],
        missing_candles=sum(part.slots for part in missing),
        missing=[answers.MissingWindow(*named(part, 8, WHY)) for part in missing],
        rejected=[answers.MissingWindow(*named(part, 1, "the high is under the low")) for part in rejected],
        percent=99.0,
        record_repaired=False,
    )


def by_month(symbol: str, interval: Interval = HOUR) -> answers.SeriesByMonth:
    """Return the counts of a series by month, as `coverage` has them."""
    has_all = symbol == "BTCUSDT"
    parts = [in_slots(part, interval) for part in (NEVER, HOLE, WRONG)]
    kinds = [interval.count_by_month((part,)) for part in parts if part.slots] if has_all else [{}, {}, {}]
    kinds += [{}] * (3 - len(kinds))
    whole = in_slots(Window(START, END), interval)
    months = []
    for month, slots in interval.count_by_month((whole,)).items():
        never, missing, wrong = (kind.get(month, 0) for kind in kinds)
        months.append(answers.MonthCoverage(month, slots, slots - never - missing - wrong, never, missing, wrong))
    never, missing, wrong = (sum(kind.values()) for kind in kinds)
    return answers.SeriesByMonth(
        symbol,
        str(interval),
        True,  # noqa: FBT003 - as the API lists them
        *(moment(whole.start, interval), moment(whole.end, interval), moment(whole.end - 1, interval)),
        *(whole.slots, whole.slots - never - missing - wrong, never, missing, wrong),
        99.67 if has_all else 100.0,
        months,
    )


class FakeArchive:
    """The API of an archive, and which calls it took.

    Attributes
    ----------
    failing
        Answers in place of the right ones, by the beginning of the path: a status and a body.
    calls
        How often each path was called.
    queries
        With which parameters each was.
    """

    def __init__(self) -> None:
        self.system = system()
        self.status: answers.Status = ended_status()
        self.runs = [run_line(failed=1, partial=1, complete=1)]
        self.series = [by_month(symbol) for symbol in ("ADAUSDT", "BTCUSDT", "ETHUSDT")]
        self.failing: dict[str, tuple[int, bytes]] = {}
        self.calls: Counter[str] = Counter()
        self.queries: dict[str, list[dict[str, str]]] = {}
        self.bodies: list[Any] = []
        self.keys: set[str | None] = set()
        self.key = KEY
        self._serve(0)
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, port: int) -> None:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                archive.respond(self, None)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"] or 0)
                archive.respond(self, json.loads(self.rfile.read(length) or b"null"))

            def log_message(self, *_: object) -> None:
                """Keep the tests' output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def open(self) -> None:
        """Answer again, at the same address."""
        self._serve(self.port)

    def fail(self, path: str, http_status: int, body: object) -> None:
        """Answer so to the paths that begin so."""
        self.failing[path] = (http_status, body if isinstance(body, bytes) else json.dumps(body).encode())

    def refuse(self, path: str, http_status: int, code: str, message: str = "no", **more: str) -> None:
        """Answer with an error in the API's shape."""
        self.fail(path, http_status, {"error": {"code": code, "message": message, **more}})

    def respond(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        """Answer a call."""
        path = urlsplit(handler.path).path
        self.calls[path] += 1
        self.keys.add(handler.headers["X-API-Key"])
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        self.queries.setdefault(path, []).append(query)
        if body is not None:
            self.bodies.append(body)
        http_status, content = self._answer(handler.headers["X-API-Key"], path, query, body)
        handler.send_response(http_status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _answer(self, key: str | None, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        for beginning, failing in self.failing.items():
            if path.startswith(beginning):
                return failing
        if key != self.key:
            return 403, json.dumps({"error": {"code": "INVALID_API_KEY", "message": "the key is not valid"}}).encode()
        found = self._found(path, query, body)
        return 200, json.dumps(asdict(found) if is_dataclass(found) and not isinstance(found, type) else found).encode()

    def _found(self, path: str, query: dict[str, str], body: Any) -> Any:
        by_path: dict[str, Callable[[], Any]] = {
            routes.SYSTEM_INFO.path: lambda: self.system,
            routes.STATUS.path: lambda: self._status(without_windows=query.get("windows") == "0"),
            routes.RUNS.path: lambda: answers.Runs(self.runs, None),
            routes.COVERAGE_BY_MONTH.path: lambda: answers.CoverageByMonth(self.series, None),
            routes.KLINES.path: lambda: klines(query),
            routes.TRIGGER.path: lambda: plan(body) if body.get("dry_run") else started(body),
            routes.RETRY.path.format(run_id=RUN): lambda: started({"mode": "backward"}),
            routes.CANCEL.path.format(run_id=RUN): cancelled,
        }
        if path in by_path:
            return by_path[path]()
        symbol = unquote(path.rsplit("/", 1)[-1])
        times = Window(dates.start_of(query["start_date"]), dates.end_of(query["end_date"]))
        return coverage(symbol, times, interval_named(query["interval"]))

    def _status(self, *, without_windows: bool) -> answers.Status:
        found = self.status.last_results
        if found is None or not without_windows:
            return self.status
        bare = replace(found, details=[replace(item, missing=[]) for item in found.details])
        return replace(self.status, last_results=bare)


def klines(query: dict[str, str]) -> list[list[int | str]]:
    """Return the candles of a series, without those that it lacks."""
    each = {**LENGTHS_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS, "1M": 730 * HOUR_MS}[query["interval"]]
    known = coverage(query["symbol"], ALL, bases_of(query["interval"])[0])
    lacking = [Window(*map(HOUR.open_ms, part)) for part in (HOLE, NEVER, WRONG)] if known.missing else []
    rows: list[list[int | str]] = []
    for at in range(int(query["startTime"]), ALL.end, each):
        if len(rows) < int(query["limit"]) and not any(part.clip(Window(at, at + each)).slots for part in lacking):
            price = 100 + at // each % 7
            rows.append(
                [
                    at,
                    f"{price}",
                    f"{price + 2}",
                    f"{price - 2}",
                    f"{price + 1}",
                    "5",
                    at + each - 1,
                    "500",
                    9,
                    "2",
                    "200",
                    "0",
                ]
            )
    return rows


def plan(body: dict[str, Any]) -> answers.Plan:
    """Return what a run would ask for."""
    symbols = body.get("symbols", ["ADAUSDT", "BTCUSDT", "ETHUSDT"])
    return answers.Plan(
        dry_run=True,
        mode=body["mode"],
        start_date=body.get("start_date", "2025-01-01"),
        end_date=body.get("end_date", "2025-01-31"),
        note=None,
        total_cryptos=len(symbols),
        symbols=[answers.PlannedSymbol(symbol, "1h", 744, [], 1) for symbol in symbols],
        missing_candles=744 * len(symbols),
        requests=len(symbols),
        weight=2 * len(symbols),
        estimated_minutes=0.2,
        estimated_dollars=0.0021,
        dollars={"dynamodb": 0.0021},
        prices={"write": 0.625},
    )


def started(body: dict[str, Any]) -> answers.Started:
    """Return that a run was started."""
    where = routes.STATUS.path
    return answers.Started(
        *(
            True,
            "Collection task started",
            body["mode"],
            RUN,
            "2025-01-01",
            "2025-01-31",
            3,
            ["1h"],
            where,
            where,
            0.02,
            None,
        )  # in the order of the answer
    )


def cancelled() -> answers.Cancelled:
    """Return that a run was stopped."""
    return answers.Cancelled(success=True, run_id=RUN, state="ended", counts={}, status_url="")
