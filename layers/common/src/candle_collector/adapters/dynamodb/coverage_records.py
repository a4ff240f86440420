"""What is known of whole blocks, by series and UTC year: runs of slots in one small item, so that coverage is cheap.

A record is written after the blocks, mostly those of a whole turn. It may lag behind them, and what it lacks is read
from their masks; of a block it says all or nothing, because one with a missing slot must be looked at anyway. It is not
needed: without records all is read from the masks, and they are made again.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from candle_collector.adapters.dynamodb.candle_items import Attributes, CandleItems
from candle_collector.domain import windows
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows

log = logging.getLogger(__name__)

RUNS_MOST = 10_000
"""The most runs of either kind that a record keeps: the longest, in about 20 KB. A year has seldom more than 50."""

_KEY = "#coverage"
_ITEM = ("v", "s", "n")
_FORMAT = {"N": "1"}
_KEPT_MOST = 64
"""Of how many series' years the records are kept in memory, and of how many series what is to be written."""


class Known(NamedTuple):
    """The slots that are stored and those that were never printed: none is both."""

    stored: Windows = ()
    never_printed: Windows = ()

    @property
    def both(self) -> Windows:
        """All of them."""
        return windows.union([*self.stored, *self.never_printed])

    def joined(self, other: Known) -> Known:
        """Return what either knows; a slot that is stored was printed."""
        if not any(other):
            return self
        stored = windows.union([*self.stored, *other.stored])
        never = windows.union([*self.never_printed, *other.never_printed])
        return Known(stored, windows.subtract(never, stored))

    def without(self, *left_out: Window) -> Known:
        """Return what is known of other slots than those of windows, which are ascending and do not overlap."""
        return Known(*(windows.subtract(runs, left_out) for runs in self))

    def clip(self, within: Window) -> Known:
        """Return what is known of the slots of a window."""
        return Known(*(windows.clip(runs, within) for runs in self))


class CoverageRecords:
    """The records in the candle table, beside the blocks.

    The last ones that were read or written are kept in memory, so that to write one takes one call: where somebody else
    has written it since, the write is refused, and it is read again.
    """

    def __init__(self, items: CandleItems) -> None:
        self._items = items
        self._kept: dict[tuple[Series, int], tuple[Attributes | None, Known]] = {}
        self._unwritten: dict[Series, Known] = {}

    def read(self, series: Series, within: Window) -> Known:
        """Return what the records know of some slots; there is at least one."""
        years = series.interval.years_of(within)
        known, ends = Known(), (_name(years[0]), _name(years[-1]))
        found = self._items.query(f"{series}{_KEY}", ends, ConsistentRead=True)
        by_year = {item["block"]["S"]: item for item in found}
        for year in years:
            known = known.joined(self._keep(series, year, by_year.get(_name(year))))
        return known.clip(within)

    def found(self, series: Series, within: Window, known: Known) -> None:
        """Take note of what the blocks of some slots know, and the records do not, in place of what was noted of them.

        What a turn noted and did not come to write may be of before another process changed the block.
        """
        if noted := self._unwritten.pop(series, None):
            known = known.joined(noted.without(within))
        self.add(series, known)

    def add(self, series: Series, known: Known) -> None:
        """Take note of what is known of whole blocks, all slots of each: `write` writes it."""
        if not any(known):
            return
        noted = self._unwritten.pop(series, Known())
        if len(self._unwritten) >= _KEPT_MOST:  # as of turns that failed; what is lost is found again
            self._unwritten.clear()
        self._unwritten[series] = known.joined(noted)

    def noted(self, series: Series) -> Known:
        """Return what was noted of a series, and note it no more."""
        return self._unwritten.pop(series, Known())

    def write(self, series: Series, known: Known, fence: Callable[[], None]) -> None:
        """Write what is known of whole blocks."""
        for year in sorted({year for window in known.both for year in series.interval.years_of(window)}):
            part = known.clip(series.interval.year_window(year))
            self._change(series, year, part.joined, fence)

    def forget(self, series: Series, window: Window, fence: Callable[[], None]) -> None:
        """Take out what is known of a block that is about to change: nothing of it may be said meanwhile."""
        if noted := self._unwritten.pop(series, None):
            self.add(series, noted.without(window))
        for year in series.interval.years_of(window):
            self._kept.pop((series, year), None)  # another may have written it since: it is to say nothing of the block
            self._change(series, year, lambda kept: kept.without(window), fence)

    def _change(self, series: Series, year: int, change: Callable[[Known], Known], fence: Callable[[], None]) -> None:
        def step() -> None:
            kept = self._kept.pop((series, year), None)
            read, before = kept or (None, Known())
            if kept is None:
                read = self._items.get(f"{series}{_KEY}", _name(year))
                before = self._keep(series, year, read)
            after = _longest(change(before))
            if after != before:
                fence()
                item = _item(series, year, after)
                self._items.put(item, read=read, names=_ITEM)
                read = item
            self._keep(series, year, read, after)

        self._items.retried(step)

    def _keep(self, series: Series, year: int, item: Attributes | None, known: Known | None = None) -> Known:
        """Keep a record in memory, and return what it knows."""
        if known is None:
            known = _known_of(series, year, item) if item else Known()
        if len(self._kept) >= _KEPT_MOST:
            self._kept.clear()
        self._kept[series, year] = item, known
        return known


def _name(year: int) -> str:
    return f"{year:04}"


def _longest(known: Known) -> Known:
    """Leave out the shortest runs of a year that has too many: they are read from the blocks."""
    return Known(
        *(
            runs
            if len(runs) <= RUNS_MOST
            else tuple(sorted(sorted(runs, key=lambda window: window.start - window.end)[:RUNS_MOST]))
            for runs in known
        )
    )


def _item(series: Series, year: int, known: Known) -> dict[str, Any]:
    first = series.interval.year_window(year).start
    runs = {name: _packed(of, first) for name, of in zip(("s", "n"), known, strict=True) if of}
    key = {"series": {"S": f"{series}{_KEY}"}, "block": {"S": _name(year)}}
    return {**key, "v": _FORMAT, **{name: {"B": packed} for name, packed in runs.items()}}


def _known_of(series: Series, year: int, item: Attributes) -> Known:
    """Return what a record knows: nothing, where it cannot be read, for it is only a help."""
    first = series.interval.year_window(year).start
    try:
        if item["v"] == _FORMAT:
            return Known(*(_unpacked(item[name]["B"], first) if name in item else () for name in ("s", "n")))
    except (KeyError, TypeError, ValueError, zlib.error):
        pass
    log.warning(
        "the coverage record of %s %04d cannot be read: the blocks are read in its place, until candles are stored",
        series,
        year,
    )
    return Known()


def _packed(runs: Windows, first: int) -> bytes:
    """Return runs as text: how far each border is from the one before."""
    borders = [first, *(border for window in runs for border in window)]
    return zlib.compress(" ".join(str(later - earlier) for earlier, later in pairwise(borders)).encode("ascii"))


def _unpacked(packed: bytes, first: int) -> Windows:
    at, borders = first, []
    for step in map(int, zlib.decompress(packed).split()):
        at += step
        borders.append(at)
    return tuple(map(Window, borders[::2], borders[1::2]))
