"""What a store of runs promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.run import Failure, Outcome, Run, RunState, RunSymbol, SymbolRecord
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError
from candle_collector.ports import RunStore

NOW = datetime(2025, 6, 1, 12, 5, 30, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
A, B, C = "01JWNP30F0AAAAAAAAAAAAAAAA", "01JWNP30F0BBBBBBBBBBBBBBBB", "01JWNP30F0CCCCCCCCCCCCCCCC"
NAMES = ("BTCUSDT", "ETHUSDT", "\u5e01USDT")


def run(run_id: str = A, **changes: object) -> Run:
    made = Run(
        run_id,
        "backward",
        480_000,
        490_000,
        tuple(RunSymbol(name, trading=name != "ETHUSDT") for name in NAMES),
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


def records(run_id: str = A) -> list[SymbolRecord]:
    return [SymbolRecord(run_id, name, trading=name != "ETHUSDT") for name in NAMES]


FULL = SymbolRecord(
    A,
    "BTCUSDT",
    outcome=Outcome.RUNNING,
    range=Window(480_000, 490_000),
    stored_before=17,
    records=5000,
    requests=9,
    retries=2,
    attempts=1,
    due_at=LATER,
    asked_to=485_000,
    missing=(Window(485_000, 486_000), Window(487_000, 487_001)),
    missing_hours=1001,
    failure=Failure("unavailable", "the exchange answered 503", 503, -1008, 4),
    first=480_000,
    last=484_999,
)


@pytest.fixture
def begun(runs: RunStore) -> RunStore:
    """Return a store with an active run."""
    runs.create(run(), records())
    runs.activate(A, LATER)
    return runs


def claimed(store: RunStore, symbol: str = "BTCUSDT") -> SymbolRecord:
    record = store.symbol(A, symbol)
    assert record is not None
    return store.claim(record, now=NOW, until=LATER)


def stale(step: Callable[[], object]) -> None:
    with pytest.raises(StaleTurnError):
        step()


class RunContract:
    """Runs as a whole."""

    def test_a_run_is_read_back_as_it_was_written(self, runs: RunStore) -> None:
        assert runs.get(A) is None
        runs.create(run(recheck=True), records())
        assert runs.get(A) == run(recheck=True)

    def test_a_run_without_a_note_is_read_back_too(self, runs: RunStore) -> None:
        runs.create(run(note=None), [])
        assert runs.get(A) == run(note=None)

    def test_its_symbols_are_pending(self, runs: RunStore) -> None:
        runs.create(run(), records())
        assert runs.symbols(A) == [replace(record, updated_at=NOW) for record in records()]
        assert runs.symbol(A, "ETHUSDT") == replace(records()[1], updated_at=NOW)
        assert runs.symbol(A, "NOPEUSDT") is None
        assert runs.symbols(B) == []

    def test_a_run_is_created_once(self, runs: RunStore) -> None:
        runs.create(run(), records())
        stale(lambda: runs.create(run(), records()))

    def test_a_run_of_five_hundred_symbols_is_written_whole(self, runs: RunStore) -> None:
        names = [f"S{number:03}USDT" for number in range(500)]
        big = run(symbols=tuple(map(RunSymbol, names)), open=frozenset(names))
        runs.create(big, [SymbolRecord(A, name) for name in names])
        assert [record.symbol for record in runs.symbols(A)] == names
        assert runs.get(A) == big

    def test_an_occurrence_starts_one_run(self, runs: RunStore) -> None:
        assert runs.occurred("forward#1") is False
        runs.create(run(), records(), occurrence="forward#1")
        assert runs.occurred("forward#1") is True
        stale(lambda: runs.create(run(B), records(B), occurrence="forward#1"))
        assert runs.get(B) is None
        assert runs.runs(limit=5) == [A]
        runs.create(run(B), records(B), occurrence="forward#2")

    def test_a_created_run_becomes_active_once(self, runs: RunStore) -> None:
        runs.create(run(), records())
        runs.activate(A, LATER)
        assert runs.get(A) == run(state=RunState.ACTIVE, started_at=LATER)
        stale(lambda: runs.activate(A, NOW))
        stale(lambda: runs.activate(B, NOW))

    def test_runs_are_listed_newest_first_page_by_page(self, runs: RunStore) -> None:
        for run_id in (B, A, C):
            runs.create(run(run_id), [])
        assert runs.runs(limit=2) == [C, B]
        assert runs.runs(limit=2, before=B) == [A]
        assert runs.runs(limit=2, before=A) == []

    def test_a_run_is_open_until_it_is_forgotten_as_such(self, begun: RunStore) -> None:
        begun.create(run(B), [])
        assert begun.open_runs() == [A, B]
        begun.end(A, at=LATER, counts={}, reason=None)
        assert begun.open_runs() == [A, B]
        begun.forget_open(A)
        begun.forget_open(A)
        assert begun.open_runs() == [B]

    def test_symbols_leave_a_run_once_each(self, begun: RunStore) -> None:
        assert begun.leave(A, "BTCUSDT").open == frozenset(NAMES[1:])
        assert begun.leave(A, "BTCUSDT").open == frozenset(NAMES[1:])
        begun.leave(A, "ETHUSDT")
        left = begun.leave(A, NAMES[2])
        assert left.open == frozenset()
        assert begun.get(A) == left
        assert begun.leave(A, "BTCUSDT").open == frozenset()

    def test_a_run_that_is_not_there_cannot_be_left(self, runs: RunStore) -> None:
        stale(lambda: runs.leave(A, "BTCUSDT"))
        assert runs.get(A) is None

    def test_a_run_ends_once_and_its_counts_may_change(self, begun: RunStore) -> None:
        assert begun.end(A, at=LATER, counts={"complete": 1}, reason="cancelled") is True
        ended = begun.get(A)
        assert ended is not None
        assert (ended.state, ended.ended_at, ended.end_reason) == (RunState.ENDED, LATER, "cancelled")
        assert (ended.counts, ended.open) == ({"complete": 1}, frozenset())
        assert begun.end(A, at=LATER + timedelta(hours=1), counts={"complete": 2}, reason=None) is False
        assert begun.get(A) == replace(ended, counts={"complete": 2})
        assert begun.leave(A, "BTCUSDT") == replace(ended, counts={"complete": 2})

    def test_a_reason_that_comes_after_the_end_is_kept_where_none_is_written(self, begun: RunStore) -> None:
        begun.end(A, at=LATER, counts={}, reason=None)
        for reason in ("cancelled", "late"):
            assert begun.end(A, at=LATER, counts={}, reason=reason) is False
        ended = begun.get(A)
        assert ended is not None
        assert ended.end_reason == "cancelled"

    def test_runs_are_read_together_in_the_order_that_was_given(self, runs: RunStore) -> None:
        for run_id in (A, B, C):
            runs.create(run(run_id), records(run_id))
        nowhere = "01JWNP30F0ZZZZZZZZZZZZZZZZ"
        assert [found.run_id for found in runs.get_many([B, nowhere, C, A])] == [B, C, A]
        assert runs.get_many([B]) == [runs.get(B)]
        assert runs.get_many([]) == []


class SymbolContract:
    """The steps of a symbol: claimed, saved, requeued, ended, closed."""

    def test_a_claim_marks_the_symbol_as_running(self, begun: RunStore) -> None:
        record = claimed(begun)
        assert (record.outcome, record.claimed_until, record.turn) == (Outcome.RUNNING, LATER, 1)
        assert begun.symbol(A, "BTCUSDT") == record

    def test_a_claim_keeps_what_is_stored(self, begun: RunStore) -> None:
        saved = begun.save(replace(claimed(begun), range=Window(480_000, 481_000), stored_before=3), raise_turn=True)
        record = begun.claim(SymbolRecord(A, "BTCUSDT", turn=2), now=NOW, until=LATER)
        assert (record.range, record.stored_before) == (saved.range, 3)

    def test_nobody_else_claims_while_a_claim_lives(self, begun: RunStore) -> None:
        record = claimed(begun)
        stale(lambda: begun.claim(record, now=LATER - timedelta(microseconds=1), until=LATER))
        begun.claim(record, now=LATER, until=LATER + timedelta(seconds=60))

    def test_of_many_at_once_one_claims(self, begun: RunStore) -> None:
        def claim(_: int) -> bool:
            try:
                claimed(begun)
            except StaleTurnError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(claim, range(16))) == 1

    def test_another_turn_claims_nothing(self, begun: RunStore) -> None:
        stale(lambda: begun.claim(SymbolRecord(A, "BTCUSDT", turn=2), now=NOW, until=LATER))
        stale(lambda: begun.claim(SymbolRecord(A, "NOPEUSDT"), now=NOW, until=LATER))
        assert begun.symbol(A, "NOPEUSDT") is None

    def test_a_record_is_saved_whole_and_read_back(self, begun: RunStore) -> None:
        saved = begun.save(replace(FULL, claimed_until=claimed(begun).claimed_until))
        assert replace(saved, updated_at=None) == replace(FULL, claimed_until=LATER)
        assert begun.symbol(A, "BTCUSDT") == saved
        assert begun.symbols(A)[0] == saved
        plain = begun.save(replace(records()[0], outcome=Outcome.RUNNING))
        assert replace(plain, updated_at=None) == replace(records()[0], outcome=Outcome.RUNNING)

    def test_requeueing_raises_the_turn_and_ends_the_claim(self, begun: RunStore) -> None:
        record = claimed(begun)
        handed = begun.save(record, raise_turn=True)
        assert (handed.turn, handed.claimed_until) == (2, None)
        stale(lambda: begun.save(record))
        stale(lambda: begun.save(record, raise_turn=True))
        stale(lambda: begun.claim(record, now=NOW, until=LATER))
        stale(lambda: begun.end_symbol(replace(record, outcome=Outcome.COMPLETE)))
        assert begun.claim(handed, now=NOW, until=LATER).turn == 2

    def test_an_outcome_is_written_once(self, begun: RunStore) -> None:
        record = claimed(begun)
        ended = begun.end_symbol(replace(record, outcome=Outcome.PARTIAL, missing=FULL.missing, failure=FULL.failure))
        assert ended.claimed_until is None
        assert begun.symbol(A, "BTCUSDT") == ended
        for outcome in (Outcome.COMPLETE, Outcome.FAILED):
            late = replace(record, outcome=outcome)
            stale(lambda late=late: begun.end_symbol(late))  # type: ignore[misc] # a lambda's default has no type
            stale(lambda late=late: begun.close_symbol(late))  # type: ignore[misc] # the same
        stale(lambda: begun.save(record))
        stale(lambda: begun.claim(record, now=LATER, until=LATER))
        assert begun.symbol(A, "BTCUSDT") == ended

    def test_a_late_success_takes_the_place_of_a_mark_and_nothing_else_does(self, begun: RunStore) -> None:
        record = claimed(begun)
        mark = replace(
            record, outcome=Outcome.FAILED, closed_by="reconciler", failure=FULL.failure, missing=FULL.missing
        )
        closed = begun.close_symbol(mark)
        assert begun.symbol(A, "BTCUSDT") == closed
        assert closed.claimed_until is None
        stale(lambda: begun.end_symbol(replace(record, outcome=Outcome.PARTIAL)))
        stale(lambda: begun.end_symbol(replace(record, outcome=Outcome.COMPLETE, turn=2)))
        ended = begun.end_symbol(replace(record, outcome=Outcome.COMPLETE, records=5))
        assert (ended.outcome, ended.closed_by, ended.failure, ended.missing) == (Outcome.COMPLETE, None, None, ())
        stale(lambda: begun.close_symbol(mark))

    def test_closing_is_for_the_turn_that_was_read(self, begun: RunStore) -> None:
        record = claimed(begun)
        begun.save(record, raise_turn=True)
        stale(lambda: begun.close_symbol(replace(record, outcome=Outcome.FAILED, closed_by="cancel")))

    def test_a_symbol_that_a_dead_trigger_never_wrote_is_closed_all_the_same(self, runs: RunStore) -> None:
        runs.create(run(), [])
        runs.close_symbol(replace(records()[0], outcome=Outcome.FAILED, closed_by="reconciler"))
        record = runs.symbol(A, "BTCUSDT")
        assert record is not None
        assert record.outcome is Outcome.FAILED


class RunStoreContract(RunContract, SymbolContract):
    """Tests of whatever the fixture `runs` gives."""
