"""What a store of runs promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.interval import Interval
from candle_collector.domain.run import Failure, Outcome, Run, RunSeries, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError
from candle_collector.ports import LeaseStore, RunStore

from tests.hourly import hourly, ms_of_hour

NOW = datetime(2025, 6, 1, 12, 5, 30, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
A, B, C = "01JWNP30F0AAAAAAAAAAAAAAAA", "01JWNP30F0BBBBBBBBBBBBBBBB", "01JWNP30F0CCCCCCCCCCCCCCCC"
SERIES = (Series("BTCUSDT", Interval.MINUTE, BINANCE.name), hourly("BTCUSDT"), hourly("ETHUSDT"), hourly("\u5e01USDT"))
MINUTES, BTC, ETH, OTHER = SERIES
NAMES = tuple(map(str, SERIES))
NOWHERE = hourly("NOPEUSDT")


def run(run_id: str = A, **changes: object) -> Run:
    made = Run(
        run_id,
        "backward",
        start_ms=ms_of_hour(480_000),
        end_ms=ms_of_hour(490_000) + 1,
        closed_ms=ms_of_hour(490_000),
        series=tuple(RunSeries(series, trading=series != ETH) for series in SERIES),
        batch_size=1000,
        created_at=NOW,
        deadline=NOW + timedelta(hours=5),
        weight_limit=1200,
        weight_seconds=60,
        clock_offset_ms=-1500,
        open=frozenset(NAMES),
        note="end_date was cut",
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the fields' own types


def records(run_id: str = A) -> list[RunSeriesRecord]:
    return [RunSeriesRecord(run_id, series, trading=series != ETH) for series in SERIES]


FULL = RunSeriesRecord(
    A,
    BTC,
    outcome=Outcome.RUNNING,
    range=Window(480_000, 490_000),
    stored_before=17,
    records=5000,
    requests=9,
    retries=2,
    attempts=1,
    due_at=LATER,
    asked_to=485_000,
    given_up=(Window(486_000, 486_500),),
    refused=1,
    rejected=(Window(487_000, 487_001),),
    missing=(Window(485_000, 486_000), Window(487_000, 487_001)),
    missing_slots=1001,
    comparison=Comparison(5000, 3, 2, 1, 480_007, (Difference(480_003, "1,2,1,2,3,4,5,6,7", ""),)),
    failure=Failure("unavailable", "the exchange answered 503", 503, -1008, 4),
    first=480_000,
    last=484_999,
)


@pytest.fixture
def begun(runs: RunStore, leases: LeaseStore) -> RunStore:
    """Return a store with an active run."""
    activate(runs, leases)
    return runs


def activate(runs: RunStore, leases: LeaseStore, occurrence: str | None = None) -> None:
    leases.take(A, now=NOW, expires=LATER)
    runs.create(run(), records())
    runs.activate(A, LATER, occurrence=occurrence)


def known(store: RunStore, series: Series = BTC) -> RunSeriesRecord:
    record = store.symbol(A, series)
    assert record is not None
    return record


def stale(step: Callable[[], object]) -> None:
    with pytest.raises(StaleTurnError):
        step()


class RunContract:
    """Runs as a whole."""

    def test_a_run_is_read_back_as_it_was_written(self, runs: RunStore) -> None:
        assert runs.get(A) is None
        written = run(recheck=True, repair=True, sample=5)
        runs.create(written, records())
        assert runs.get(A) == written

    def test_a_run_without_a_note_is_read_back_too(self, runs: RunStore) -> None:
        runs.create(run(note=None), [])
        assert runs.get(A) == run(note=None)

    def test_its_symbols_are_pending(self, runs: RunStore) -> None:
        runs.create(run(), records())
        assert runs.symbols(A) == [replace(record, updated_at=NOW) for record in records()]
        assert runs.symbol(A, ETH) == replace(records()[2], updated_at=NOW)
        assert runs.symbol(A, NOWHERE) is None
        assert runs.symbols(B) == []

    def test_a_run_is_created_once(self, runs: RunStore) -> None:
        runs.create(run(), records())
        stale(lambda: runs.create(run(), records()))

    def test_a_run_of_five_hundred_series_is_written_whole(self, runs: RunStore) -> None:
        many = [
            Series(f"S{n:03}USDT", interval, BINANCE.name)
            for n in range(250)
            for interval in (Interval.MINUTE, Interval.HOUR)
        ]
        big = run(series=tuple(map(RunSeries, many)), open=frozenset(map(str, many)))
        runs.create(big, [RunSeriesRecord(A, series) for series in many])
        assert [record.series for record in runs.symbols(A)] == many
        assert runs.get(A) == big

    def test_an_occurrence_starts_one_run(self, runs: RunStore, leases: LeaseStore) -> None:
        assert runs.occurred("forward#1") is False
        activate(runs, leases, "forward#1")
        assert runs.occurred("forward#1") is True
        runs.end(A, at=LATER, counts={})
        leases.take(B, now=NOW, expires=LATER)
        runs.create(run(B), records(B))
        stale(lambda: runs.activate(B, LATER, occurrence="forward#1"))
        assert runs.get(B) == run(B)
        assert leases.holder(NOW) == B
        runs.activate(B, LATER, occurrence="forward#2")

    def test_a_created_run_becomes_active_once_and_has_the_lease_until_its_end(
        self, runs: RunStore, leases: LeaseStore
    ) -> None:
        activate(runs, leases)
        assert runs.get(A) == run(state=RunState.ACTIVE, started_at=LATER)
        stale(lambda: runs.activate(A, NOW))
        stale(lambda: runs.activate(B, NOW))
        leases.release(A)
        assert leases.holder(LATER + timedelta(days=400)) == A
        assert runs.end(A, at=LATER, counts={}) is True
        assert leases.holder(NOW) is None

    def test_a_run_whose_lease_is_over_does_not_become_active(self, runs: RunStore, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        runs.create(run(), records())
        leases.take(B, now=LATER, expires=LATER + timedelta(hours=1))
        stale(lambda: runs.activate(A, LATER, occurrence="forward#1"))
        assert runs.get(A) == run()
        assert runs.occurred("forward#1") is False
        assert runs.end(A, at=LATER, counts={}) is True
        assert leases.holder(LATER) == B

    def test_a_run_that_was_stopped_does_not_become_active(self, runs: RunStore, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        runs.create(run(), records())
        assert runs.stop(A, "cancelled").end_reason == "cancelled"
        stale(lambda: runs.activate(A, LATER))
        assert runs.get(A) == run(end_reason="cancelled")
        leases.release(A)
        assert leases.holder(NOW) is None

    def test_runs_are_listed_newest_first_page_by_page(self, runs: RunStore) -> None:
        for run_id in (B, A, C):
            runs.create(run(run_id), [])
        assert runs.runs(limit=2) == [C, B]
        assert runs.runs(limit=2, before=B) == [A]
        assert runs.runs(limit=2, before=A) == []

    def test_a_run_is_open_until_it_is_forgotten_as_such(self, begun: RunStore) -> None:
        begun.create(run(B), [])
        assert begun.open_runs() == [A, B]
        begun.end(A, at=LATER, counts={})
        assert begun.open_runs() == [A, B]
        begun.forget_open(A)
        begun.forget_open(A)
        assert begun.open_runs() == [B]

    def test_series_leave_a_run_once_each(self, begun: RunStore) -> None:
        assert begun.leave(A, MINUTES).open == frozenset(NAMES[1:])
        assert begun.leave(A, MINUTES).open == frozenset(NAMES[1:])
        begun.leave(A, BTC)
        begun.leave(A, ETH)
        left = begun.leave(A, OTHER)
        assert left.open == frozenset()
        assert begun.get(A) == left
        assert begun.leave(A, BTC).open == frozenset()

    def test_many_series_leave_a_run_in_one_step(self, begun: RunStore) -> None:
        assert begun.leave(A, BTC, OTHER).open == {str(ETH), str(MINUTES)}
        assert begun.leave(A, *SERIES).open == frozenset()
        assert begun.leave(A, *SERIES).open == frozenset()

    def test_a_run_that_is_not_there_cannot_be_left(self, runs: RunStore) -> None:
        stale(lambda: runs.leave(A, BTC))
        assert runs.get(A) is None

    def test_a_run_ends_once(self, begun: RunStore) -> None:
        assert begun.end(A, at=LATER, counts={"complete": 1}) is True
        ended = begun.get(A)
        assert ended is not None
        assert (ended.state, ended.ended_at, ended.end_reason) == (RunState.ENDED, LATER, None)
        assert (ended.counts, ended.open) == ({"complete": 1}, frozenset())
        assert begun.end(A, at=LATER + timedelta(hours=1), counts={"complete": 2}) is False
        assert begun.leave(A, BTC) == ended
        stale(lambda: begun.stop(A, "cancelled"))
        assert begun.get(A) == ended
        stale(lambda: begun.end(C, at=LATER, counts={}))

    def test_the_first_reason_to_stop_a_run_stays(self, begun: RunStore) -> None:
        assert begun.stop(A, "cancelled").end_reason == "cancelled"
        stopped = begun.stop(A, "late")
        assert (stopped.end_reason, stopped.state) == ("cancelled", RunState.ACTIVE)
        assert begun.get(A) == stopped
        stale(lambda: begun.stop(B, "cancelled"))

    def test_runs_are_read_together_in_the_order_that_was_given(self, runs: RunStore) -> None:
        for run_id in (A, B, C):
            runs.create(run(run_id), records(run_id))
        nowhere = "01JWNP30F0ZZZZZZZZZZZZZZZZ"
        assert [found.run_id for found in runs.get_many([B, nowhere, C, A])] == [B, C, A]
        assert runs.get_many([B]) == [runs.get(B)]
        assert runs.get_many([]) == []


class SymbolContract:
    """The records of symbols: each is changed by whoever knows its newest revision."""

    def test_a_record_is_written_whole_and_read_back(self, begun: RunStore) -> None:
        full = replace(FULL, revision=known(begun).revision, claimed_until=LATER)
        written = begun.put_symbol(full)
        assert replace(written, updated_at=None) == full
        assert begun.symbol(A, BTC) == written
        assert known(begun).revision == written.revision
        assert begun.symbols(A)[1] == written
        plain = begun.put_symbol(replace(records()[1], outcome=Outcome.RUNNING, revision=written.revision))
        assert replace(plain, updated_at=None) == replace(records()[1], outcome=Outcome.RUNNING)
        assert begun.symbol(A, BTC) == plain

    def test_two_intervals_of_a_symbol_have_a_record_each(self, begun: RunStore) -> None:
        hours = begun.put_symbol(replace(known(begun, BTC), records=5))
        minutes = begun.put_symbol(replace(known(begun, MINUTES), range=Window(28_800_000, 28_800_060), records=7))
        begun.stop_symbol(A, MINUTES)
        assert known(begun, BTC) == hours
        assert known(begun, MINUTES) == replace(minutes, stopping=True)
        assert begun.leave(A, MINUTES).open == frozenset(NAMES) - {str(MINUTES)}

    def test_a_record_that_was_changed_since_it_was_read_is_not_written(self, begun: RunStore) -> None:
        older = known(begun)
        newer = begun.put_symbol(replace(older, records=5))
        assert newer.revision not in {None, older.revision}
        stale(lambda: begun.put_symbol(replace(older, records=7)))
        stale(lambda: begun.put_symbol(replace(older, revision=None)))
        assert begun.symbol(A, BTC) == newer
        assert begun.put_symbol(replace(newer, records=8)).records == 8

    def test_of_many_at_once_one_writes(self, begun: RunStore) -> None:
        older = known(begun)

        def put(records: int) -> bool:
            try:
                begun.put_symbol(replace(older, records=records))
            except StaleTurnError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(put, range(16))) == 1

    def test_a_symbol_that_was_never_written_is_made_once(self, runs: RunStore) -> None:
        runs.create(run(), [])
        closed = runs.put_symbol(replace(records()[1], outcome=Outcome.FAILED, closed_by="reconciler"))
        assert runs.symbol(A, BTC) == closed
        stale(lambda: runs.put_symbol(records()[1]))
        assert runs.symbol(A, BTC) == closed

    def test_a_worker_is_asked_to_stop_beside_what_it_writes(self, begun: RunStore) -> None:
        held = begun.put_symbol(replace(known(begun), claimed_until=LATER))
        begun.stop_symbol(A, BTC)
        begun.stop_symbol(A, BTC)
        assert known(begun) == replace(held, stopping=True)
        assert begun.put_symbol(replace(held, records=3)).stopping is True
        assert (known(begun).records, known(begun).stopping) == (3, True)
        stale(lambda: begun.stop_symbol(A, NOWHERE))
        assert begun.symbol(A, NOWHERE) is None


class RunStoreContract(RunContract, SymbolContract):
    """Tests of whatever the fixture `runs` gives."""
