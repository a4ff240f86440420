"""A lost reply of any one write changes nothing: not what is stored, not what is reported, and it costs no minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.collecting.control_run import cancel_run
from candle_collector.collecting.import_candles import ImportPorts, import_series, importing
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.start_run import start_run
from candle_collector.domain.windows import Window

from tests.explore.lost_replies import losing_replies
from tests.explore.real_world import RealWorld, make_tables
from tests.explore.sql_world import SearchedDatabase, SqlWorld
from tests.fakes.exchange import synthetic_candle
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly, ms_of_hour

START = first_hour_of("2025-01-01")
END = START + 150
NOW = first_hour_of("2025-06-01") + 12
SYMBOLS = ("AUSDT", "BUSDT")
MOST_WRITES = 200


def requeueing(system: World) -> None:
    """Collect by turns that have time for one window or two each."""
    system.exchange.seconds = 4
    system.worker_seconds = 9
    system.start(start=START, end=END)
    _finish(system, 400)


def scheduled(system: World) -> None:
    """Start by a schedule whose event is delivered twice."""
    system.defaults = replace(system.defaults, collection_start=ms_of_hour(NOW - 50))
    system.collect("forward", occurrence="forward#1")
    again = start_run(RunRequest("forward", occurrence="forward#1"), system.defaults, system.run_ports())
    assert again is None


def cancelled(system: World) -> None:
    """Cancel while one of two symbols is done."""
    run = system.start(start=START, end=END)
    system.deliver()
    cancel_run(run.run_id, system.closing_ports())
    _finish(system, 1)


def sent_again(system: World) -> None:
    """Lose all messages, and let the reconciler send them again."""
    system.start(start=START, end=END)
    system.queue.entries.clear()
    system.clock.advance(721)
    system.tend()
    _finish(system, 400)


def closed_at_the_deadline(system: World) -> None:
    """Let the reconciler close what nobody worked on."""
    system.start(start=START, end=END)
    system.queue.entries.clear()
    system.clock.advance(5 * 3600)
    system.tend()


def imported(system: World) -> None:
    """Import, then collect what is around it."""
    ports = ImportPorts(BINANCE, system.candles, system.series, system.leases, system.clock)
    with importing(ports) as lease:
        hours = [synthetic_candle("AUSDT", hour) for hour in range(START + 10, START + 100)]
        import_series(hourly("AUSDT"), [hours], ports, lease, stated=(Window(START, START + 120),), closed_end=NOW)
    requeueing(system)


def _finish(system: World, within_seconds: float) -> None:
    """Let workers and reconciler do the rest, and see that it takes no longer than that."""
    began = system.clock.now()
    while True:
        while system.deliver():
            pass
        if not system.runs.open_runs():
            break
        system.clock.advance(10)
        if (system.clock.now() - began).total_seconds() % 300 == 0:
            system.tend()
        assert (system.clock.now() - began).total_seconds() <= within_seconds, "it took minutes"


SCENARIOS = [requeueing, scheduled, cancelled, sent_again, closed_at_the_deadline, imported]


class LostReply(Protocol):
    """Loses the reply to the n-th write."""

    lost: str | None

    def begin(self, number: int) -> None:
        """Lose the reply of the write of that number from now on."""


class Searched(NamedTuple):
    """What makes an empty world, and what loses its replies."""

    make: Callable[[Mapping[str, Iterable[int]]], World]
    reply: LostReply


@pytest.fixture(scope="module")
def dynamodb(aws: None) -> Iterator[Searched]:
    assert aws is None
    table = ItemTable("runs")

    def make(printed: Mapping[str, Iterable[int]]) -> World:
        make_tables()
        return RealWorld(printed, table)

    with losing_replies() as reply:
        yield Searched(make, reply)


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    database = SearchedDatabase(tmp_path_factory.mktemp("lost"))

    def make(printed: Mapping[str, Iterable[int]]) -> World:
        database.empty()
        return SqlWorld(printed, database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("candle_collector.adapters.sql.database.time.sleep", lambda _: None)
        yield Searched(make, database)
    database.close()


@pytest.fixture(params=["dynamodb", "sql"])
def searched(request: pytest.FixtureRequest) -> Searched:
    found: Searched = request.getfixturevalue(request.param)
    return found


def _reported(searched: Searched, scenario: Callable[[World], None]) -> dict[str, object]:
    """Return what a scenario ends with."""
    system = searched.make({symbol: range(START, NOW + 1) for symbol in SYMBOLS})
    system.defaults = replace(system.defaults, batch_size=100)
    began = system.clock.now()
    scenario(system)
    took = (system.clock.now() - began).total_seconds()
    runs = [system.ended(run_id) for run_id in system.runs.runs(limit=10)]
    return {
        "counts": [run.counts for run in runs],
        "reasons": [run.end_reason for run in runs],
        "is_reported": [sum(item[0] == run.run_id for item in system.events.ended) > 0 for run in runs],
        "records": [
            [
                (record.symbol, record.outcome, record.records, record.missing)
                for record in system.runs.symbols(run.run_id)
            ]
            for run in runs
        ],
        "stored": [system.candles.coverage(hourly(symbol), Window(START - 50, NOW)) for symbol in SYMBOLS],
        "series": [replace(series, failed_windows=()) for series in system.series.all()],
        "minutes": took // 120,
        "lease": system.leases.holder(system.clock.now()),
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_lost_reply_changes_nothing(scenario: Callable[[World], None], searched: Searched) -> None:
    reply = searched.reply
    reply.begin(0)
    expected = _reported(searched, scenario)
    assert expected["lease"] is None
    for number in range(1, MOST_WRITES):
        reply.begin(number)
        found = _reported(searched, scenario)
        if reply.lost is None:
            break
        assert found == expected, f"write {number}, {reply.lost}"
    else:
        pytest.fail("the scenario does not end")
    assert number > 5
