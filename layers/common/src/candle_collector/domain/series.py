"""What is kept of a series beside its candles, and how stored candles and proofs change it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce

from candle_collector.domain import windows
from candle_collector.domain.coverage import Settlement, extend
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.versions import RECORD_VERSION
from candle_collector.domain.windows import Window, Windows


@dataclass(frozen=True)
class Series:
    """The record of a series.

    Attributes
    ----------
    first, last
        The hours of the first and the last stored candle.
    absent
        ``[asked_from, first)``: before the listing.
    delisted
        After the last candle of a symbol that does not trade.
    years
        How many hours are stored, by UTC year, set from full reads of the year.
    failed_windows
        The windows that were requested and are still missing.
    revision
        The name of the write that this record was read from; None where it was never written.
    """

    symbol: str
    first: int | None = None
    last: int | None = None
    absent: Window | None = None
    delisted: Window | None = None
    years: dict[int, int] = field(default_factory=dict)
    failed_windows: tuple[FailedWindow, ...] = ()
    version: int = RECORD_VERSION
    revision: str | None = field(default=None, compare=False)

    def updated(self, stored: Windows, read: Window, *proofs: Settlement) -> Series:
        """Return the record after a read, or after candles and proofs were added to what was read.

        Parameters
        ----------
        stored
            The hours of `read` that are stored.
        read
            The hours whose coverage is known.
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
        years = count_by_year(self.years, self.last, stored, read)
        return replace(self, first=first, last=last, absent=absent, delisted=delisted, years=years)


def count_by_year(known: dict[int, int], last: int | None, stored: Windows, read: Window) -> dict[int, int]:
    """Return the number of stored hours by UTC year; years without any are left out.

    A year that was read whole is counted again. Of a year that was read in part, only what lies after the last known
    candle is added, so that counting twice changes nothing.

    Parameters
    ----------
    known, last
        The counts and the last stored hour before.
    stored, read
        The hours that are stored, and the hours that were read.
    """
    years = dict(known)
    for year in windows.years_of(read):
        whole = windows.year_window(year)
        of_year = windows.clip(stored, whole)
        if read.start <= whole.start and whole.end <= read.end:
            years[year] = windows.count(of_year)
        else:
            after_last = Window(0 if last is None else last + 1, whole.end)
            years[year] = known.get(year, 0) + windows.count(windows.clip(of_year, after_last))
    return {year: hours for year, hours in years.items() if hours}
