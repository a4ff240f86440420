"""A series' record held against what is stored: the record's first, last and counts are hints, the candles rule.

A record may be wrong: a worker that was late has written an older one, or candles were lost. Too narrow a record hides
no candle here, and too wide a one leaves the slots that it names expected, so that they are reported as missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window

_NOTHING = Window(0, 0)


@dataclass(frozen=True)
class RepairedSeries:
    """A record, and what it should say.

    Attributes
    ----------
    noted
        The record as it was found.
    record
        The record with the first and the last slot that are stored, and without a proof that denies them. Its counts
        by year are those noted.
    """

    noted: SeriesRecord
    record: SeriesRecord

    @property
    def life(self) -> Window:
        """The slots from the first stored candle to the last."""
        return life_of(self.record)

    @property
    def span(self) -> Window:
        """The life, and all slots between candles that the record names: some may have been lost."""
        lives = [life for life in (self.life, life_of(self.noted)) if life.slots]
        if not lives:
            return _NOTHING
        return Window(min(life.start for life in lives), max(life.end for life in lives))

    @property
    def is_repaired(self) -> bool:
        """Whether anything but the counts was wrong."""
        return self.record != self.noted

    @property
    def correction(self) -> str | None:
        """A sentence on the first and the last slot, where the record does not name those that are stored."""
        if (self.noted.first, self.noted.last) == (self.record.first, self.record.last):
            return None
        noted, stored = _ends(self.noted), _ends(self.record)
        return f"the record of {self.record.symbol} names {noted} as stored; what is stored is {stored}"


def repair(noted: SeriesRecord, first: int | None, last: int | None) -> RepairedSeries:
    """Return a record with what it should say.

    Parameters
    ----------
    first, last
        The slots of the first and the last stored candle; None where no candle is stored.
    """
    absent, delisted = noted.absent, noted.delisted
    if absent and first is not None and absent.end > first:  # there were candles before its end
        absent = Window(absent.start, first) if absent.start < first else None
    if delisted and last is not None and delisted.start <= last:  # there were candles after it
        delisted = Window(last + 1, delisted.end) if last + 1 < delisted.end else None
    return RepairedSeries(noted, replace(noted, first=first, last=last, absent=absent, delisted=delisted))


def life_of(record: SeriesRecord) -> Window:
    """Return the slots from the first candle to the last."""
    if record.first is None or record.last is None:
        return _NOTHING
    return Window(record.first, record.last + 1)


def _ends(record: SeriesRecord) -> str:
    if record.first is None or record.last is None:
        return "nothing"
    return f"{record.series.interval.format(record.first)} to {record.series.interval.format(record.last)}"
