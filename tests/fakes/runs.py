"""The runs in memory: every step happens at once or not at all, as a conditional write does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from candle_collector.domain.run import Outcome, Run, RunState, SymbolRecord
from candle_collector.errors import StaleTurnError
from candle_collector.ports import Clock


class FakeRunStore:
    """The runs and their symbols."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._open: set[str] = set()
        self._symbols: dict[str, dict[str, SymbolRecord]] = {}
        self._occurrences: set[str] = set()

    def create(self, run: Run, records: Iterable[SymbolRecord], *, occurrence: str | None = None) -> None:
        """Write a run, then its symbols one by one."""
        with self._lock:
            if run.run_id in self._runs or occurrence in self._occurrences:
                raise StaleTurnError("the run or its occurrence exists")
            self._runs[run.run_id] = run
            self._open.add(run.run_id)
            if occurrence:
                self._occurrences.add(occurrence)
            written = self._symbols.setdefault(run.run_id, {})
        for record in records:
            with self._lock:
                written[record.symbol] = replace(record, updated_at=run.created_at)

    def activate(self, run_id: str, started_at: datetime) -> None:
        """Mark a run active."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or run.state is not RunState.CREATING:
                raise StaleTurnError(run_id)
            self._runs[run_id] = replace(run, state=RunState.ACTIVE, started_at=started_at)

    def get(self, run_id: str) -> Run | None:
        """Return a run."""
        return self._runs.get(run_id)

    def get_many(self, run_ids: Sequence[str]) -> list[Run]:
        """Return those that are there."""
        return [self._runs[run_id] for run_id in run_ids if run_id in self._runs]

    def runs(self, *, limit: int, before: str | None = None) -> list[str]:
        """Return the newest."""
        ids = sorted((run_id for run_id in self._runs if before is None or run_id < before), reverse=True)
        return ids[:limit]

    def open_runs(self) -> list[str]:
        """Return the open ones."""
        with self._lock:
            return sorted(self._open)

    def symbols(self, run_id: str) -> list[SymbolRecord]:
        """Return a run's records."""
        with self._lock:
            return [record for _, record in sorted(self._symbols.get(run_id, {}).items())]

    def symbol(self, run_id: str, symbol: str) -> SymbolRecord | None:
        """Return one record."""
        return self._symbols.get(run_id, {}).get(symbol)

    def claim(self, record: SymbolRecord, *, now: datetime, until: datetime) -> SymbolRecord:
        """Claim a turn."""
        with self._lock:
            kept = self._at_turn(record)
            if kept.claimed_until and kept.claimed_until > now:
                raise StaleTurnError("claimed")
            return self._write(replace(kept, outcome=Outcome.RUNNING, claimed_until=until))

    def save(self, record: SymbolRecord, *, raise_turn: bool = False) -> SymbolRecord:
        """Write a record."""
        with self._lock:
            self._at_turn(record)
            if raise_turn:
                record = replace(record, turn=record.turn + 1, claimed_until=None)
            return self._write(record)

    def end_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write an outcome, over a mark too where it is complete."""
        with self._lock:
            kept = self.symbol(record.run_id, record.symbol)
            marked = kept is not None and kept.closed_by is not None and kept.turn == record.turn
            if not (marked and record.outcome is Outcome.COMPLETE):
                self._at_turn(record)
            return self._write(replace(record, claimed_until=None))

    def close_symbol(self, record: SymbolRecord) -> SymbolRecord:
        """Write an outcome from outside."""
        with self._lock:
            if self.symbol(record.run_id, record.symbol) is not None:
                self._at_turn(record)
            return self._write(replace(record, claimed_until=None))

    def leave(self, run_id: str, symbol: str) -> Run:
        """Take a symbol out of the open ones."""
        with self._lock:
            run = self._run(run_id)
            self._runs[run_id] = replace(run, open=run.open - {symbol})
            return self._runs[run_id]

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int], reason: str | None) -> bool:
        """Mark a run ended."""
        with self._lock:
            run = self._run(run_id)
            run = replace(run, counts=dict(counts), end_reason=run.end_reason or reason)
            first = run.state is not RunState.ENDED
            if first:
                run = replace(run, state=RunState.ENDED, ended_at=at, open=frozenset())
            self._runs[run_id] = run
            return first

    def forget_open(self, run_id: str) -> None:
        """Forget that a run is open."""
        with self._lock:
            self._open.discard(run_id)

    def occurred(self, occurrence: str) -> bool:
        """Return whether an occurrence started a run."""
        return occurrence in self._occurrences

    def _run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise StaleTurnError(run_id)
        return self._runs[run_id]

    def _at_turn(self, record: SymbolRecord) -> SymbolRecord:
        kept = self.symbol(record.run_id, record.symbol)
        if kept is None or not kept.outcome.open or kept.turn != record.turn:
            raise StaleTurnError(f"{record.symbol} has moved on")
        return kept

    def _write(self, record: SymbolRecord) -> SymbolRecord:
        written = replace(record, updated_at=self._clock.now())
        self._symbols.setdefault(record.run_id, {})[record.symbol] = written
        return written
