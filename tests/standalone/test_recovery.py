"""What a start puts in order after a killed process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from candle_collector.bootstrap import SqlContainer
from candle_collector.domain.run import Outcome, Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.series_message import SeriesMessage, read_message
from candle_collector.ports import ReceivedMessage
from candle_collector.settings import Settings

from standalone.recovery import Recovered, recover, send_again
from tests.hourly import hourly, ms_of_hour

RUN = "01J00000000000000000000000"
VISIBILITY = timedelta(seconds=360)
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
SERIES = tuple(map(hourly, SYMBOLS))


def now() -> datetime:
    """Return the time; one that was taken when the file was read would be minutes old by now."""
    return datetime.now(UTC)


@pytest.fixture
def container(tmp_path: Path) -> Iterator[SqlContainer]:
    made = SqlContainer(Settings({"DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}))
    yield made
    made.database.close()


def create(container: SqlContainer, *, activate: bool = True) -> None:
    run = Run(
        RUN,
        "backward",
        start_ms=ms_of_hour(480_000),
        end_ms=ms_of_hour(480_100),
        closed_ms=ms_of_hour(480_100),
        series=tuple(map(RunSeries, SERIES)),
        batch_size=1000,
        created_at=now(),
        deadline=now() + timedelta(hours=5),
        weight_limit=6000,
        weight_seconds=60,
        open=frozenset(map(str, SERIES)),
    )
    assert container.leases.take(RUN, now=now(), expires=now() + timedelta(seconds=60)) is None
    container.runs.create(run, [RunSeriesRecord(RUN, hourly(symbol)) for symbol in SYMBOLS])
    if activate:
        container.runs.activate(RUN, now())


def claim(container: SqlContainer, symbol: str) -> RunSeriesRecord:
    record = container.runs.symbol(RUN, hourly(symbol))
    assert record is not None
    claimed = record.claimed(record.turn, now=now(), until=now() + timedelta(seconds=90))
    assert claimed is not None
    return container.runs.put_symbol(claimed)


def received(container: SqlContainer) -> list[tuple[str, int]]:
    """Receive all that can be received now: symbol and turn."""
    found = []
    while message := container.queue.receive(visibility=VISIBILITY):
        read = read_message(message.body)
        found.append((read.series.symbol, read.turn))
    return found


def test_a_symbol_that_was_held_can_be_worked_on_at_once_and_its_old_message_is_dropped(
    container: SqlContainer,
) -> None:
    create(container)
    container.queue.enqueue([SeriesMessage(RUN, hourly(symbol), 1) for symbol in SYMBOLS])
    for _ in range(2):
        container.queue.receive(visibility=VISIBILITY)
    claim(container, "AUSDT")
    assert recover(container, container.queue) == Recovered(hidden=2, held=1, sent=3)
    assert {("AUSDT", 2), ("BUSDT", 1), ("CUSDT", 1)} <= set(received(container))
    freed = container.runs.symbol(RUN, hourly("AUSDT"))
    assert freed is not None
    assert freed.claimed(2, now=now(), until=now() + timedelta(seconds=90)) is not None
    assert freed.claimed(1, now=now(), until=now() + timedelta(seconds=90)) is None


def test_messages_that_were_lost_between_two_steps_are_sent(container: SqlContainer) -> None:
    create(container)
    assert recover(container, container.queue).sent == 3
    assert sorted(received(container)) == [(symbol, 1) for symbol in SYMBOLS]


def test_a_symbol_that_waits_for_the_exchange_goes_on_waiting(container: SqlContainer) -> None:
    create(container)
    waiting = claim(container, "AUSDT").requeued()
    container.runs.put_symbol(
        RunSeriesRecord(**{**vars(waiting), "due_at": datetime.now(UTC) + timedelta(seconds=300)})
    )
    recover(container, container.queue)
    assert sorted(received(container)) == [("BUSDT", 1), ("CUSDT", 1)]
    left = container.queue.next_visible_in()
    assert left is not None
    assert 200 < left <= 300


def test_symbols_that_have_ended_are_let_be(container: SqlContainer) -> None:
    create(container)
    container.runs.put_symbol(claim(container, "AUSDT").ended(Outcome.COMPLETE))
    assert recover(container, container.queue) == Recovered(sent=2)
    assert sorted(received(container)) == [("BUSDT", 1), ("CUSDT", 1)]


def test_a_run_that_was_being_written_keeps_no_other_run_waiting(container: SqlContainer) -> None:
    create(container, activate=False)
    recover(container, container.queue)
    assert container.leases.holder(now()) is None
    run = container.runs.get(RUN)
    assert run is not None
    assert run.state is RunState.CREATING  # the reconciler closes it in its first round


def test_a_trigger_that_died_before_its_run_was_written_keeps_no_other_run_waiting(container: SqlContainer) -> None:
    container.leases.take(RUN, now=now(), expires=now() + timedelta(seconds=600))
    recover(container, container.queue)
    assert container.leases.holder(now()) is None


def test_an_active_run_and_an_import_keep_their_leases(container: SqlContainer) -> None:
    create(container)
    recover(container, container.queue)
    assert container.leases.holder(now()) == RUN
    container.runs.end(RUN, at=now(), counts={})
    container.leases.take("import-0123456789abcdef", now=now(), expires=now() + timedelta(seconds=600))
    recover(container, container.queue)
    assert container.leases.holder(now()) == "import-0123456789abcdef"


def received_one(container: SqlContainer) -> ReceivedMessage:
    message = container.queue.receive(visibility=VISIBILITY)
    assert message is not None
    return message


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_symbol_whose_turn_met_an_outage_gets_the_next_turn_as_a_new_message(
    container: SqlContainer, *, is_claimed: bool
) -> None:
    create(container)
    container.queue.enqueue([SeriesMessage(RUN, hourly("AUSDT"), 1)])
    if is_claimed:
        claim(container, "AUSDT")
    message = received_one(container)
    for _ in range(2):  # the reply to the first may be lost
        send_again(container, container.queue, message)
    assert set(received(container)) == {("AUSDT", 2)}
    freed = container.runs.symbol(RUN, hourly("AUSDT"))
    assert freed is not None
    assert freed.claimed(2, now=now(), until=now() + timedelta(seconds=90)) is not None


def test_an_outage_before_the_last_steps_of_a_symbol_lets_them_be_done_again(container: SqlContainer) -> None:
    create(container)
    container.queue.enqueue([SeriesMessage(RUN, hourly("AUSDT"), 1), SeriesMessage(RUN, hourly("BUSDT"), 1)])
    container.runs.put_symbol(claim(container, "AUSDT").ended(Outcome.COMPLETE))
    container.runs.put_symbol(claim(container, "BUSDT").requeued())
    for _ in range(2):
        send_again(container, container.queue, received_one(container))
    assert received(container) == [("AUSDT", 1), ("BUSDT", 2)]


def test_an_outage_sends_nothing_of_a_run_that_is_over_nor_of_what_is_not_a_message(container: SqlContainer) -> None:
    container.queue.enqueue([SeriesMessage(RUN, hourly("AUSDT"), 1)])
    message = received_one(container)
    send_again(container, container.queue, message)
    send_again(container, container.queue, message._replace(body="no message"))
    assert container.queue.next_visible_in() is None


def test_without_an_open_run_nothing_is_done(container: SqlContainer) -> None:
    assert recover(container, container.queue) == Recovered()
