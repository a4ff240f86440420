"""A worker's turn at a symbol, step by step as `collecting/` does it, in simulated time."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import simpy
from candle_collector.adapters.dynamodb.candle_items import _BATCH_TRIES, _WAIT_MOST
from candle_collector.collecting.budget import MOST_AT_ONCE
from candle_collector.collecting.plan_run import RECORD_READ_UNITS, write_units
from candle_collector.collecting.symbol_requests import FINISH_SECONDS, LEAST_REQUEST_SECONDS
from candle_collector.domain.windows import Window

from tests.hourly import HOUR
from tests.model import steps
from tests.model.limits import CandleTable, SharedWeight
from tests.model.setting import Place

Steps = Generator[simpy.Event, Any, None]

SDK_TRIES = 8
"""How often botocore makes a call of which the table took nothing, as PynamoDB sets it."""

BYTES_A_WRITE_UNIT = 1024
BYTES_A_READ_UNIT = 4096
SETUP_READS = 3
_BLOCK_UNITS = write_units(HOUR)
HOURS_A_YEAR = 366 * 24


class TableThrottledError(Exception):
    """The candle table has not taken a batch in all tries, or in the turn's time: the turn fails, or is killed."""


@dataclass
class Symbol:
    """A symbol's part of the run.

    Attributes
    ----------
    left
        The hours of each batch still to come.
    stored
        How many hours are stored.
    """

    name: str
    left: list[Window]
    stored: int = 0
    turns: int = 0


@dataclass
class Used:
    """What a run has used of everything that is paid for or limited."""

    requests: int = 0
    invocations: int = 0
    seconds: float = 0
    write_units: int = 0
    read_units: float = 0
    messages: int = 0
    requeued: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    failed: int = 0
    weight_seconds: float = 0
    table_seconds: float = 0
    asked_at: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Shared:
    """What all workers of a run have in common."""

    env: simpy.Environment
    place: Place
    chance: random.Random
    weight: SharedWeight
    table: CandleTable | None
    used: Used
    run_bytes: int


class Core:
    """The part of a core that a worker has: its two threads take turns."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._own = simpy.Resource(shared.env)

    def compute(self, seconds: float) -> Steps:
        """Do so many seconds of work of a whole core."""
        with self._own.request() as own:
            yield own
            yield self._shared.env.timeout(seconds / self._shared.place.core)


class Turn:
    """One turn; `next_in` says afterwards in how many seconds another has to do the rest."""

    def __init__(self, shared: Shared, core: Core, symbol: Symbol) -> None:
        self._shared = shared
        self._core = core
        self._symbol = symbol
        self._begun = shared.env.now
        self._period = -1
        self._granted = 0
        self._fetched = False
        self._has_stored = False
        self.next_in: float | None = None

    def work(self) -> Steps:
        """Do as `SymbolTurn.work` does."""
        symbol, cpu = self._symbol, self._shared.place.cpu
        yield from self._begin(cpu.turn)
        ahead: simpy.Process | None = None
        while symbol.left:
            if ahead is None:
                if not self._has_time():
                    yield from self._requeue(0, "time")
                    return
                yield from self._reserve(len(symbol.left))
                if not self._granted:
                    yield from self._requeue(self._shared.weight.seconds_left(), "weight")
                    return
                yield from self._fetch()
            else:
                yield ahead
                ahead = None
            if not self._fetched:
                yield from self._requeue(self._shared.weight.seconds_left(), "weight")
                return
            span = symbol.left.pop(0)
            if symbol.left and self._is_granted and self._has_time():
                ahead = self._shared.env.process(self._fetch())
            try:
                yield from self._store(span)
            except TableThrottledError:
                symbol.left.insert(0, span)
                raise
        yield from self._calls(steps.END)
        self._shared.used.write_units += self._run_units() + self._record_units() + len(steps.NOTED)
        self._shared.used.read_units += math.ceil(self._shared.run_bytes / BYTES_A_READ_UNIT)

    @property
    def _is_granted(self) -> bool:
        return self._period == self._shared.weight.period and self._granted > 0

    def _has_time(self) -> bool:
        left = self._shared.place.turn_seconds - (self._shared.env.now - self._begun)
        return left - FINISH_SECONDS >= LEAST_REQUEST_SECONDS

    def _begin(self, cpu: float) -> Steps:
        used, shared = self._shared.used, self._shared
        years = max(1, math.ceil(self._symbol.stored / HOURS_A_YEAR))
        used.read_units += math.ceil(shared.run_bytes / BYTES_A_READ_UNIT) + SETUP_READS
        used.read_units += years * RECORD_READ_UNITS
        used.write_units += self._record_units() + 1
        yield from self._core.compute(cpu)
        yield from self._calls(steps.SETUP)

    def _reserve(self, requests: int) -> Steps:
        """Reserve weight, in requests, if none is left of the period that it is."""
        weight, place = self._shared.weight, self._shared.place
        if self._period != weight.period:
            self._period, self._granted = weight.period, 0
        if self._granted:
            return
        # the first of a period finds the last one's record, and writes again
        yield from self._calls(steps.RESERVE * (2 if weight.is_new else 1))
        self._shared.used.write_units += 1
        self._period = weight.period
        wanted = min(requests, MOST_AT_ONCE) * place.request_weight
        self._granted = weight.reserve(wanted, place.request_weight) // place.request_weight

    def _fetch(self) -> Steps:
        """Ask, if an attempt is granted; `_fetched` says whether it was."""
        shared = self._shared
        shared.used.read_units += 1
        yield from self._calls(steps.GRANT)
        yield from self._reserve(1)
        self._fetched = self._granted > 0
        if not self._fetched:
            return
        self._granted -= 1
        shared.used.requests += 1
        shared.used.asked_at.append(shared.env.now)
        yield shared.env.timeout(shared.place.latencies.exchange.draw(shared.chance))
        yield from self._core.compute(shared.place.cpu.fetch)

    def _store(self, span: Window) -> Steps:
        """Write a batch; its own work is spread over the calls."""
        used = self._shared.used
        is_first = not self._symbol.stored
        blocks = steps.blocks_of(span)
        calls = steps.store(blocks, is_first=is_first)
        left = blocks.whole
        for call in calls:
            yield from self._core.compute(self._shared.place.cpu.store / len(calls))
            if call == "BatchWriteItem":
                yield from self._write(min(left, steps.ITEMS_A_BATCH_WRITE))
                left -= steps.ITEMS_A_BATCH_WRITE
            else:
                yield from self._calls([call])
        self._symbol.stored += span.slots
        self._has_stored = True
        used.write_units += blocks.parts * _BLOCK_UNITS
        used.write_units += is_first + self._record_units()  # the series' own record is below a KB

    def _write(self, items: int) -> Steps:
        """Write blocks, and what the table did not take again, as `CandleItems.put_all` does."""
        shared, begun = self._shared, self._shared.env.now
        tries = sdk_tries = 0
        while True:
            yield shared.env.timeout(shared.place.latencies.batch_write.draw(shared.chance))
            taken = shared.table.write(self._symbol.name, items, _BLOCK_UNITS) if shared.table else items
            shared.used.write_units += taken * _BLOCK_UNITS
            items -= taken
            if not items:
                break
            shared.used.throttled += 1
            tries, sdk_tries = (tries + 1, 0) if taken else (tries, sdk_tries + 1)
            if tries == _BATCH_TRIES or sdk_tries == SDK_TRIES:
                raise TableThrottledError
            wait = shared.chance.uniform(0, min(_WAIT_MOST, 0.05 * 2 ** (tries - 1)))
            yield shared.env.timeout(wait if taken else 0.05 * 2 ** (sdk_tries - 1))
            if shared.env.now - self._begun > shared.place.turn_seconds:
                raise TableThrottledError
        if tries or sdk_tries:
            shared.used.table_seconds += shared.env.now - begun

    def _requeue(self, seconds: float, why: str) -> Steps:
        """Let another turn do the rest, a little later than it might."""
        noted = steps.NOTED * self._has_stored
        yield from self._calls([*noted, *steps.REQUEUE])
        self._shared.used.requeued[why] += 1
        self._shared.used.messages += 1
        self._shared.used.write_units += len(noted) + self._record_units()
        if seconds > 0:
            seconds += self._shared.chance.uniform(0, min(10.0, 1 + seconds / 4))
        self.next_in = math.ceil(seconds)
        self._shared.used.weight_seconds += seconds

    def _calls(self, calls: Iterable[str]) -> Steps:
        latency, chance = self._shared.place.latencies.call, self._shared.chance
        yield self._shared.env.timeout(sum(latency.draw(chance) for _ in calls))

    def _record_units(self) -> int:
        return math.ceil(self._shared.place.sizes.symbol_record / BYTES_A_WRITE_UNIT)

    def _run_units(self) -> int:
        return math.ceil(self._shared.run_bytes / BYTES_A_WRITE_UNIT)
