"""While an answer is stored the next window is asked for, and nothing else about a turn changes."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.worker_ports import WorkerPorts
from candle_collector.domain.plan import window_slots
from candle_collector.domain.rate_limit import Reservation
from candle_collector.domain.run import Failure, Outcome, Run
from candle_collector.domain.windows import Window
from candle_collector.errors import ExchangeBlockedError, ExchangeRefusedError

from tests.fakes.clock import NOON
from tests.fakes.exchange import Asked
from tests.fakes.stores import FakeCandleStore
from tests.fakes.world import Crash, World
from tests.hourly import HOUR, hour_of, hourly
from tests.plans import spans_of

SYMBOL = "BTCUSDT"
END = hour_of(NOON) - 100
START = END - 5000
DENSE = frozenset(range(START, END))
SERIES = {
    "dense": DENSE,
    "with holes": DENSE - set(range(START + 400, START + 2700)) - {START + 3000},
    "listed late": frozenset(range(START + 2345, END)),
    "ended early": frozenset(range(START, START + 1700)),
}


class Inline(Executor):
    """Does at once what it is given: the next answer is there before the one before is stored."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **options))
        except BaseException as error:  # noqa: BLE001 - as executors do; it is raised where the result is taken
            future.set_exception(error)
        return future


class AheadWorld(World):
    """A world whose workers prefetch."""

    def turn(self, countdown: list[int] | None = None) -> WorkerPorts:
        """Return what a worker works with."""
        return replace(super().turn(countdown), prefetch=Inline())


def started(system: World) -> Run:
    return system.start(symbols=(SYMBOL,), start=START, end=END)


def collected(system: World) -> list[Asked]:
    started(system)
    system.settle()
    system.assert_exact()
    return system.exchange.requested


@pytest.mark.parametrize("printed", SERIES.values(), ids=SERIES)
def test_no_request_more_is_made_and_the_same_is_stored(printed: frozenset[int]) -> None:
    one_by_one, ahead = World({SYMBOL: printed}), AheadWorld({SYMBOL: printed})
    assert collected(ahead) == collected(one_by_one)
    assert ahead.candles.lines == one_by_one.candles.lines
    assert ahead.candles.never_printed(hourly(SYMBOL)) == one_by_one.candles.never_printed(hourly(SYMBOL))
    assert ahead.series.get(hourly(SYMBOL)) == one_by_one.series.get(hourly(SYMBOL))


def test_the_next_request_is_under_way_while_an_answer_is_stored() -> None:
    system = World({SYMBOL: DENSE})
    asked_twice = threading.Event()
    system.exchange.before = lambda _: asked_twice.set() if len(system.exchange.requested) > 1 else None

    class PatientStore(FakeCandleStore):
        def store(self, *args: Any, **options: Any) -> None:
            assert asked_twice.wait(30), "nothing was asked for while this was being stored"
            super().store(*args, **options)

    system.candles = PatientStore()
    run = started(system)
    with ThreadPoolExecutor(1) as thread:
        collect_symbol(system.queue.sent[0][0], replace(system.turn(), prefetch=thread))
    assert system.record(run).outcome is Outcome.COMPLETE
    system.assert_exact()


class RefusingOnce(FakeCandleStore):
    """A store that fails at the first batch."""

    failed = False

    def store(self, *args: Any, **options: Any) -> None:
        """Fail, or store."""
        if not self.failed:
            self.failed = True
            raise OSError("the table is away")
        super().store(*args, **options)


def test_an_answer_that_came_while_storing_failed_is_asked_for_again_and_nothing_is_lost() -> None:
    system = AheadWorld({SYMBOL: DENSE})
    system.candles = RefusingOnce()
    run = started(system)
    with pytest.raises(OSError, match="away"):
        system.deliver()
    assert len(system.exchange.requested) == 2
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE
    assert system.record(run).records == len(DENSE)
    system.assert_exact()


BLOCKED = ExchangeBlockedError(Failure("blocked", "too much", 418), seconds=3600)
REFUSED = ExchangeRefusedError(Failure("refused", "not from here", 451))


@pytest.mark.parametrize("error", [BLOCKED, REFUSED], ids=["ban", "region"])
def test_a_refusal_met_while_storing_failed_closes_the_rate_limiter(error: Exception) -> None:
    system = AheadWorld({SYMBOL: DENSE})
    system.candles = RefusingOnce()

    def refuse_second(_: Asked) -> None:
        if len(system.exchange.requested) == 2:
            raise error

    system.exchange.before = refuse_second
    started(system)
    with pytest.raises(OSError, match="away"):
        system.deliver()
    state = system.rate_limiter.state()
    assert (state.refused_until is not None) is (error is REFUSED)
    assert (state.blocked_until is not None) is (error is BLOCKED)


def test_a_ban_met_ahead_is_obeyed_after_the_answer_before_is_stored() -> None:
    system = AheadWorld({SYMBOL: DENSE})

    def refuse_second(_: Asked) -> None:
        if len(system.exchange.requested) == 2:
            raise BLOCKED

    system.exchange.before = refuse_second
    run = started(system)
    system.deliver()
    first, *_ = spans_of((Window(START, END),), window_slots("backward", 1000, BINANCE), HOUR.block_slots)
    assert system.record(run).records == first.slots
    assert len(system.exchange.requested) == 2
    assert system.queue.next_visible() is not None
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE


def test_nothing_is_prefetched_without_granted_weight() -> None:
    system = AheadWorld({SYMBOL: DENSE}, weight_limit=5)  # four fifths of it are two requests
    started(system)
    system.clock.advance(60)  # the trigger has used up its minute
    system.deliver()
    assert len(system.exchange.requested) == 2
    system.settle()
    system.assert_exact()


def test_requests_ahead_reserve_no_weight_one_by_one() -> None:
    system = AheadWorld({SYMBOL: DENSE})
    system.defaults = replace(system.defaults, batch_size=50)
    reserved, reserve = 0, system.rate_limiter.reserve

    def count(*arguments: Any, **options: Any) -> Reservation:
        nonlocal reserved
        reserved += 1
        return reserve(*arguments, **options)

    started(system)
    system.rate_limiter.reserve = count  # type: ignore[method-assign] # the same, counted
    system.settle()
    assert len(system.exchange.requested) >= 100
    assert reserved <= 5


def test_a_request_ahead_of_a_cancel_is_counted() -> None:
    system = AheadWorld({SYMBOL: DENSE})
    run = started(system)

    def cancel_at_the_third(_: object) -> None:  # which is sent before the second answer is stored
        if len(system.exchange.requested) == 3:
            cancel_run(run.run_id, system.closing_ports())

    system.exchange.before = cancel_at_the_third
    system.settle()
    assert system.record(run).outcome is Outcome.PARTIAL
    assert system.record(run).requests == len(system.exchange.requested) == 3


def test_nothing_is_prefetched_without_time() -> None:
    system = AheadWorld({SYMBOL: DENSE}, seconds=3.0)
    system.worker_seconds = 6.0
    run = started(system)
    system.deliver()
    assert len(system.exchange.requested) == 2
    system.settle()
    assert system.record(run).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("after", [0, 1], ids=["before", "after"])
def test_a_worker_may_die_at_any_call(after: int) -> None:
    for call in range(1, 60):
        system = AheadWorld({SYMBOL: DENSE})
        run = started(system)
        countdown = [call, after]
        with suppress(Crash):
            system.deliver(countdown=countdown)
        system.settle()
        assert system.record(run).outcome is Outcome.COMPLETE
        assert frozenset(hour for _, hour in system.candles.lines) == DENSE
        system.assert_exact()
        if countdown[0] > 0:
            return
    pytest.fail("no turn came to its end")
