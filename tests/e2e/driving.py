"""Drives a stack under test as its callers do, over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter

from tests.exchange import RunningExchange
from tests.hourly import HOUR_MS, first_hour_of, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import StackUnderTest

TRIGGER = "/api/admin/collect/trigger"
STATUS = "/api/admin/collect/status"
RUNS = "/api/admin/collect/runs"
KLINES = "/api/v3/klines"

# Fifty triggers at once are a hundred processes that start at once, on whatever machine there is.
ANSWERS_WITHIN_S = 240
ENDS_WITHIN_S = 300
_POLL_S = 0.5

_CLOSE_TIME = 6
"""The column of a row that is computed here and recorded there: around outages the exchange's own is wrong."""


def until(true: Callable[[], bool], otherwise: str, *, within_s: float = ENDS_WITHIN_S, poll_s: float = 0.1) -> None:
    """Wait for what comes by itself; `otherwise` says what did not come within `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(poll_s)


def hour(text: str) -> int:
    """Return the hour that ``2025-01-31T12`` names."""
    day, _, of_day = text.partition("T")
    return first_hour_of(day) + int(of_day or 0)


def reported(opened: int) -> str:
    """Return an hour as the API says it."""
    return moment_of(opened).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_close_time(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Return rows of klines with all columns but the close time."""
    return [row[:_CLOSE_TIME] + row[_CLOSE_TIME + 1 :] for row in rows]


class Api:
    """The API of a stack, as a caller with its admin key sees it."""

    def __init__(self, stack: StackUnderTest) -> None:
        self._url = stack.api_url
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = stack.api_key
        self._session.mount("http://", HTTPAdapter(pool_maxsize=64))

    def get(self, path: str, **parameters: str | int) -> requests.Response:
        """Ask a route."""
        return self._session.get(f"{self._url}{path}", params=parameters, timeout=ANSWERS_WITHIN_S)

    def post(self, path: str, body: Any = None) -> requests.Response:
        """Send a body, as JSON unless it is bytes."""
        how = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self._session.post(f"{self._url}{path}", timeout=ANSWERS_WITHIN_S, **how)

    def start(self, mode: str = "backward", **requested: Any) -> str:
        """Start a run, and return its id."""
        answer = self.post(TRIGGER, {"mode": mode, **requested})
        assert answer.status_code == 202, answer.text
        return cast("str", answer.json()["run_id"])

    def status(self, run_id: str) -> dict[str, Any]:
        """Return the status of a run."""
        answer = self.get(STATUS, run_id=run_id)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def done(self, run_id: str) -> int:
        """Return how many of a run's symbols have ended."""
        return cast("int", self.status(run_id)["progress"]["done"])

    def result(self, run_id: str, *, within_s: float = ENDS_WITHIN_S) -> dict[str, Any]:
        """Wait for the end of a run, and return its results; they add up, or the test fails."""
        status: dict[str, Any] = {}

        def ended() -> bool:
            status.update(self.status(run_id))
            return not status["is_running"]

        until(ended, f"run {run_id} has not ended", within_s=within_s, poll_s=_POLL_S)
        results = cast("dict[str, Any]", status["last_results"])
        counts = [results[outcome] for outcome in ("complete", "partial", "failed", "skipped")]
        assert sum(counts) == results["total_cryptos"] == len({entry["symbol"] for entry in results["details"]})
        assert sum(entry["records"] for entry in results["details"]) == results["total_records"]
        return results

    def run(self, mode: str = "backward", *, within_s: float = ENDS_WITHIN_S, **requested: Any) -> dict[str, Any]:
        """Start a run, wait for its end, and return its results."""
        return self.result(self.start(mode, **requested), within_s=within_s)

    def candles(self, symbol: str, start: int, end: int) -> list[list[Any]]:
        """Return all stored rows whose hours lie from `start` to before `end`."""
        return self.rows(symbol, "1h", start * HOUR_MS, end * HOUR_MS)

    def rows(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[list[Any]]:
        """Return all rows of an interval that open from one time to before another, in ms."""
        rows: list[list[Any]] = []
        at, last = start_ms, end_ms - 1
        while at <= last:
            answer = self.get(KLINES, symbol=symbol, interval=interval, startTime=at, endTime=last, limit=1000)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows += page
            at = page[-1][0] + 1 if page else last + 1
        return rows


class StackExchange(RunningExchange):
    """The exchange of a stack, which belongs to the stack: only its address is known here."""

    def __init__(self, stack: StackUnderTest) -> None:
        self.url = stack.exchange_url
        self._stack = stack

    def as_new(self) -> None:
        """Forget all counts and bans, and set every switch back; the stack forgets what it was answered before."""
        self._stack.forget_market()
        self.settings(latency_ms=0, weight_limit=6000, minute_seconds=60, omitted={}, statuses={}, listed={}, faults=[])
        self.reset()

    def klines_asked(self) -> int:
        """Return how many requests for candles were counted since the last reset."""
        return cast("int", self.stats(0)["by_path"].get(KLINES, 0))

    def candles(self, symbol: str, start: int, end: int) -> list[list[Any]]:
        """Return all rows of `symbol` that the exchange has from the hour `start` to before `end`; they are counted."""
        rows: list[list[Any]] = []
        at, last = start * HOUR_MS, end * HOUR_MS - 1
        while page := self.klines(symbol, startTime=at, endTime=last, limit=1000):
            rows += page
            at = page[-1][0] + 1
        return rows


def assert_exact(api: Api, exchange: StackExchange, symbol: str, start: int, end: int) -> None:
    """Hold what the API says to what the exchange says, both read whole; the exchange counts it."""
    stored = without_close_time(api.candles(symbol, start, end))
    assert stored == without_close_time(exchange.candles(symbol, start, end))


def assert_one_starts(api: Api, exchange: StackExchange, *, triggers: int) -> None:
    """Ask for so many runs at once; all but one must be refused with the id of the one that has started."""
    requested = {"mode": "backward", "top_n": 2 * triggers, "start_date": "2024-01-01", "end_date": "2024-11-30"}
    with ThreadPoolExecutor(triggers) as callers:
        # What has to start for so many calls starts now, so that the next ones really come at once.
        list(callers.map(lambda _: api.post(TRIGGER, {}), range(triggers)))
        # So much to do at such a pace keeps the run going until the last trigger has been answered.
        exchange.settings(faults=[{"kind": "hang", "seconds": 2, "match": {"path": "klines"}}])
        answers = list(callers.map(lambda _: api.post(TRIGGER, requested), range(triggers)))
    started = [answer.json()["run_id"] for answer in answers if answer.status_code == 202]
    refused = [answer.json()["error"] for answer in answers if answer.status_code == 409]
    assert (len(started), len(refused)) == (1, triggers - 1), Counter(answer.status_code for answer in answers)
    assert api.post(f"{RUNS}/{started[0]}/cancel").status_code == 200
    exchange.settings(faults=[])
    assert {(error["code"], error["run_id"]) for error in refused} == {("COLLECTION_IN_PROGRESS", started[0])}
    assert exchange.stats(0)["by_path"]["/api/v3/exchangeInfo"] == 1
    assert api.result(started[0])["end_reason"] == "cancelled"


def worker_pids(stack: StackUnderTest) -> list[int]:
    """Return the processes in which the stack's MiniStack runs the worker function."""
    listing = ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True)  # noqa: S603 - nothing of it is from outside
    named = f"{stack.reported['stack_name']}-worker-"
    return list(_children(listed.stdout.splitlines(), stack.reported["pids"]["ministack"], named))


def kill_workers(stack: StackUnderTest, exchange: StackExchange) -> int:
    """Kill all worker processes while they wait for the exchange; return how many there were."""
    until(
        lambda: any(entry["status"] is None for entry in exchange.stats(8)["log"]), "no request is in flight", poll_s=0
    )
    killed = worker_pids(stack)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return len(killed)


def _children(lines: Iterable[str], parent: int, named: str) -> Iterator[int]:
    for line in lines:
        pid, of, command = line.split(maxsplit=2)
        if int(of) == parent and named in command:
            yield int(pid)
