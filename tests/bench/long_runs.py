"""Long runs against an exchange that is slow to give: what they ask for, by the exchange's own count.

    python -m tests.bench.long_runs

The use cases are the real ones; exchange, clock, queue and stores are in memory, and time passes as fast as it can be
computed. Nothing is measured in seconds of anybody's clock but the CPU.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import Failure
from candle_collector.domain.series import Series
from candle_collector.domain.weight_limit import WeightLimit
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import ExchangeBlockedError, MarketUnavailableError
from candle_collector.ports import StoredBlocks
from rich.console import Console
from rich.table import Table

from tests.fakes.exchange import Asked, synthetic_candle
from tests.fakes.stores import FakeCandleStore
from tests.fakes.world import World
from tests.hourly import HOUR, first_hour_of

NOW = first_hour_of("2025-06-01") + 12
MOST_HOURS = 12
MINUTE = Interval.MINUTE


class WindowStore(FakeCandleStore):
    """Keeps which slots are stored, and makes the candles again when they are read."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[Series, Windows] = {}

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        """Return what of whole blocks is stored."""
        if not within.slots:
            return StoredBlocks((), (), frozenset())
        size = series.interval.block_slots
        blocks = Window(within.start - within.start % size, within.end + -within.end % size)
        stored = windows.clip(self._windows.get(series, ()), blocks)
        return StoredBlocks(stored, (), series.interval.blocks_in(stored))

    def store(
        self,
        series: Series,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Remember the slots."""
        del absent_blocks
        assert not never_printed
        fence()
        added = windows.from_slots(candle.slot for candle in candles)
        self._windows[series] = windows.union([*self._windows.get(series, ()), *added])

    def candles(self, series: Series, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Make stored candles again."""
        slots = list(windows.slots_in(windows.clip(self._windows.get(series, ()), within)))
        return [synthetic_candle(series.symbol, slot) for slot in (slots[-limit:] if newest else slots[:limit])]

    def first_slot(self, series: Series) -> int | None:
        """Return the first stored slot."""
        stored = self._windows.get(series, ())
        return stored[0].start if stored else None

    def last_slot(self, series: Series) -> int | None:
        """Return the last stored slot."""
        stored = self._windows.get(series, ())
        return stored[-1].end - 1 if stored else None


class Counts:
    """What the exchange counts: the weight of each of its minutes, and requests during a ban."""

    def __init__(self, system: World) -> None:
        self._clock = system.clock
        self.weights: Counter[int] = Counter()
        self.requests = 0
        self.during_ban = 0
        self.banned_until: datetime | None = None

    def count(self, _: Asked) -> None:
        """Count a request for candles."""
        now = self._clock.now()
        self.requests += 1
        self.weights[int(now.timestamp() // 60)] += 2
        self.during_ban += bool(self.banned_until and now < self.banned_until)


class SkewedClock:
    """The clock of a machine that is wrong."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self._clock = clock
        self._skew = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the wrong time."""
        return cast("datetime", self._clock.now() + self._skew)


class SeenFrom:
    """The exchange as a machine with a wrong clock knows it."""

    def __init__(self, exchange: Any, seconds: float) -> None:
        self._exchange = exchange
        self._offset_ms = round(-1000 * seconds)
        self.clock_offset_ms: int | None = None

    def fetch_candles(self, *arguments: Any, **options: Any) -> Any:
        """Ask; its answer, of whatever kind, says the time, and before the first of them nothing does."""
        try:
            return self._exchange.fetch_candles(*arguments, **options)
        finally:
            self.clock_offset_ms = self._offset_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)


class Measured(NamedTuple):
    """What a scenario took."""

    name: str
    requests: int
    most_a_minute: int
    during_ban: int
    longest_chain: int
    simulated: str
    cpu: float
    outcome: str


def _world(symbols: int, slots: int, interval: Interval = HOUR) -> World:
    now = interval.slot_at(HOUR.open_ms(NOW))
    printed = frozenset(range(now - slots, now + interval.slots_a_day))
    system = World({f"S{number:03}USDT": printed for number in range(symbols)}, interval=interval)
    system.candles = WindowStore()
    system.exchange.seconds = 0.1
    return system


def _finish(system: World, deliver: Callable[[], bool]) -> None:
    began, tended = system.clock.now(), system.clock.now()
    while True:
        while deliver():
            pass
        if not system.runs.open_runs():
            return
        now = system.clock.now()
        following = min(tended + timedelta(seconds=300), system.queue.next_visible() or now + timedelta(seconds=300))
        system.clock.advance(max(0.001, (following - now).total_seconds()))
        if system.clock.now() >= tended + timedelta(seconds=300):
            tended = system.clock.now()
            system.tend()
        assert system.clock.now() - began < timedelta(hours=MOST_HOURS)


def _measured(
    name: str, system: World, counts: Counts, deliver: Callable[[], bool] | None = None, **request: Any
) -> Measured:
    began, cpu = system.clock.now(), time.process_time()
    run = system.start(**request)
    _finish(system, deliver or system.deliver)
    ended = system.ended(run.run_id)
    assert ended.counts is not None
    return Measured(
        name,
        counts.requests,
        max(counts.weights.values()),
        counts.during_ban,
        max(record.turn for record in system.runs.symbols(run.run_id)),
        str(system.clock.now() - began).split(".")[0],
        time.process_time() - cpu,
        ", ".join(f"{number} {outcome}" for outcome, number in ended.counts.items() if number),
    )


def banned_for_hours() -> Measured:
    """Twenty symbols, and a 418 of four hours and a half at the first request."""
    system = _world(20, 2000)
    counts = Counts(system)

    def ban_once(request: Asked) -> None:
        counts.count(request)
        if counts.banned_until is None:
            counts.banned_until = system.clock.now() + timedelta(hours=4.5)
            raise ExchangeBlockedError(Failure("blocked", "banned", 418, attempts=1), 4.5 * 3600)

    system.exchange.before = ban_once
    return _measured("418 of 4.5 h, 20 symbols", system, counts, start=NOW - 2000, end=NOW - 1)


def small_share() -> Measured:
    """Collect a hundred symbols, 3,000 days each, at a tenth of the exchange's weight."""
    system = _world(100, 3000 * 24)
    counts = Counts(system)
    system.exchange.before = counts.count
    system.weight_share_percent = 10
    system.defaults = replace(system.defaults, weight_share_percent=10)
    return _measured("100 symbols x 3000 days, share 10", system, counts, start=NOW - 3000 * 24, end=NOW - 1)


def wrong_clocks() -> Measured:
    """Workers whose clocks are three minutes fast and slow, at a tenth of the weight, and a 429 of two minutes."""
    system = _world(20, 20_000)
    counts = Counts(system)
    system.weight_share_percent = 10
    system.defaults = replace(system.defaults, weight_share_percent=10)

    def ban_later(request: Asked) -> None:
        counts.count(request)
        if counts.requests == 100:
            counts.banned_until = system.clock.now() + timedelta(seconds=120)
            raise ExchangeBlockedError(Failure("blocked", "wait", 429, attempts=1), 120)

    system.exchange.before = ban_later
    machines = [(SkewedClock(system.clock, skew), SeenFrom(system.exchange, skew)) for skew in (180, -180, 0)]
    turns = 0

    def deliver() -> bool:
        nonlocal turns
        entry = system.queue.take()
        if entry is None:
            return False
        clock, exchange = machines[turns % len(machines)]
        turns += 1
        ports = replace(system.turn(), clock=clock, exchange=cast("Any", exchange))
        collect_symbol(entry.message, ports)
        system.queue.drop(entry)
        return True

    return _measured(
        "clocks 3 minutes apart, share 10, a 429", system, counts, deliver, start=NOW - 20_000, end=NOW - 1
    )


def hour_by_hour() -> Measured:
    """Eight years of one symbol by requests for one hour each."""
    hours = 8 * 8766
    system = _world(1, hours)
    system.exchange.seconds = 0.02
    counts = Counts(system)
    system.exchange.before = counts.count
    system.defaults = replace(system.defaults, batch_size=1, deadline=timedelta(hours=10))
    return _measured("BatchSize 1, 8 years", system, counts, start=NOW - hours, end=NOW - 1)


def month_of_minutes() -> Measured:
    """Collect a month of 1m of a hundred symbols as fast as the whole share of the limit lets, and beside it the plan.

    Five workers, each of whose requests takes 50 ms, are one whose take 10 ms: the weight is what bounds it.
    """
    slots = 30 * MINUTE.slots_a_day
    system = _world(100, slots, MINUTE)
    system.exchange.seconds = 0.01
    counts = Counts(system)
    system.exchange.before = counts.count
    now = MINUTE.slot_at(HOUR.open_ms(NOW))
    row = _measured("1m, 100 symbols x 30 days, share 80", system, counts, start=now - slots, end=now - 1)
    limit = WeightLimit(system.exchange.weight_limit, system.exchange.weight_seconds)
    least = sum(counts.weights.values()) / limit.budget(system.weight_share_percent) * limit.seconds
    return row._replace(outcome=f"{row.outcome}; the limit allows it in {timedelta(seconds=round(least))}")


def dry_runs_at_once() -> Measured:
    """Fifty dry runs at the same moment."""
    system = _world(100, 0)
    cpu = time.process_time()

    def plan(_: int) -> bool:
        with suppress(MarketUnavailableError):
            request = RunRequest("backward", HOUR.open_ms(first_hour_of("2018-01-01")), HOUR.open_ms(NOW - 12))
            plan_run(request, system.defaults, system.run_ports(), system.candles)
            return True
        return False

    with ThreadPoolExecutor(50) as threads:
        answered = sum(threads.map(plan, range(50)))
    requests = system.exchange.market_asked + system.exchange.volumes_asked
    weight = 20 * system.exchange.market_asked + 80 * system.exchange.volumes_asked
    name = "50 dry runs at once, 100 symbols from 2018"
    return Measured(name, requests, weight, 0, 0, "-", time.process_time() - cpu, f"{answered} answered")


def main() -> None:
    """Print what each scenario takes."""
    logging.disable(logging.CRITICAL)
    table = Table(title="Long runs, by the exchange's own count")
    for column in ("scenario", "requests", "most weight a minute", "in a ban", "turns", "run", "CPU s", "outcome"):
        table.add_column(column, justify="left" if column in {"scenario", "outcome"} else "right")
    for scenario in (banned_for_hours, small_share, wrong_clocks, hour_by_hour, month_of_minutes, dry_runs_at_once):
        row = scenario()
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else f"{value}" for value in row))
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
