"""A model of everything that can happen to a run: whatever the order, every run ends, adds up, and stores exactly."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta

from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import windows
from candle_collector.domain.run import MODES, Failure, Outcome, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import (
    ExchangeBlockedError,
    ExchangeUnavailableError,
    OutOfTimeError,
    RefusedError,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.fakes.exchange import Asked, listing
from tests.fakes.queue import Queued
from tests.fakes.world import AtOnce, Crash, World
from tests.hourly import first_hour_of, hour_of, hourly, ms_of_hour

NOW = first_hour_of("2025-06-01") + 12
START = first_hour_of("2025-05-25")
NAMES = ("AUSDT", "BUSDT", "CUSDT")
REQUESTS = [
    RunRequest(mode, symbols=symbols, recheck=recheck)
    for mode in MODES
    for symbols in (None, NAMES, ("CUSDT",))
    for recheck in (False, True)
]
STEPS = st.integers(1, 40)
MOMENTS = st.sampled_from([0, 1])


class Collection(RuleBasedStateMachine):
    """Triggers, deliveries, losses, deaths, bans and the passing of time, in any order."""

    @initialize(
        holes=st.sets(st.integers(START, NOW), max_size=20),
        listed=st.integers(START - 50, START + 60),
        batch_size=st.sampled_from([24, 40, 1000]),
        ahead=st.sampled_from([None, AtOnce()]),
    )
    def begin(self, holes: set[int], listed: int, batch_size: int, ahead: Executor | None) -> None:
        printed = {name: frozenset(range(START - 50, NOW + 24 * 40)) - holes for name in NAMES}
        printed["BUSDT"] = frozenset(range(listed, NOW + 24 * 40)) - holes
        printed["CUSDT"] = frozenset(range(START, START + 70)) - holes
        self.system = World(printed, listings=(*map(listing, NAMES[:2]), listing("CUSDT", "BREAK")))
        self.system.defaults = replace(self.system.defaults, batch_size=batch_size, collection_start=ms_of_hour(START))
        self.system.prefetch = ahead
        self.system.exchange.before = self.answer
        self.faults: list[str] = []
        self.ended: dict[tuple[str, str], RunSeriesRecord] = {}
        self.lines: dict[tuple[Series, int], str] = {}
        self.blocked_until = self.system.clock.now()

    def answer(self, _: Asked) -> None:
        """Break an answer if a fault is waiting; an exchange that has banned us must not be asked."""
        now = self.system.clock.now()
        assert now >= self.blocked_until, "asked while banned"
        fault = self.faults.pop() if self.faults else None
        if fault == "unavailable":
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=4))
        if fault == "out of time":
            raise OutOfTimeError(Failure("unavailable", "503", 503, attempts=1), wait=2)
        if fault == "ban":
            self.blocked_until = now + timedelta(seconds=130)
            raise ExchangeBlockedError(Failure("blocked", "banned", 418, attempts=1), seconds=130)
        self.system.exchange.rows_most = 5 if fault == "short" else None

    @rule(
        start=st.integers(START - 40, START + 20),
        requested=st.sampled_from(REQUESTS),
        dies_at=st.none() | STEPS,
        moment=MOMENTS,
    )
    def trigger(self, start: int, requested: RunRequest, dies_at: int | None, moment: int) -> None:
        runs = [self.system.runs.get(run_id) for run_id in self.system.runs.open_runs()]
        active = [run for run in runs if run and run.state is RunState.ACTIVE]
        try:
            ports = self.system.run_ports(None if dies_at is None else [dies_at, moment])
            start_run(replace(requested, start=start), self.system.defaults, ports)
        except (Crash, RefusedError):
            return
        assert not active, "two runs at once"

    def state(self, run_id: str) -> RunState:
        run = self.system.runs.get(run_id)
        assert run is not None
        return run.state

    @rule(index=st.integers(0, 10))
    def deliver(self, index: int) -> None:
        self.system.deliver(index)

    @rule(index=st.integers(0, 10), dies_at=STEPS, moment=MOMENTS)
    def deliver_to_one_who_dies(self, index: int, dies_at: int, moment: int) -> None:
        known = self.blocked_until
        try:
            self.system.deliver(index, [dies_at, moment])
        except Crash:
            written = self.system.rate_limiter.state().blocked_until
            if written is None or written < self.blocked_until:
                self.blocked_until = known  # whoever met the ban died before writing it down: the next meets it again

    @rule(index=st.integers(0, 10))
    def deliver_twice(self, index: int) -> None:
        entry = self.system.queue.take(index)
        if entry is not None:
            self.system.work(entry.message)
            self.system.work(entry.message)
            self.system.queue.drop(entry)

    @rule(index=st.integers(0, 20))
    def deliver_something_old(self, index: int) -> None:
        if self.system.queue.sent:
            message, _ = self.system.queue.sent[index % len(self.system.queue.sent)]
            self.system.queue.entries.append(Queued(message, self.system.clock.now()))

    @rule(index=st.integers(0, 10))
    def lose(self, index: int) -> None:
        if self.system.queue.entries:
            del self.system.queue.entries[index % len(self.system.queue.entries)]

    @rule(seconds=st.sampled_from([1, 61, 95, 370, 730, 1000, 5 * 3600]))
    def wait(self, seconds: int) -> None:
        self.system.clock.advance(seconds)

    @rule()
    def tend(self) -> None:
        self.system.tend()

    @rule(dies_at=STEPS, moment=MOMENTS)
    def tend_by_one_who_dies(self, dies_at: int, moment: int) -> None:
        try:
            self.system.tend([dies_at, moment])
        except Crash:
            return

    @rule(kind=st.sampled_from(["unavailable", "out of time", "ban", "short"]))
    def break_the_next_answer(self, kind: str) -> None:
        self.faults.append(kind)

    @rule()
    def cancel(self) -> None:
        for run_id in self.system.runs.open_runs():
            if self.state(run_id) is RunState.ACTIVE:
                cancel_run(run_id, self.system.closing_ports())

    @rule()
    def lack_time(self) -> None:
        self.system.worker_seconds = 60 if self.system.worker_seconds == 4 else 4
        self.system.exchange.seconds = 1.8

    @invariant()
    def stored_candles_are_exact_and_never_change(self) -> None:
        self.system.assert_exact()
        closed = hour_of(self.system.clock.now())
        assert all(hour < closed for _, hour in self.system.candles.lines)
        assert self.lines.items() <= self.system.candles.lines.items()
        self.lines = dict(self.system.candles.lines)

    @invariant()
    def what_is_proven_was_never_there(self) -> None:
        for name in NAMES:
            printed = self.system.exchange.printed[name]
            assert printed.isdisjoint(windows.slots_in(self.system.candles.never_printed(hourly(name))))
            absent = self.system.series.get(hourly(name)).absent
            assert absent is None or printed.isdisjoint(range(*absent))

    @invariant()
    def an_outcome_stays(self) -> None:
        for run_id in self.system.runs.runs(limit=100):
            for record in self.system.runs.symbols(run_id):
                assert record == self.ended.get((run_id, record.symbol), record)
                if not record.outcome.open:
                    self.ended[run_id, record.symbol] = record

    @invariant()
    def no_more_weight_is_reserved_than_the_share(self) -> None:
        assert self.system.rate_limiter.state().reserved <= 4800

    @invariant()
    def the_counts_of_an_ended_run_add_up(self) -> None:
        for run_id in self.system.runs.runs(limit=100):
            if self.state(run_id) is RunState.ENDED:
                self.system.ended(run_id)

    def teardown(self) -> None:
        """Let everything end, and run twice more without faults: all is there, and nothing is asked again.

        Of the delisted symbol, a second run proves what one alone cannot: that it has no more candles.
        """
        if not hasattr(self, "system"):
            return
        system = self.system
        self.faults.clear()
        self.blocked_until = system.clock.now()
        system.exchange.rows_most, system.exchange.seconds, system.worker_seconds = None, 0, 60
        system.clock.advance(120)
        system.settle()
        system.clock.advance(120)
        assert system.leases.holder(system.clock.now()) is None
        run = system.collect(start=START, end=NOW - 30, symbols=NAMES)
        for name in NAMES:
            record = system.record(run, name)
            after_its_last = (Window(max(system.exchange.printed[name]) + 1, NOW - 30),)
            # a run that began later has perhaps proven the end of it
            assert name == "CUSDT" or record.missing == ()
            assert not windows.subtract(record.missing, after_its_last)
            assert record.missing or record.outcome in {Outcome.COMPLETE, Outcome.SKIPPED}
        run = system.collect(start=START, end=NOW - 30, symbols=NAMES)
        assert run.counts is not None
        assert run.counts["complete"] + run.counts["skipped"] == len(NAMES)
        for name in NAMES:
            expected = [hour for hour in range(START, NOW - 30) if hour in system.exchange.printed[name]]
            assert (
                list(windows.slots_in(windows.clip(system.candles.slots(hourly(name)), Window(START, NOW - 30))))
                == expected
            )
        system.exchange.requested.clear()
        system.candles.writes.clear()
        run = system.collect(start=START, end=NOW - 30, symbols=NAMES)
        assert run.counts is not None
        assert run.counts["skipped"] == len(NAMES)
        assert (system.exchange.requested, system.candles.writes) == ([], [])


Collection.TestCase.settings = settings(
    max_examples=50, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCollection = Collection.TestCase
