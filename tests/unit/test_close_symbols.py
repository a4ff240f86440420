"""A symbol is closed for good though workers requeue it at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from candle_collector.collecting.control_run import cancel_run
from candle_collector.domain import windows
from candle_collector.domain.run import Outcome, RunState, SymbolRecord
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError, StoredCandleDamagedError
from candle_collector.ports import StoredDays

from tests.fakes.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

START = windows.first_hour_of("2025-05-01")
NOW = windows.first_hour_of("2025-06-01") + 12


def world_that_requeues(times: int) -> World:
    """Return a world in which a worker requeues a symbol, so many times, just before it is closed."""
    system = World({"BTCUSDT": range(START, NOW), "ETHUSDT": range(START, NOW)})
    put: Callable[[SymbolRecord], SymbolRecord] = system.runs.put_symbol
    left = [times]

    def close_symbol(record: SymbolRecord) -> SymbolRecord:
        if left[0] > 0 and not record.outcome.open:
            left[0] -= 1
            now = system.runs.symbol(record.run_id, record.symbol)
            assert now is not None
            put(now.requeued())
        return put(record)

    system.runs.put_symbol = close_symbol  # type: ignore[method-assign] # on purpose, as said
    return system


def test_a_cancelled_run_leaves_no_symbol_open_that_was_requeued_meanwhile() -> None:
    system = world_that_requeues(2)
    run = system.start(start=START, end=NOW)
    ended = cancel_run(run.run_id, system.closing_ports())
    assert ended.state is RunState.ENDED
    assert system.ended(run.run_id).counts == {"complete": 0, "partial": 0, "failed": 2, "skipped": 0, "records": 0}
    assert {record.outcome for record in system.runs.symbols(run.run_id)} == {Outcome.FAILED}


def test_a_symbol_that_never_stands_still_keeps_its_run_from_ending_wrongly() -> None:
    system = world_that_requeues(5)
    run = system.start(start=START, end=NOW)
    with pytest.raises(CollectorError, match="BTCUSDT"):
        cancel_run(run.run_id, system.closing_ports())
    assert system.runs.open_runs() == [run.run_id]
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ENDED


def test_a_symbol_whose_items_cannot_be_read_is_closed_by_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    system = World({"BTCUSDT": range(START, NOW), "ETHUSDT": range(START, NOW)})
    run = system.start(start=START, end=NOW)
    read = system.candles.coverage

    def coverage(symbol: str, within: Window) -> StoredDays:
        if symbol == "BTCUSDT":
            raise StoredCandleDamagedError("BTCUSDT#1h 2025-05-03: is not an item of ours")
        return read(symbol, within)

    monkeypatch.setattr(system.candles, "coverage", coverage)
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ENDED
    damaged = system.record(run)
    assert (damaged.outcome, damaged.missing) == (Outcome.FAILED, (Window(START, NOW),))
    assert damaged.failure is not None
    assert "2025-05-03" in damaged.failure.message
