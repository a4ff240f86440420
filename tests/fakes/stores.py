"""The candle table and the series' records in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StaleTurnError
from candle_collector.ports import Revised, StoredBlocks


@lru_cache(maxsize=100_000)
def line_of(candle: Candle) -> str:
    """Return the text that is stored of a candle; a test stores the same ones again and again."""
    return candle.line()


class FakeCandleStore:
    """Blocks in memory.

    Attributes
    ----------
    lines
        The stored text by series and slot.
    writes
        The items that were written, in order, as series and block.
    unfinished
        The series of which something was stored since their coverage was written.
    """

    def __init__(self) -> None:
        self.lines: dict[tuple[Series, int], str] = {}
        self.writes: list[tuple[Series, int]] = []
        self.unfinished: set[Series] = set()
        self._never: dict[Series, set[int]] = defaultdict(set)
        self._revised: dict[Series, list[Revised]] = defaultdict(list)

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        """Return what is known of whole blocks."""
        if not within.slots:
            return StoredBlocks((), (), frozenset())
        size = series.interval.block_slots
        whole = Window(within.start - within.start % size, within.end + -within.end % size)
        if len(self.lines) < whole.slots:  # as of a year of minutes
            held = [slot for of, slot in self.lines if of == series and whole.start <= slot < whole.end]
        else:
            held = [slot for slot in range(*whole) if (series, slot) in self.lines]
        stored = windows.from_slots(held)
        never = windows.from_slots(slot for slot in self._never[series] if whole.start <= slot < whole.end)
        return StoredBlocks(stored, never, series.interval.blocks_in((*stored, *never)))

    def store(
        self,
        series: Series,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Put whole blocks, and merge the others slot by slot."""
        fence()
        size = series.interval.block_slots
        by_block: dict[int, list[Candle]] = defaultdict(list)
        for candle in candles:
            by_block[candle.slot // size].append(candle)
        for block, held in by_block.items():
            if block in absent_blocks and len(held) == size:  # replaces the item
                self._never[series] -= set(range(block * size, (block + 1) * size))
                self.lines.update({(series, candle.slot): line_of(candle) for candle in held})
            else:
                for candle in held:
                    self.lines.setdefault((series, candle.slot), line_of(candle))
        gone = list(windows.slots_in(never_printed))
        self._never[series] |= set(gone)
        touched = set(by_block) | {slot // size for slot in gone}
        self.writes += [(series, block) for block in sorted(touched)]
        self.unfinished.add(series)

    def write_coverage(self, series: Series, *, fence: Callable[[], None]) -> None:
        """Note that it was called; a process may die here."""
        fence()
        self.unfinished.discard(series)

    def revise(
        self, series: Series, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace candles."""
        fence()
        for stored, offered in revisions:
            if self.lines.get((series, stored.slot)) == line_of(stored):
                self.lines[series, stored.slot] = line_of(offered)
                self._revised[series].append(Revised(Revision(stored, offered), run_id, at))

    def revised(self, series: Series, within: Window | None = None) -> list[Revised]:
        """Return what was replaced."""
        found = [item for item in self._revised[series] if not within or item.revision.stored.slot in range(*within)]
        return sorted(found, key=lambda item: (item.revision.stored.slot, item.run_id))

    def candles(self, series: Series, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles."""
        slots = sorted(slot for of, slot in self.lines if of == series and within.start <= slot < within.end)
        kept = (slots[-limit:] if newest else slots[:limit]) if limit > 0 else []
        return [candle_from_line(slot, self.lines[series, slot]) for slot in kept]

    def columns(self, series: Series, within: Window) -> CandleColumns:
        """Return stored candles as columns."""
        return columns_of(self.candles(series, within, limit=within.slots))

    def first_slot(self, series: Series) -> int | None:
        """Return the first stored slot."""
        return min((slot for of, slot in self.lines if of == series), default=None)

    def last_slot(self, series: Series) -> int | None:
        """Return the last stored slot."""
        return max((slot for of, slot in self.lines if of == series), default=None)

    def slots(self, series: Series) -> Windows:
        """Return what is stored of a series."""
        return windows.from_slots(slot for of, slot in self.lines if of == series)

    def never_printed(self, series: Series) -> Windows:
        """Return what is known of a series as never printed."""
        return windows.from_slots(self._never[series])

    def remove(self, series: Series, slots: Windows) -> None:
        """Lose candles."""
        for slot in windows.slots_in(slots):
            self.lines.pop((series, slot), None)


class FakeSeriesStore:
    """The series' records in memory."""

    def __init__(self) -> None:
        self._records: dict[Series, SeriesRecord] = {}

    def get(self, series: Series) -> SeriesRecord:
        """Return a record."""
        return self._records.get(series, SeriesRecord(series))

    def put(self, record: SeriesRecord) -> SeriesRecord:
        """Write a record under its revision."""
        kept = self._records.get(record.series)
        if (kept.revision if kept else None) != record.revision:
            raise StaleTurnError(f"the record of {record.series} has moved on")
        self._records[record.series] = replace(record, revision=str(int(record.revision or "0") + 1))
        return self._records[record.series]

    def overwrite(self, record: SeriesRecord) -> None:
        """Write a record whatever stands there, as a fault would."""
        self.put(replace(record, revision=self.get(record.series).revision))

    def of_symbol(self, market: str, symbol: str) -> list[SeriesRecord]:
        """Return the records of a symbol."""
        return [record for record in self.all() if record.series[::2] == (symbol, market)]

    def all(self) -> Iterator[SeriesRecord]:
        """Yield every record."""
        for _, record in sorted(self._records.items()):
            yield record
