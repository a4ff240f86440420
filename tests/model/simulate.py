"""A run from its first message to its last symbol's end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from tests.model.limits import CandleTable, SharedWeight
from tests.model.setting import Job, Place
from tests.model.worker import Core, Shared, Steps, Symbol, TableThrottledError, Turn, Used

VISIBILITY_TIMES = 6
"""A message whose turn failed comes back after six times the turn's most seconds: `QueueVisibility`."""


@dataclass(frozen=True)
class Result:
    """What a run took.

    Attributes
    ----------
    seconds
        From the first message to the end of the last symbol.
    weight_used
        The part that was used of the budget of all minutes that the run lies in.
    busiest_second
        The most write units of candles in one second.
    """

    job: Job
    place: Place
    seconds: float
    used: Used
    weight_used: float
    busiest_second: int
    reserved: dict[int, int]


def simulate(job: Job, place: Place) -> Result:
    """Let the workers do the job."""
    env = simpy.Environment()
    weight = SharedWeight(
        place.weight * place.weight_share // 100, place.weight_seconds, lambda: env.now + place.starts_at
    )
    used = Used()
    shared = Shared(
        env,
        place,
        random.Random(place.seed),
        weight,
        CandleTable(lambda: env.now, place.partitions) if place.partitions else None,
        used,
        place.sizes.run + job.symbols * place.sizes.run_symbol,
    )
    queue: simpy.Store = simpy.Store(env)
    for number in range(job.symbols):
        queue.put(Symbol(f"S{number:03}USDT", job.spans))
    open_symbols = [job.symbols]
    ended = env.event()

    def leave() -> None:
        open_symbols[0] -= 1
        if not open_symbols[0]:
            ended.succeed()

    for number in range(place.workers):
        begins = max(0.0, (number + 1 - place.pollers_at_first) / place.pollers_a_second)
        env.process(_worker(shared, queue, begins, leave))
    env.run(until=ended)
    last = int((env.now + place.starts_at) // place.weight_seconds)
    periods = last - int(place.starts_at // place.weight_seconds) + 1
    return Result(
        job,
        place,
        env.now,
        used,
        used.requests * place.request_weight / (weight.budget * periods),
        max(shared.table.written.values(), default=0) if shared.table else 0,
        dict(weight.reserved),
    )


def _worker(shared: Shared, queue: simpy.Store, begins: float, leave: Callable[[], None]) -> Steps:
    """Take messages, one at a time, as long as there are any."""
    env, place, used = shared.env, shared.place, shared.used
    yield env.timeout(begins)
    core, is_cold = Core(shared), True
    while True:
        symbol = yield queue.get()
        yield env.timeout(place.latencies.delivery.draw(shared.chance))
        begun = env.now
        if is_cold:
            # a function starts on a whole core, whatever its memory
            yield env.timeout(place.latencies.sandbox.draw(shared.chance) + place.cpu.cold)
            is_cold = False
        turn = Turn(shared, core, symbol)
        symbol.turns += 1
        try:
            yield from turn.work()
        except TableThrottledError:
            used.failed += 1
            turn.next_in = place.turn_seconds * VISIBILITY_TIMES
        used.invocations += 1
        used.seconds += env.now - begun
        if turn.next_in is None:
            leave()
        else:
            env.process(_send(env, queue, symbol, turn.next_in))


def _send(env: simpy.Environment, queue: simpy.Store, symbol: Symbol, seconds: float) -> Steps:
    yield env.timeout(seconds)
    yield queue.put(symbol)
