"""One collection that has to come to its end, whatever happens to the process: what was reported, and what is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any

from candle_collector.collecting.reconcile_runs import NEVER_STARTED

from tests.exchange import RunningExchange
from tests.kills.archives import Archive, Stored

SYMBOLS = (
    *("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "TRXUSDT", "LINKUSDT", "AVAXUSDT"),
    *("LTCUSDT", "SUIUSDT", "PEPEUSDT", "DOTUSDT", "UNIUSDT", "NEARUSDT", "APTUSDT", "ICPUSDT", "ETCUSDT", "FILUSDT"),
)
START, LAST_DAY, HOURS = "2025-01-01", "2025-05-31", 3624
TRIGGER = "/api/admin/collect/trigger"
STATUS = "/api/admin/collect/status"
_HOUR_MS = 3_600_000

Rows = list[tuple[Any, ...]]
Open = Callable[[], AbstractContextManager[str]]


class Collection:
    """A run of all symbols, started again where it was not written whole.

    Parameters
    ----------
    open_database
        Gives the URL of what the database holds, when nobody works on it.

    Attributes
    ----------
    run_id
        The newest run that is known.
    reported
        The symbols that were reported complete, each for good.
    records
        The candles that the newest run was last reported to have stored.
    is_finished
        Whether the end of the run was reported, all of it complete.
    """

    def __init__(self, exchange: RunningExchange, open_database: Open) -> None:
        self._exchange = exchange
        self._open = open_database
        self._counts: dict[str, int] = {}
        self.run_id: str | None = None
        self.reported: set[str] = set()
        self.records = 0
        self.is_finished = False

    def requests(self) -> int:
        """Return how often the exchange was asked for candles."""
        return int(self._exchange.stats(0)["by_path"].get("/api/v3/klines", 0))

    def look(self, archive: Archive) -> None:
        """Ask for the status, and start the run where none is under way."""
        if not archive.address:
            return
        status = archive.ask("GET", STATUS, within=1)
        if status is None or "is_running" not in status:
            return
        results = status["last_results"]
        if status["is_running"] or (results and results["complete"] + results["skipped"] == len(SYMBOLS)):
            self._note(status)
            return
        assert results is None or self._is_excused(results), results
        body = {"mode": "backward", "symbols": SYMBOLS, "start_date": START, "end_date": LAST_DAY}
        started = archive.ask("POST", TRIGGER, json=body)
        if started and started.get("success"):
            self.run_id = started["run_id"]

    def _note(self, status: dict[str, Any]) -> None:
        results = status["last_results"]
        self.run_id = status["run_id"] or results["run_id"]
        for item in results["details"]:
            if item["status"] in {"complete", "skipped"}:
                self.reported.add(item["symbol"])
            assert item["status"] not in {"failed", "partial"}, item
        self.records = results["total_records"]
        self.is_finished = not status["is_running"]

    @staticmethod
    def _is_excused(results: dict[str, Any]) -> bool:
        """Whether a run ended because its trigger died before it was written whole."""
        return bool(results["end_reason"] == NEVER_STARTED.message)

    def check_held(self) -> Stored:
        """Look whether everything that was there, and that was reported, is still there."""
        with self._open() as url:
            stored = Stored(url)
        lost = {symbol: count for symbol, count in self._counts.items() if stored.counts.get(symbol, 0) < count}
        assert not lost, f"candles are gone: {lost}, now {stored.counts}"
        gone = {symbol for symbol in self.reported if stored.counts.get(symbol) != HOURS}
        assert not gone, f"reported complete, and gone: {gone}"
        unknown = {
            symbol
            for symbol in self.reported
            if not any(
                outcome in {"complete", "skipped"} for (_, of), outcome in stored.outcomes.items() if of == symbol
            )
        }
        assert not unknown, f"reported complete, and not written down: {unknown}"
        # a batch is stored whole or not at all, and every window ends with a day
        odd = {symbol: count for symbol, count in stored.counts.items() if count % 24}
        assert not odd, f"half batches: {odd}"
        assert stored.dead == 0
        self._counts = stored.counts
        return stored

    def check_end(self) -> Rows:
        """Look whether all is there, once, and return it; runs that were never written whole are excused."""
        stored = self.check_held()
        assert stored.counts == dict.fromkeys(SYMBOLS, HOURS)
        for run in stored.runs.values():
            assert run["state"] == "ended", run
            counts = run["counts"]
            is_whole = counts["complete"] + counts["skipped"] == len(SYMBOLS)
            assert is_whole or run["end_reason"] == NEVER_STARTED.message, run
        with self._open() as url:
            return stored_rows(url)


def stored_rows(url: str) -> Rows:
    """Return all rows; decimals of PostgreSQL as the text that SQLite has."""
    return [
        tuple(format(value, "f") if isinstance(value, Decimal) else value for value in row)
        for row in Stored(url).candles()
    ]


def assert_of_the_exchange(rows: Rows, exchange: RunningExchange) -> None:
    """Compare every row with what the exchange answers."""
    first = round(datetime.fromisoformat(f"{START}T00:00:00+00:00").timestamp() * 1000)
    by_symbol: dict[str, Rows] = {}
    for symbol, _, at, *values in rows:
        opened = round(datetime.fromisoformat(f"{at}+00:00").timestamp() * 1000)
        by_symbol.setdefault(symbol, []).append((opened, *map(Decimal, values)))
    assert by_symbol.keys() == set(SYMBOLS)
    for symbol, held in by_symbol.items():
        printed: Rows = []
        for begin in range(first, first + HOURS * _HOUR_MS, 1000 * _HOUR_MS):
            end = min(begin + 1000 * _HOUR_MS, first + HOURS * _HOUR_MS) - 1
            page = exchange.klines(symbol, startTime=begin, endTime=end, limit=1000)
            printed += [(row[0], *map(Decimal, map(str, [*row[1:6], *row[7:11]]))) for row in page]
        assert held == printed, symbol


class WentOn:
    """How long a process took from its start until it asked the exchange for candles, or had nothing to ask."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._before: int | None = None
        self.seconds: float | None = None

    def look(self, archive: Archive) -> None:
        """Look once."""
        if self.seconds is not None or not archive.address:
            return
        requests = self._collection.requests()
        if self._before is None:
            self._before = requests
        elif requests > self._before or self._collection.is_finished:
            self.seconds = time.monotonic() - archive.began


def live(
    archive: Archive,
    collection: Collection,
    *,
    kill_after: float | None,
    kill: Callable[[], None] | None = None,
    kill_worker_after: float | None = None,
    most: float = 60,
) -> float | None:
    """Look after a process until it is dead or the collection finished; return how long it took to go on.

    Parameters
    ----------
    kill_after, kill_worker_after
        When it is killed, and one of its worker processes alone, in seconds from its start.
    kill
        Kills it; the whole group if it is None.
    """
    went_on = WentOn(collection)
    timers = [
        threading.Timer(max(0, archive.began + after - time.monotonic()), step)
        for after, step in ((kill_after, kill or archive.kill), (kill_worker_after, archive.kill_worker))
        if after is not None
    ]
    for timer in timers:
        timer.start()
    try:
        while not archive.is_dead(0.04) and not collection.is_finished:
            assert time.monotonic() - archive.began < most, f"it does not come to its end: {archive.lines()[-3:]}"
            collection.look(archive)
            went_on.look(archive)
    finally:
        for timer in timers:
            timer.cancel()
            timer.join()
    return went_on.seconds
