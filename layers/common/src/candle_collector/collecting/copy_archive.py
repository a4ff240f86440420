"""Copies an archive into another one: candles, and what is known of the slots that have none.

A copy is an import whose source is an archive: what the target holds stays, and what differs is reported. It can be
interrupted anywhere, and run again: what has arrived is compared and not written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from candle_collector.collecting.import_candles import Imported, ImportLease, ImportPorts, import_series
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore, UniverseStore

PAGE_SLOTS = 6000
"""About how many candles of a series are held at a time: some 4 MB."""


class Digest(NamedTuple):
    """How many candles there are, and the SHA-256 of their slots and lines, in hexadecimal."""

    candles: int
    sha256: str


@dataclass(frozen=True)
class CopiedSeries:
    """What became of a series.

    Attributes
    ----------
    imported
        Its candles and never-printed slots in the target.
    source, target
        The digests over the slots that the source holds, both read after the copy.
    """

    imported: Imported
    source: Digest
    target: Digest

    @property
    def is_equal(self) -> bool:
        """Whether the target holds each candle of the source, to the last digit."""
        return self.source == self.target


class SourcePorts(Protocol):
    """What is read of the archive that is copied."""

    @property
    def candles(self) -> CandleStore:
        """The candles."""

    @property
    def series(self) -> SeriesStore:
        """The series' records."""


def copy_universes(source: UniverseStore, target: UniverseStore, *, name: str) -> tuple[int, int]:
    """Copy the rankings that the target has none of; return how many, and how many differ there and stay.

    Parameters
    ----------
    name
        What stands in the place of a run's id in what is copied.
    """
    copied = different = 0
    there = set(target.days())
    for day in source.days():
        known = target.get(day) if day in there else {}
        for quote_asset, ranking in source.get(day).items():
            if quote_asset not in known:
                target.put(day, quote_asset, ranking, run_id=name)
                copied += 1
            elif known[quote_asset] != ranking:
                different += 1
    return copied, different


def copy_series(
    series: Series,
    source: SourcePorts,
    target: ImportPorts,
    lease: ImportLease,
    *,
    closed_end: int,
    progress: Callable[[int], None] = lambda _: None,
) -> CopiedSeries:
    """Copy one series, then read it from both archives and compare.

    Parameters
    ----------
    closed_end
        The slot after the last closed one.
    progress
        Reported how many candles were copied since the last report.

    Raises
    ------
    StaleTurnError
        The copy was held up for longer than its lease.
    """
    pages = (page for _, page in _pages(series, source.candles) if page)
    imported = import_series(series, pages, target, lease, stated=(), closed_end=closed_end, progress=progress)
    imported.never_printed += _copy_proofs(series, source, target, lease)
    return CopiedSeries(imported, *_digests(series, source.candles, target.candles))


def _pages(series: Series, candles: CandleStore) -> Iterator[tuple[Window, Sequence[Candle]]]:
    """Yield the candles of a series in windows of whole blocks from its first stored slot to its last."""
    first, last = candles.first_slot(series), candles.last_slot(series)
    if first is None or last is None:
        return
    block = series.interval.block_slots
    size = PAGE_SLOTS - PAGE_SLOTS % block
    at = first - first % block
    while at <= last:
        page = Window(at, at + size)
        yield page, candles.candles(series, page, limit=page.slots)
        at = page.end


def _copy_proofs(series: Series, source: SourcePorts, target: ImportPorts, lease: ImportLease) -> int:
    """Carry over what the source knows of slots without a candle, and count the never-printed ones that are new.

    The target's own candles overrule it: `SeriesRecord.updated` cuts what a stored candle contradicts.
    """
    record = source.series.get(series)
    known = _known_without_candle(series, source, record.first, record.last)
    spans = [*known, *(window for window in (record.absent, record.delisted) if window)]
    if not spans:
        return 0
    whole = Window(min(span.start for span in spans), max(span.end for span in spans))
    years = series.interval.whole_years(whole)
    blocks = target.candles.coverage(series, years)
    fresh = windows.subtract(known, windows.union([*blocks.stored, *blocks.never_printed]))
    if fresh:
        target.candles.store(series, (), fresh, absent_blocks=frozenset(), fence=lease.check)
        target.candles.write_coverage(series, fence=lease.check)
    proofs = Settlement(known, record.absent, record.delisted)
    kept = target.series.get(series).updated(blocks.stored, years, proofs)
    kept = kept.rejecting({item.window.start: item.error for item in record.rejected}, blocks.stored)
    settled = kept.coverage(blocks.stored, windows.union([*blocks.never_printed, *fresh])).covered()
    failed = tuple(item for item in kept.failed_windows if windows.subtract((item.window,), settled))
    lease.check()
    target.series.put(replace(kept, failed_windows=failed))
    return windows.count(fresh)


def _known_without_candle(series: Series, source: SourcePorts, first: int | None, last: int | None) -> Windows:
    """Return the slots that the source knows to have no candle, from the first to the last that its record names."""
    if first is None or last is None:
        return ()
    return source.candles.coverage(series, Window(first, last + 1)).never_printed


def _digests(series: Series, source: CandleStore, target: CandleStore) -> tuple[Digest, Digest]:
    """Return the digests of a series in both archives, over the slots that the source holds."""
    counts, hashes = [0, 0], [hashlib.sha256(), hashlib.sha256()]
    for page, candles in _pages(series, source):
        slots = {candle.slot for candle in candles}
        arrived = [candle for candle in target.candles(series, page, limit=page.slots) if candle.slot in slots]
        for side, held in enumerate((candles, arrived)):
            counts[side] += len(held)
            for candle in held:
                hashes[side].update(f"{candle.slot} {candle.line()}\n".encode())
    source_digest, target_digest = (
        Digest(count, digest.hexdigest()) for count, digest in zip(counts, hashes, strict=True)
    )
    return source_digest, target_digest
