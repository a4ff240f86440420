"""The runs in memory: every step happens at once or not at all, as a conditional write does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from candle_collector.domain.run import Run, RunSeriesRecord, RunState
from candle_collector.domain.series import Series
from candle_collector.errors import StaleTurnError
from candle_collector.ports import Clock

from tests.fakes.leases import FakeLeaseStore


class FakeRunStore:
    """The runs and their symbols."""

    def __init__(self, clock: Clock, leases: FakeLeaseStore) -> None:
        self._clock = clock
        self._leases = leases
        self._revisions = 0
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._open: set[str] = set()
        self._symbols: dict[str, dict[Series, RunSeriesRecord]] = {}
        self._occurrences: set[str] = set()

    def create(self, run: Run, records: Iterable[RunSeriesRecord]) -> None:
        """Write a run, then its symbols one by one."""
        with self._lock:
            if run.run_id in self._runs:
                raise StaleTurnError("the run exists")
            self._runs[run.run_id] = run
            self._open.add(run.run_id)
            written = self._symbols.setdefault(run.run_id, {})
        for record in records:
            with self._lock:
                written[record.series] = replace(record, updated_at=run.created_at, revision=self._new_revision())

    def activate(self, run_id: str, started_at: datetime, *, occurrence: str | None = None) -> None:
        """Mark a run active."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or run.state is not RunState.CREATING or run.end_reason or occurrence in self._occurrences:
                raise StaleTurnError(run_id)
            if not self._leases.activate(run_id):
                raise StaleTurnError("the lease is over")
            if occurrence:
                self._occurrences.add(occurrence)
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

    def symbols(self, run_id: str) -> list[RunSeriesRecord]:
        """Return a run's records."""
        with self._lock:
            return [record for _, record in sorted(self._symbols.get(run_id, {}).items())]

    def symbol(self, run_id: str, series: Series) -> RunSeriesRecord | None:
        """Return one record."""
        return self._symbols.get(run_id, {}).get(series)

    def put_symbol(self, record: RunSeriesRecord, *, followed: bool = False) -> RunSeriesRecord:
        """Write a record under its revision."""
        del followed
        with self._lock:
            kept = self.symbol(record.run_id, record.series)
            if (kept.revision if kept else None) != record.revision:
                raise StaleTurnError(f"{record.series} has moved on")
            stopping = kept.stopping if kept else False
            written = replace(record, updated_at=self._clock.now(), stopping=stopping, revision=self._new_revision())
            self._symbols.setdefault(record.run_id, {})[record.series] = written
            return written

    def stop_symbol(self, run_id: str, series: Series) -> None:
        """Mark a record."""
        with self._lock:
            kept = self.symbol(run_id, series)
            if kept is None:
                raise StaleTurnError(str(series))
            self._symbols[run_id][series] = replace(kept, stopping=True)

    def leave(self, run_id: str, *series: Series) -> Run:
        """Take series out of the open ones."""
        with self._lock:
            run = self._run(run_id)
            self._runs[run_id] = replace(run, open=run.open - set(map(str, series)))
            return self._runs[run_id]

    def stop(self, run_id: str, reason: str) -> Run:
        """Note why a run is stopped."""
        with self._lock:
            run = self._run(run_id)
            if run.state is RunState.ENDED:
                raise StaleTurnError(run_id)
            self._runs[run_id] = replace(run, end_reason=run.end_reason or reason)
            return self._runs[run_id]

    def end(self, run_id: str, *, at: datetime, counts: Mapping[str, int]) -> bool:
        """Mark a run ended."""
        with self._lock:
            run = self._run(run_id)
            if run.state is RunState.ENDED:
                return False
            self._runs[run_id] = replace(run, counts=dict(counts), state=RunState.ENDED, ended_at=at, open=frozenset())
            self._leases.release(run_id, active=True)
            return True

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

    def _new_revision(self) -> str:
        self._revisions += 1
        return str(self._revisions)
