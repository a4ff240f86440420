"""Two processes, one within the other: after the n-th step of the outer one the inner does all its work.

A step is a call of a port. What is looked at in the end is what runs report beside what is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.collecting.collect_symbol import collect_symbol
from candle_collector.collecting.control_run import cancel_run, retry_run
from candle_collector.collecting.import_candles import ImportPorts, import_series, importing
from candle_collector.collecting.reconcile_runs import reconcile_runs
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import windows
from candle_collector.domain.run import Outcome, Run, RunState
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import CollectorError

from tests.fakes.exchange import synthetic_candle
from tests.fakes.world import VISIBILITY, World
from tests.hourly import first_hour_of, hourly, moment_of, ms_of_hour, times_of, year_window

START = first_hour_of("2023-12-30")
"""Shortly before a year ends, so that counts of two years change."""
END = START + 60
NOW = START + 420
OUTAGE = frozenset({START + 44, START + 45})
MOST_STEPS = 400
_PORTS = frozenset(
    {"exchange", "candles", "series", "leases", "runs", "universes", "queue", "rate_limiter", "events", "market_cache"}
)

Step = Callable[[], None]


class _Interrupted:
    """A port of the outer process."""

    def __init__(self, port: object, between: Between) -> None:
        self._port = port
        self._between = between

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method
        return partial(self._between.call, f"{type(self._port).__name__}.{name}", method)


class Between:
    """Lets the inner process work after the `number`-th step of the outer one, once."""

    def __init__(self, number: int, inner: Step) -> None:
        self._left = number
        self._inner = inner
        self.step: str | None = None

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self._left -= 1
        try:
            return method(*arguments, **options)
        finally:
            if self._left == 0:
                self.step = name
                self._inner()

    def wrap(self, ports: Any) -> Any:
        """Return the ports of the outer process."""
        if not is_dataclass(ports):
            return _Interrupted(ports, self)
        names = [item.name for item in fields(ports) if item.name in _PORTS]
        return replace(ports, **{name: _Interrupted(getattr(ports, name), self) for name in names})  # type: ignore[type-var] # a dataclass


class Scene(NamedTuple):
    """A world that is made ready, and the outer process that works in it."""

    prepare: Callable[[World], None]
    outer: Callable[[World, Between], None]


def _start(system: World) -> None:
    system.start(start=START, end=END)


def _the_run(system: World) -> Run | None:
    run_ids = system.runs.runs(limit=1)
    return system.runs.get(run_ids[0]) if run_ids else None


# outer processes


def _work(system: World, between: Between) -> None:
    entry = system.queue.take()
    if entry is None:  # the inner process has done it all
        return
    collect_symbol(entry.message, between.wrap(system.turn()))
    system.queue.drop(entry)


def _trigger(system: World, between: Between) -> None:
    start_run(RunRequest("backward", *times_of(Window(START, END))), system.defaults, between.wrap(system.run_ports()))


def _trigger_by_schedule(system: World, between: Between) -> None:
    request = RunRequest("forward", occurrence="forward#1")
    start_run(request, system.defaults, between.wrap(system.run_ports()))


def _reconcile(system: World, between: Between) -> None:
    reconcile_runs(between.wrap(system.closing_ports()), between.wrap(system.queue), visibility=VISIBILITY)


def _cancel(system: World, between: Between) -> None:
    run = _the_run(system)
    assert run is not None
    cancel_run(run.run_id, between.wrap(system.closing_ports()))


def _import(system: World, between: Between) -> None:
    ports = between.wrap(ImportPorts(BINANCE, system.candles, system.series, system.leases, system.clock))
    candles = [synthetic_candle("BTCUSDT", hour) for hour in range(START + 20, START + 40)]
    with importing(ports) as lease:
        import_series(hourly("BTCUSDT"), [candles], ports, lease, stated=(), closed_end=NOW)


def _wait(seconds: float) -> Callable[[World], None]:
    def prepare(system: World) -> None:
        _start(system)
        system.clock.advance(seconds)

    return prepare


def _wait_for_a_killed_worker(seconds: float) -> Callable[[World], None]:
    def prepare(system: World) -> None:
        _start(system)
        _die_after(system, 1)
        system.clock.advance(seconds)

    return prepare


SCENES = {
    "a worker": Scene(_start, _work),
    "a worker after another was killed": Scene(_wait_for_a_killed_worker(361), _work),
    "a trigger": Scene(lambda _: None, _trigger),
    "a trigger by schedule": Scene(lambda _: None, _trigger_by_schedule),
    "the reconciler that sends again": Scene(_wait(721), _reconcile),
    "the reconciler at the deadline": Scene(_wait(5 * 3600), _reconcile),
    "the reconciler at the deadline after a worker was killed": Scene(_wait_for_a_killed_worker(5 * 3600), _reconcile),
    "a cancel": Scene(_start, _cancel),
    "a cancel after a worker was killed": Scene(_wait_for_a_killed_worker(10), _cancel),
    "an import": Scene(lambda _: None, _import),
}


# inner processes


class _Dead(BaseException):
    """The process is gone."""


def _die_after(system: World, answers: int) -> None:
    """Let a worker store so many answers, and die with the next in hand."""
    entry = system.queue.take()
    if entry is None:
        return
    left = answers

    def stop(_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Dead

    known, system.exchange.before = system.exchange.before, stop
    with suppress(_Dead):
        collect_symbol(entry.message, system.turn())
    system.exchange.before = known


def _deliver(system: World) -> None:
    system.deliver()


def _deliver_again(system: World) -> None:
    """Deliver the last message once more, without waiting for its visibility."""
    if system.queue.sent:
        collect_symbol(system.queue.sent[-1][0], system.turn())


def _later(seconds: float, step: Callable[[World], None]) -> Callable[[World], None]:
    def work(system: World) -> None:
        system.clock.advance(seconds)
        step(system)

    return work


def _tend(system: World) -> None:
    system.tend()


def _cancel_it(system: World) -> None:
    run = _the_run(system)
    if run is not None:
        cancel_run(run.run_id, system.closing_ports())


def _cancel_and_start(start: int, end: int) -> Callable[[World], None]:
    def work(system: World) -> None:
        with suppress(CollectorError):
            _cancel_it(system)
        for seconds in (0, 95):  # at once it is refused while a worker holds a symbol
            system.clock.advance(seconds)
            system.tend()
            with suppress(CollectorError):
                system.start(start=start, end=end)
            while system.deliver():
                pass

    return work


def _trigger_another(system: World) -> None:
    system.start(start=START, end=END)


def _deliver_the_occurrence_again(system: World) -> None:
    start_run(RunRequest("forward", occurrence="forward#1"), system.defaults, system.run_ports())


def _retry(system: World) -> None:
    run = _the_run(system)
    if run is not None:
        retry_run(run.run_id, system.defaults, system.run_ports())


def _import_some(system: World) -> None:
    ports = ImportPorts(BINANCE, system.candles, system.series, system.leases, system.clock)
    candles = [synthetic_candle("BTCUSDT", hour) for hour in range(START + 24, START + 48)]
    with importing(ports) as lease:
        import_series(hourly("BTCUSDT"), [candles], ports, lease, stated=(), closed_end=NOW)


INNER: dict[str, Callable[[World], None]] = {
    "a worker does all": _deliver,
    "a worker does a part and is killed": lambda system: _die_after(system, 1),
    "the same message again": _deliver_again,
    "the message again after its visibility": _later(361, _deliver),
    "the reconciler": _tend,
    "the reconciler 12 minutes later": _later(721, _tend),
    "the reconciler after the deadline": _later(5 * 3600 + 1, _tend),
    "a cancel": _cancel_it,
    "a cancel and a run of the same hours": _cancel_and_start(START, END),
    "a cancel and a run of earlier hours": _cancel_and_start(START - 40, END),
    "a cancel and a run of later hours": _cancel_and_start(START, END + 40),
    "another trigger": _trigger_another,
    "the occurrence again": _deliver_the_occurrence_again,
    "a retry": _retry,
    "an import": _import_some,
}


def new_world(make: Callable[..., World]) -> World:
    """Return a world of one symbol, listed after the range begins, with an outage in it; three requests take all."""
    system = make({"BTCUSDT": frozenset(range(START + 20, NOW + 200)) - OUTAGE}, bears_the_late=True)
    system.clock.advance((moment_of(NOW) - system.clock.now()).total_seconds() + 300)
    system.defaults = replace(system.defaults, batch_size=20, collection_start=ms_of_hour(NOW - 40))
    return system


PAIRS = [(outer, inner) for outer in SCENES for inner in INNER]


def find_violations(make: Callable[..., World], outer: str, inner: str) -> tuple[int, list[str]]:
    """Let the inner process work before the outer one begins, and after each of its steps.

    After one step is before the next: nothing but the ports' calls is seen by others.

    Returns
    -------
    How many steps the outer process has, and after which of them something goes wrong, and what.
    """
    found: list[str] = []
    for number in range(MOST_STEPS):
        system = new_world(make)
        SCENES[outer].prepare(system)

        def work(system: World = system) -> None:
            with suppress(CollectorError):
                INNER[inner](system)

        between = Between(number, work)
        if number == 0:
            work()
        with suppress(CollectorError):
            SCENES[outer].outer(system, between)
        if number and between.step is None:
            return number - 1, found
        at = f"after step {number}, {between.step}" if number else "before its first step"
        found += [f"{at}: {violation}" for violation in _settle(system) or _check(system)]
    raise AssertionError("the outer process does not end")


def _settle(system: World) -> list[str]:
    for _ in range(200):
        with suppress(CollectorError):
            while system.deliver():
                pass
        if not system.runs.open_runs():
            return []
        system.clock.advance(300)
        system.tend()
    return ["a run does not end"]


def _check(system: World) -> list[str]:
    stored = _stored(system)
    found = [*_check_candles(system, stored)]
    for run_id in system.runs.runs(limit=50):
        found += _check_run(system, run_id)
    if system.leases.holder(system.clock.now()) is not None:
        found.append("the lease is held")
    return [*found, *_check_series(system, stored)]


def _stored(system: World) -> Windows:
    within = Window(START - 600, NOW + 200)
    return windows.clip(system.candles.coverage(hourly("BTCUSDT"), within).stored, within)


def _check_series(system: World, stored: Windows) -> Iterator[str]:
    """Say where the series' record leads; one that lags behind, as a worker's death leaves it, is right after a run."""
    series = system.series.get(hourly("BTCUSDT"))
    if not stored:
        return
    first, last = stored[0].start, stored[-1].end - 1
    years = {year: windows.count(windows.clip(stored, year_window(year))) for year in (2023, 2024)}
    years = {year: hours for year, hours in years.items() if hours}
    if (series.first, series.last, series.years) == (first, last, years):
        return
    if series.first is not None and series.last is not None and (series.first < first or series.last > last):
        yield f"the series' record says {series.first} to {series.last}, stored is {stored}"
    if any(hours > years.get(year, 0) for year, hours in series.years.items()):
        yield f"the series' record counts {series.years}, stored are {years}"
    system.collect(start=START, end=END, symbols=("BTCUSDT",))
    series, healed = system.series.get(hourly("BTCUSDT")), _stored(system)
    if (series.first, series.last) != (healed[0].start, healed[-1].end - 1):
        yield f"a run leaves the series' record at {series.first} to {series.last}, stored is {healed}"


def _check_candles(system: World, stored: Windows) -> Iterator[str]:
    proven = system.candles.coverage(hourly("BTCUSDT"), Window(START - 600, NOW + 200)).never_printed
    lost = set(windows.slots_in(proven)) & system.exchange.printed["BTCUSDT"]
    if lost:
        yield f"{len(lost)} printed hours are called never printed"
    imported = set(range(START + 20, START + 48))  # by the processes that import
    reported = sum(record.records for run_id in system.runs.runs(limit=50) for record in system.runs.symbols(run_id))
    total = windows.count(stored)
    if not total - len(imported) <= reported <= total:
        yield f"runs report {reported} candles, stored are {total}"
    for candle in system.candles.candles(hourly("BTCUSDT"), Window(START - 600, NOW + 200), limit=10_000):
        if candle != system.exchange.candle("BTCUSDT", candle.slot):
            yield f"the stored candle of {candle.slot} is not the exchange's"


def _check_run(system: World, run_id: str) -> Iterator[str]:
    run, records = system.runs.get(run_id), system.runs.symbols(run_id)
    assert run is not None
    if run.state is not RunState.ENDED or run.counts is None:
        yield f"a run is {run.state}"
        return
    outcomes = Counter(record.outcome.value for record in records)
    counts = {name: number for name, number in run.counts.items() if name != "records" and number}
    if counts != dict(outcomes) or len(records) != len(run.series):
        yield f"a run counts {counts}, its records say {dict(outcomes)}"
    if run.counts["records"] != sum(record.records for record in records):
        yield "a run's count of candles is not that of its records"
    reported = [counts for reported_id, counts, _ in system.events.ended if reported_id == run_id]
    if not reported or any(item != run.counts for item in reported):
        yield f"a run's end was reported as {reported}"
    for record in records:
        if record.outcome is Outcome.SKIPPED and record.requests:
            yield "a symbol was skipped, though it was asked for"
        if record.outcome is Outcome.COMPLETE and record.missing_slots:
            yield "a symbol is complete and lacks something"
