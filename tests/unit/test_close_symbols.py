"""A symbol is closed for good though workers requeue it at the same moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from candle_collector.collecting.control_run import cancel_run
from candle_collector.domain.run import Outcome, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError, StoredCandleDamagedError
from candle_collector.ports import StoredBlocks

from tests.fakes.exchange import synthetic_candle
from tests.fakes.world import World
from tests.hourly import first_hour_of, hourly

if TYPE_CHECKING:
    from collections.abc import Callable

START = first_hour_of("2025-05-01")
NOW = first_hour_of("2025-06-01") + 12


def world_that_requeues(times: int) -> World:
    """Return a world in which a worker requeues a symbol, so many times, just before it is closed."""
    system = World({"BTCUSDT": range(START, NOW), "ETHUSDT": range(START, NOW)})
    put: Callable[..., RunSeriesRecord] = system.runs.put_symbol
    left = [times]

    def close_symbol(record: RunSeriesRecord, **options: Any) -> RunSeriesRecord:
        if left[0] > 0 and not record.outcome.open:
            left[0] -= 1
            now = system.runs.symbol(record.run_id, record.series)
            assert now is not None
            put(now.requeued())
        return put(record, **options)

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


def test_a_symbol_among_many_that_is_worked_on_meanwhile_is_closed_by_what_is_stored_now() -> None:
    names = tuple(f"S{number:02}USDT" for number in range(20))
    system = World(dict.fromkeys(names, range(START, NOW)))
    run = system.start(start=START, end=START + 24, symbols=names)
    put: Callable[..., RunSeriesRecord] = system.runs.put_symbol
    worked: list[str] = []

    def close_symbol(record: RunSeriesRecord, **options: Any) -> RunSeriesRecord:
        if not record.outcome.open and not worked:
            worked.append(record.symbol)
            candle = synthetic_candle(record.symbol, START + 3)
            system.candles.store(record.series, [candle], (), absent_blocks=frozenset())
            noted = system.series.get(record.series)
            system.series.put(replace(noted, first=candle.slot, last=candle.slot))
            now = system.runs.symbol(record.run_id, record.series)
            assert now is not None
            put(replace(now.requeued(), stored_before=0))
        return put(record, **options)

    system.runs.put_symbol = close_symbol  # type: ignore[method-assign] # a worker comes between
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ENDED
    (symbol,) = worked
    record = system.runs.symbol(run.run_id, hourly(symbol))
    assert record is not None
    assert (record.outcome, record.records, record.first, record.last) == (Outcome.PARTIAL, 1, START + 3, START + 3)


class CountedCalls:
    """A port that counts the calls of all ports that share `calls`, by name."""

    def __init__(self, port: object, calls: Counter[str]) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        self._calls[name] += 1
        return getattr(self._port, name)


@pytest.mark.parametrize("held", [0, 5])
def test_a_run_of_500_symbols_is_cancelled_with_three_calls_a_symbol(held: int) -> None:
    names = tuple(f"S{number:03}USDT" for number in range(500))
    system = World(dict.fromkeys(names, ()))
    run = system.start(start=START, end=START + 48, symbols=names)
    now = system.clock.now()
    for name in names[:held]:
        record = system.runs.symbol(run.run_id, hourly(name))
        assert record is not None
        claimed = record.claimed(1, now=now, until=now + timedelta(seconds=60))
        assert claimed is not None
        system.runs.put_symbol(claimed)
    calls: Counter[str] = Counter()
    ports = system.closing_ports()
    counted = {name: CountedCalls(getattr(ports, name), calls) for name in ("candles", "series", "leases", "runs")}
    ended = cancel_run(run.run_id, replace(ports, **counted))
    assert ended.state is (RunState.ACTIVE if held else RunState.ENDED)
    assert ended.open == {str(hourly(name)) for name in names[:held]}
    assert calls["coverage"] == calls["put_symbol"] == calls["put"] == 500 - held
    assert calls["stop_symbol"] == held
    assert calls.total() - 3 * (500 - held) - held < 15


def test_a_symbol_whose_items_cannot_be_read_is_closed_by_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    system = World({"BTCUSDT": range(START, NOW), "ETHUSDT": range(START, NOW)})
    run = system.start(start=START, end=NOW)
    read = system.candles.coverage

    def coverage(series: Series, within: Window) -> StoredBlocks:
        if series == hourly("BTCUSDT"):
            raise StoredCandleDamagedError("BTCUSDT#1h 2025-05-03: is not an item of ours")
        return read(series, within)

    monkeypatch.setattr(system.candles, "coverage", coverage)
    assert cancel_run(run.run_id, system.closing_ports()).state is RunState.ENDED
    damaged = system.record(run)
    assert (damaged.outcome, damaged.missing) == (Outcome.FAILED, (Window(START, NOW),))
    assert damaged.failure is not None
    assert "2025-05-03" in damaged.failure.message
