"""What is kept of a series beside its candles, and how stored candles and proofs change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.coverage import Coverage, Settlement, Silence, extend
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.versions import RECORD_VERSION
from candle_collector.domain.windows import Window, Windows

KEPT_REJECTED = 500
"""How many slots with a wrong row a record names; the oldest are forgotten, and asked for again."""

KEPT_DENIED = 500
"""How many windows of denied slots a record names."""


class Dispute(NamedTuple):
    """Other values than the stored ones that a run was answered for every stored candle of a young series.

    Attributes
    ----------
    digest
        The SHA-256 of the candles that were offered, in hexadecimal.
    run_id
        The run that asked. A second run that hears the same proves that all of them were revised.
    """

    digest: str
    run_id: str


@dataclass(frozen=True)
class SeriesRecord:
    """The record of a series.

    Attributes
    ----------
    first, last
        The slots of the first and the last stored candle.
    absent
        ``[asked_from, first)``: before the listing.
    delisted
        After the last candle of a symbol that does not trade.
    years
        How many slots are stored, by UTC year, set from full reads of the year.
    failed_windows
        The windows that runs have asked for in vain, or were ended before they asked for, and that are still missing.
    rejected
        The slots whose row at the exchange was wrong, with the reason; they are asked for again on a recheck alone.
    denied
        The slots whose stored candle the exchange does not have, as a verification that repairs has found. They stay
        stored, and vouch for no answer.
    silence
        What one run was not answered: a delisting, or a symbol without any candle, if another run hears the same.
    disputed
        What one run was answered instead of all that is stored of a young series.
    revision
        The name of the write that this record was read from; None where it was never written.
    """

    series: Series
    first: int | None = None
    last: int | None = None
    absent: Window | None = None
    delisted: Window | None = None
    years: dict[int, int] = field(default_factory=dict)
    failed_windows: tuple[FailedWindow, ...] = ()
    rejected: tuple[FailedWindow, ...] = ()
    denied: Windows = ()
    silence: Silence | None = None
    disputed: Dispute | None = None
    version: int = RECORD_VERSION
    revision: str | None = field(default=None, compare=False)

    @property
    def symbol(self) -> str:
        """The symbol of the series."""
        return self.series.symbol

    @property
    def listed(self) -> int | None:
        """The slot of the symbol's first candle ever, where an answer of the exchange has proven that it is the first.

        None where no answer reaches before the first stored candle.
        """
        return self.first if self.absent is not None and self.absent.end == self.first else None

    def is_gap(self, window: Window) -> bool:
        """Whether a window lies between the first and the last candle: what gap_fill looks for."""
        return (
            self.first is not None and self.last is not None and self.first <= window.start and window.end <= self.last
        )

    def says_more_than(self, kept: SeriesRecord) -> bool:
        """Whether something is lost where this is not written: more than the hints, which are found by the candles.

        That a series has candles is more than a hint, because one without them is not listed.
        """
        with_our_hints = replace(kept, first=self.first, last=self.last, years=self.years)
        return (self.first is None) != (kept.first is None) or with_our_hints != self

    def coverage(self, stored: Windows, never_printed: Windows) -> Coverage:
        """Return what is known of the series, with the slots of a range that are stored or were never printed."""
        return Coverage(
            stored,
            windows.subtract(never_printed, stored),
            self.absent,
            self.delisted,
            windows.subtract(windows.union(item.window for item in self.rejected), stored),
            self.denied,
        )

    def rejecting(self, rejected: Mapping[int, str], stored: Windows) -> SeriesRecord:
        """Return the record with the slots whose row is wrong, by reason; those that are stored now are forgotten."""
        kept = [item for item in self.rejected if not windows.contains(stored, item.window.start)]
        kept = [item for item in kept if item.window.start not in rejected]
        kept += [FailedWindow(Window(slot, slot + 1), 1, reason) for slot, reason in rejected.items()]
        return replace(self, rejected=tuple(sorted(kept)[-KEPT_REJECTED:]))

    def denying(self, compared: Window, denied: Iterable[int]) -> SeriesRecord:
        """Return the record after a window was compared: with those of its slots that only we have a candle of."""
        known = windows.union([*windows.subtract(self.denied, (compared,)), *windows.from_slots(denied)])
        return replace(self, denied=known[:KEPT_DENIED])

    def updated(self, stored: Windows, read: Window, *proofs: Settlement) -> SeriesRecord:
        """Return the record after a read, or after candles and proofs were added to what was read.

        Parameters
        ----------
        stored
            The slots of `read` that are stored.
        read
            The slots whose coverage is known.
        proofs
            What answers of the exchange have proven.
        """
        ends = [(self.first, self.last)] if self.first is not None and self.last is not None else []
        ends += [(stored[0].start, stored[-1].end - 1)] if stored else []
        first = min((start for start, _ in ends), default=None)
        last = max((end for _, end in ends), default=None)
        absent = reduce(extend, (proof.absent for proof in proofs), self.absent)
        if absent and first is not None:
            absent = Window(absent.start, min(absent.end, first)) if absent.start < first else None
        delisted = reduce(extend, (proof.delisted for proof in proofs), self.delisted)
        if delisted and last is not None and delisted.start <= last:  # there were candles after it
            delisted = Window(last + 1, delisted.end) if last + 1 < delisted.end else None
        years = count_by_year(self.years, self.last, stored, read, self.series.interval)
        return replace(self, first=first, last=last, absent=absent, delisted=delisted, years=years)


def count_by_year(
    known: dict[int, int], last: int | None, stored: Windows, read: Window, interval: Interval
) -> dict[int, int]:
    """Return the number of stored slots by UTC year; years without any are left out.

    A year that was read whole is counted again. Of a year that was read in part, only what lies after the last known
    candle is added, so that counting twice changes nothing.

    Parameters
    ----------
    known, last
        The counts and the last stored slot before.
    stored, read
        The slots that are stored, and the slots that were read.
    """
    years = dict(known)
    for year in interval.years_of(read):
        whole = interval.year_window(year)
        of_year = windows.clip(stored, whole)
        if read.start <= whole.start and whole.end <= read.end:
            years[year] = windows.count(of_year)
        else:
            after_last = Window(0 if last is None else last + 1, whole.end)
            years[year] = known.get(year, 0) + windows.count(windows.clip(of_year, after_last))
    return {year: slots for year, slots in years.items() if slots}
