"""A series' record held against what is stored: the record's first, last and counts are hints, the candles rule.

A record may be wrong: a worker that was late has written an older one, or candles were lost. Too narrow a record hides
no candle here, and too wide a one leaves the hours that it names expected, so that they are reported as missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from candle_collector.domain import dates
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window

_NOTHING = Window(0, 0)


@dataclass(frozen=True)
class RepairedSeries:
    """A record, and what it should say.

    Attributes
    ----------
    noted
        The record as it was found.
    series
        The record with the first and the last hour that are stored, and without a proof that denies them. Its counts
        by year are those noted.
    """

    noted: Series
    series: Series

    @property
    def life(self) -> Window:
        """The hours from the first stored candle to the last."""
        return life_of(self.series)

    @property
    def span(self) -> Window:
        """The life, and all hours between candles that the record names: some may have been lost."""
        lives = [life for life in (self.life, life_of(self.noted)) if life.hours]
        if not lives:
            return _NOTHING
        return Window(min(life.start for life in lives), max(life.end for life in lives))

    @property
    def is_repaired(self) -> bool:
        """Whether anything but the counts was wrong."""
        return self.series != self.noted

    @property
    def correction(self) -> str | None:
        """A sentence on the first and the last hour, where the record does not name those that are stored."""
        if (self.noted.first, self.noted.last) == (self.series.first, self.series.last):
            return None
        noted, stored = _ends(self.noted), _ends(self.series)
        return f"the record of {self.series.symbol} names {noted} as stored; what is stored is {stored}"


def repair(noted: Series, first: int | None, last: int | None) -> RepairedSeries:
    """Return a record with what it should say.

    Parameters
    ----------
    first, last
        The hours of the first and the last stored candle; None where no candle is stored.
    """
    absent, delisted = noted.absent, noted.delisted
    if absent and first is not None and absent.end > first:  # there were candles before its end
        absent = Window(absent.start, first) if absent.start < first else None
    if delisted and last is not None and delisted.start <= last:  # there were candles after it
        delisted = Window(last + 1, delisted.end) if last + 1 < delisted.end else None
    return RepairedSeries(noted, replace(noted, first=first, last=last, absent=absent, delisted=delisted))


def life_of(series: Series) -> Window:
    """Return the hours from the first candle to the last."""
    if series.first is None or series.last is None:
        return _NOTHING
    return Window(series.first, series.last + 1)


def _ends(series: Series) -> str:
    if series.first is None or series.last is None:
        return "nothing"
    return f"{dates.format_hour(series.first)} to {dates.format_hour(series.last)}"
