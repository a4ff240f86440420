"""Copies an archive into another one: candles, and what is known of the hours that have none.

A copy is an import whose source is an archive: what the target holds stays, and what differs is reported. It can be
interrupted anywhere, and run again: what has arrived is compared and not written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from candle_collector.collecting.import_candles import Imported, ImportLease, ImportPorts, import_symbol
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.coverage import Settlement
from candle_collector.domain.windows import Window, Windows
from candle_collector.ports import CandleStore, SeriesStore, UniverseStore

PAGE_DAYS = 250
"""How many days of a series are held at a time: 6,000 candles, some 4 MB."""


class Digest(NamedTuple):
    """How many candles there are, and the SHA-256 of their hours and lines, in hexadecimal."""

    candles: int
    sha256: str


@dataclass(frozen=True)
class CopiedSeries:
    """What became of a series.

    Attributes
    ----------
    imported
        Its candles and never-printed hours in the target.
    source, target
        The digests over the hours that the source holds, both read after the copy.
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
    symbol: str,
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
        The hour after the last closed one.
    progress
        Reported how many candles were copied since the last report.

    Raises
    ------
    StaleTurnError
        The copy was held up for longer than its lease.
    """
    pages = (page for _, page in _pages(symbol, source.candles) if page)
    imported = import_symbol(symbol, pages, target, lease, stated=(), closed_end=closed_end, progress=progress)
    imported.never_printed += _copy_proofs(symbol, source, target, lease)
    return CopiedSeries(imported, *_digests(symbol, source.candles, target.candles))


def _pages(symbol: str, candles: CandleStore) -> Iterator[tuple[Window, Sequence[Candle]]]:
    """Yield the candles of a series in windows of whole days from its first stored hour to its last."""
    first, last = candles.first_hour(symbol), candles.last_hour(symbol)
    if first is None or last is None:
        return
    size = PAGE_DAYS * windows.HOURS_A_DAY
    at = first - first % windows.HOURS_A_DAY
    while at <= last:
        page = Window(at, at + size)
        yield page, candles.candles(symbol, page, limit=page.hours)
        at = page.end


def _copy_proofs(symbol: str, source: SourcePorts, target: ImportPorts, lease: ImportLease) -> int:
    """Carry over what the source knows of hours without a candle, and count the never-printed ones that are new.

    The target's own candles overrule it: `Series.updated` cuts what a stored candle contradicts.
    """
    record = source.series.get(symbol)
    known = _known_without_candle(symbol, source, record.first, record.last)
    spans = [*known, *(window for window in (record.absent, record.delisted) if window)]
    if not spans:
        return 0
    first_year = windows.year_of(min(span.start for span in spans))
    last_year = windows.year_of(max(span.end for span in spans) - 1)
    years = Window(windows.year_window(first_year).start, windows.year_window(last_year).end)
    days = target.candles.coverage(symbol, years)
    fresh = windows.subtract(known, windows.union([*days.stored, *days.never_printed]))
    if fresh:
        target.candles.store(symbol, (), fresh, absent_days=frozenset(), fence=lease.check)
    proofs = Settlement(known, record.absent, record.delisted)
    series = target.series.get(symbol).updated(days.stored, years, proofs)
    series = series.rejecting({item.window.start: item.error for item in record.rejected}, days.stored)
    settled = series.coverage(days.stored, windows.union([*days.never_printed, *fresh])).covered()
    failed = tuple(item for item in series.failed_windows if windows.subtract((item.window,), settled))
    lease.check()
    target.series.put(replace(series, failed_windows=failed))
    return windows.count(fresh)


def _known_without_candle(symbol: str, source: SourcePorts, first: int | None, last: int | None) -> Windows:
    """Return the hours that the source knows to have no candle, from the first to the last that its record names."""
    if first is None or last is None:
        return ()
    return source.candles.coverage(symbol, Window(first, last + 1)).never_printed


def _digests(symbol: str, source: CandleStore, target: CandleStore) -> tuple[Digest, Digest]:
    """Return the digests of a series in both archives, over the hours that the source holds."""
    counts, hashes = [0, 0], [hashlib.sha256(), hashlib.sha256()]
    for page, candles in _pages(symbol, source):
        hours = {candle.hour for candle in candles}
        arrived = [candle for candle in target.candles(symbol, page, limit=page.hours) if candle.hour in hours]
        for side, held in enumerate((candles, arrived)):
            counts[side] += len(held)
            for candle in held:
                hashes[side].update(f"{candle.hour} {candle.line()}\n".encode())
    source_digest, target_digest = (
        Digest(count, digest.hexdigest()) for count, digest in zip(counts, hashes, strict=True)
    )
    return source_digest, target_digest
