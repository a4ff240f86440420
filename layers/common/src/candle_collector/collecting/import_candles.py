"""Takes candles that an owner already has into the store, so that they cost no request to the exchange.

What is stored stays: an equal candle is skipped, a different one is reported. Afterwards the series' records are as
they are after collection.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Settlement, settle_stated
from candle_collector.domain.failed_window import renew
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import CollectionInProgressError, StaleTurnError
from candle_collector.ports import CandleStore, Clock, LeaseStore, SeriesStore

LEASE = timedelta(hours=1)
"""How long an import that died keeps collection from starting; it is renewed with each symbol."""


class Difference(NamedTuple):
    """An hour whose stored candle is not the one that was offered."""

    symbol: str
    stored: Candle
    offered: Candle


@dataclass
class Imported:
    """What became of a symbol's candles.

    Attributes
    ----------
    offered, stored, equal
        Candles in the files, those stored now, and those that had been there.
    different
        What had been there and is not the same; it stays as it was.
    never_printed
        Hours that are known now to have no candle.
    """

    symbol: str
    offered: int = 0
    stored: int = 0
    equal: int = 0
    never_printed: int = 0
    different: list[Difference] = field(default_factory=list)


@dataclass(frozen=True)
class ImportPorts:
    """What an import needs."""

    candles: CandleStore
    series: SeriesStore
    leases: LeaseStore
    clock: Clock


class ImportLease:
    """What keeps collection from starting during an import, because both write the series' records."""

    def __init__(self, ports: ImportPorts) -> None:
        self._name = f"import-{secrets.token_hex(8)}"
        self._ports = ports
        self._expires = ports.clock.now()

    def hold(self) -> None:
        """Take the lease, or hold it longer.

        Raises
        ------
        CollectionInProgressError
            A run is active, or another import is at work.
        """
        now = self._ports.clock.now()
        holder = self._ports.leases.take(self._name, now=now, expires=now + LEASE)
        if holder is not None:
            raise CollectionInProgressError(holder)
        self._expires = now + LEASE

    def check(self) -> None:
        """Refuse to write once the lease may be another's.

        Raises
        ------
        StaleTurnError
            The import was held up for longer than its lease.
        """
        if self._ports.clock.now() >= self._expires:
            raise StaleTurnError("the import was held up for longer than its lease; import the files again")

    def release(self) -> None:
        """Let others start."""
        self._ports.leases.release(self._name)


@contextmanager
def importing(ports: ImportPorts) -> Iterator[ImportLease]:
    """Keep collection from starting meanwhile.

    Raises
    ------
    CollectionInProgressError
        A run is active, or another import is at work.
    """
    lease = ImportLease(ports)
    lease.hold()
    try:
        yield lease
    finally:
        lease.release()


def import_symbol(
    symbol: str,
    batches: Iterable[Sequence[Candle]],
    ports: ImportPorts,
    lease: ImportLease,
    *,
    stated: Windows,
    closed_end: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Store a symbol's candles, and keep what they prove.

    Parameters
    ----------
    batches
        Checked candles, ascending in each; one that goes back to hours offered before is compared with those.
    stated
        The hours that the exchange itself has said everything about with these candles: the periods of files of its own
        archive. Hours between two candles that are left out there were never printed, by the same rules as for answers
        (`settle_stated`). Of other candles nothing is known of what they leave out.
    closed_end
        The hour after the last closed one.
    progress
        Reported how many candles a batch had.
    """
    result = Imported(symbol)
    hours: Windows = ()
    for batch in _cut_at_midnight(batches):
        _store(symbol, batch, ports.candles, lease, result)
        hours = windows.union([*hours, *windows.from_hours(candle.hour for candle in batch)])
        progress(len(batch))
    if hours:
        proofs = _proofs(ports.series.get(symbol), hours, stated, closed_end)
        result.never_printed = _keep(symbol, hours, proofs, ports, lease)
    return result


def _cut_at_midnight(batches: Iterable[Sequence[Candle]]) -> Iterator[list[Candle]]:
    """Yield candles in batches that end with a day, so that a day is written once."""
    held: list[Candle] = []
    for batch in batches:
        if held and batch[0].hour <= held[-1].hour:  # the next file goes back
            yield held
            held = []
        last_midnight = batch[-1].hour - batch[-1].hour % windows.HOURS_A_DAY
        whole = [candle for candle in batch if candle.hour < last_midnight]
        if whole:
            yield held + whole
            held = []
        held += batch[len(whole) :]
    if held:
        yield held


def _store(symbol: str, batch: Sequence[Candle], store: CandleStore, lease: ImportLease, result: Imported) -> None:
    """Store what is not there yet, and compare the rest."""
    within = Window(batch[0].hour, batch[-1].hour + 1)
    days = store.coverage(symbol, within)
    there: dict[int, Candle] = {}
    if windows.clip(days.stored, within):
        there = {candle.hour: candle for candle in store.candles(symbol, within, limit=within.hours)}
    new = [candle for candle in batch if candle.hour not in there]
    known = [(there[candle.hour], candle) for candle in batch if candle.hour in there]
    absent_days = frozenset(windows.day_of(candle.hour) for candle in batch) - days.days
    store.store(symbol, new, (), absent_days=absent_days, fence=lease.check)
    result.offered += len(batch)
    result.stored += len(new)
    result.equal += sum(stored == offered for stored, offered in known)
    result.different += [Difference(symbol, *pair) for pair in known if pair[0] != pair[1]]


def _proofs(series: Series, hours: Windows, stated: Windows, closed_end: int) -> list[Settlement]:
    """Return what the candles prove by what they leave out of the hours that were stated."""
    first_known = min(hour for hour in (series.first, hours[0].start) if hour is not None)
    return [
        settle_stated(
            window,
            list(windows.hours_in(windows.clip(hours, window))),
            known_before=first_known < window.start,
            closed_end=closed_end,
        )
        for window in windows.union(stated)
    ]


def _keep(symbol: str, hours: Windows, proofs: Sequence[Settlement], ports: ImportPorts, lease: ImportLease) -> int:
    """Keep the proofs, write the record from a full read of the touched years, and count what is newly settled."""
    never = windows.union(window for proof in proofs for window in proof.never_printed)
    touched = windows.union([*hours, *never])
    first_year, last_year = (windows.year_of(hour) for hour in (touched[0].start, touched[-1].end - 1))
    years = Window(windows.year_window(first_year).start, windows.year_window(last_year).end)
    days = ports.candles.coverage(symbol, years)
    fresh = windows.subtract(never, windows.union([*days.stored, *days.never_printed]))
    if fresh:
        ports.candles.store(symbol, (), fresh, absent_days=frozenset(), fence=lease.check)
    series = ports.series.get(symbol).updated(days.stored, years, *proofs)
    known = series.coverage(days.stored, windows.union([*days.never_printed, *fresh]))
    failed = renew(series.failed_windows, (), known.missing(years), years)
    lease.check()
    ports.series.put(replace(series, failed_windows=failed))
    return windows.count(fresh)
