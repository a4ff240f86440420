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
from candle_collector.domain.market import Market
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import CollectionInProgressError, StaleTurnError
from candle_collector.ports import CandleStore, Clock, LeaseStore, SeriesStore

LEASE = timedelta(hours=1)
"""How long an import that died keeps collection from starting; it is renewed with each symbol."""


class Difference(NamedTuple):
    """A slot whose stored candle is not the one that was offered."""

    series: Series
    stored: Candle
    offered: Candle


@dataclass
class Imported:
    """What became of the candles of a series.

    Attributes
    ----------
    offered, stored, equal
        Candles in the files, those stored now, and those that had been there.
    different
        What had been there and is not the same; it stays as it was.
    never_printed
        Slots that are known now to have no candle.
    """

    series: Series
    offered: int = 0
    stored: int = 0
    equal: int = 0
    never_printed: int = 0
    different: list[Difference] = field(default_factory=list)


@dataclass(frozen=True)
class ImportPorts:
    """What an import needs; `market` is that of the series."""

    market: Market
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


def import_series(
    series: Series,
    batches: Iterable[Sequence[Candle]],
    ports: ImportPorts,
    lease: ImportLease,
    *,
    stated: Windows,
    closed_end: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Store the candles of a series, and keep what they prove.

    Parameters
    ----------
    batches
        Checked candles, ascending in each; one that goes back to slots offered before is compared with those.
    stated
        The slots that the exchange itself has said everything about with these candles: the periods of files of its own
        archive. Slots between two candles that are left out there were never printed, by the same rules as for answers
        (`settle_stated`). Of other candles nothing is known of what they leave out.
    closed_end
        The slot after the last closed one.
    progress
        Reported how many candles a batch had.
    """
    result = Imported(series)
    slots: Windows = ()
    for batch in _cut_at_blocks(batches, series.interval.block_slots):
        _store(series, batch, ports.candles, lease, result)
        slots = windows.union([*slots, *windows.from_slots(candle.slot for candle in batch)])
        progress(len(batch))
    if slots:
        settled_end = closed_end - ports.market.young_slots(series.interval)
        proofs = _proofs(ports.series.get(series), slots, stated, settled_end)
        result.never_printed = _keep(series, slots, proofs, ports, lease)
    return result


def _cut_at_blocks(batches: Iterable[Sequence[Candle]], size: int) -> Iterator[list[Candle]]:
    """Yield candles in batches that end with a block of `size` slots, so that a block is written once."""
    held: list[Candle] = []
    for batch in batches:
        if held and batch[0].slot <= held[-1].slot:  # the next file goes back
            yield held
            held = []
        border = batch[-1].slot - batch[-1].slot % size
        whole = [candle for candle in batch if candle.slot < border]
        if whole:
            yield held + whole
            held = []
        held += batch[len(whole) :]
    if held:
        yield held


def _store(series: Series, batch: Sequence[Candle], store: CandleStore, lease: ImportLease, result: Imported) -> None:
    """Store what is not there yet, and compare the rest."""
    within = Window(batch[0].slot, batch[-1].slot + 1)
    blocks = store.coverage(series, within)
    there: dict[int, Candle] = {}
    if windows.clip(blocks.stored, within):
        there = {candle.slot: candle for candle in store.candles(series, within, limit=within.slots)}
    new = [candle for candle in batch if candle.slot not in there]
    known = [(there[candle.slot], candle) for candle in batch if candle.slot in there]
    touched = windows.from_slots(candle.slot for candle in batch)
    absent = series.interval.blocks_in(touched) - blocks.blocks
    store.store(series, new, (), absent_blocks=absent, fence=lease.check)
    result.offered += len(batch)
    result.stored += len(new)
    result.equal += sum(stored == offered for stored, offered in known)
    result.different += [Difference(series, *pair) for pair in known if pair[0] != pair[1]]


def _proofs(noted: SeriesRecord, slots: Windows, stated: Windows, settled_end: int) -> list[Settlement]:
    """Return what the candles prove by what they leave out of the slots that were stated."""
    first_known = min(slot for slot in (noted.first, slots[0].start) if slot is not None)
    return [
        settle_stated(
            window,
            list(windows.slots_in(windows.clip(slots, window))),
            known_before=first_known < window.start,
            settled_end=settled_end,
        )
        for window in windows.union(stated)
    ]


def _keep(series: Series, slots: Windows, proofs: Sequence[Settlement], ports: ImportPorts, lease: ImportLease) -> int:
    """Keep the proofs, write the record from a full read of the touched years, and count what is newly settled."""
    never = windows.union(window for proof in proofs for window in proof.never_printed)
    ports.candles.write_coverage(series, fence=lease.check)  # the years are read by it
    touched = windows.union([*slots, *never])
    years = series.interval.whole_years(Window(touched[0].start, touched[-1].end))
    blocks = ports.candles.coverage(series, years)
    fresh = windows.subtract(never, windows.union([*blocks.stored, *blocks.never_printed]))
    if fresh:
        ports.candles.store(series, (), fresh, absent_blocks=frozenset(), fence=lease.check)
        ports.candles.write_coverage(series, fence=lease.check)
    record = ports.series.get(series).updated(blocks.stored, years, *proofs)
    known = record.coverage(blocks.stored, windows.union([*blocks.never_printed, *fresh]))
    failed = renew(record.failed_windows, (), known.missing(years), years)
    lease.check()
    ports.series.put(replace(record, failed_windows=failed))
    return windows.count(fresh)
