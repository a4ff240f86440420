"""The candle table: one item for each series and block of neighbouring slots, and beside them the coverage records.

Nothing here replaces a stored value but `revise`. A block that is new and whole is written without a look at the table,
in batches. Each other write is on the condition that the block is as it was read, so that writers who meet do it again.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from operator import lt
from typing import Any

from candle_collector.adapters.dynamodb import block as blocks
from candle_collector.adapters.dynamodb.block import Block
from candle_collector.adapters.dynamodb.candle_items import PAGE_MOST, Attributes, CandleItems, MovedOnError
from candle_collector.adapters.dynamodb.coverage_records import CoverageRecords, Known
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.interval import Interval
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StoredCandleDamagedError
from candle_collector.ports import Revised, StoredBlocks

_FEW_BLOCKS = 8
"""So many blocks are read themselves: one query in place of one for the records and one for what they lack."""

_NEAR_BLOCKS = 4
"""Missing slots with at most so many blocks between are read by one query."""

_REVISED = "#revised"
"""What the keys of replaced candles end with, so that no query for a series meets them."""


class CandlesTable:
    """The candles in DynamoDB.

    Parameters
    ----------
    table
        Its name.
    client
        A DynamoDB client that checks no parameters: `ItemTable.client`.
    """

    def __init__(self, table: str, *, client: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._items = CandleItems(table, client=client, sleep=sleep)
        self._records = CoverageRecords(self._items)
        self._written: tuple[tuple[str, str], Attributes] | None = None  # the last block, by its key

    def coverage(self, series: Series, within: Window) -> StoredBlocks:
        """Read the records of the years, and the masks of the blocks that they do not know: no candle comes along."""
        self._written = None  # what others have done since is to be seen
        if not within.slots:
            return StoredBlocks((), (), frozenset())
        interval, size = series.interval, series.interval.block_slots
        whole = Window(within.start // size * size, -(-within.end // size) * size)
        is_short = whole.slots <= _FEW_BLOCKS * size
        known = Known() if is_short else self._records.read(series, whole)
        touched = set(interval.blocks_in(known.both))
        found, complete = [known], []
        for window in _ranges(windows.subtract((whole,), known.both), size):
            for number, stored, gone in self._masks(series, window):
                touched.add(number)
                found.append(_runs(number * size, stored, gone))
                if stored | gone == blocks.full_mask(interval):
                    complete.append(found[-1])
        self._records.found(series, whole, Known() if is_short else _union(complete))
        together = _union(found)
        return StoredBlocks(together.stored, together.never_printed, frozenset(touched))

    def store(
        self,
        series: Series,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_blocks: frozenset[int],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Write whole blocks that have no item yet in batches, all others one by one."""
        size = series.interval.block_slots
        parts = dict(_by_block(candles, size))
        gone = blocks.masks_by_block(never_printed, size)
        whole = [number for number, part in parts.items() if number in absent_blocks and part.rows == size]
        self._items.put_all([blocks.whole_item(series, number, parts[number]) for number in whole], fence)
        known = [Known((Window(number * size, (number + 1) * size),)) for number in whole]
        for number in sorted({*parts, *gone}.difference(whole)):
            more = {candle.slot: candle for candle in parts[number].candles()} if number in parts else {}
            is_new = number in absent_blocks
            block = self._add(series, number, more, gone.get(number, 0), is_new=is_new, fence=fence)
            if block.is_complete:
                known.append(_known(block))
        self._records.add(series, _union(known))

    def write_coverage(self, series: Series, *, fence: Callable[[], None]) -> None:
        """Write what is known of whole blocks into the records of their years.

        What is stored stays so. A slot that was never printed may have been found by another since it was noted, so
        its block is looked at again: there are few.
        """
        noted, size = self._records.noted(series), series.interval.block_slots
        doubtful = series.interval.blocks_in(noted.never_printed)
        left_out = windows.union(Window(number * size, (number + 1) * size) for number in doubtful)
        known = [noted.without(*left_out)]
        for window in _ranges(noted.never_printed, size):
            looked_at = self._masks(series, window)
            known += [_runs(number * size, stored, gone) for number, stored, gone in looked_at if number in doubtful]
        self._records.write(series, _union(known), fence)

    def _add(
        self,
        series: Series,
        number: int,
        candles: Mapping[int, Candle],
        gone: int,
        *,
        is_new: bool,
        fence: Callable[[], None],
    ) -> Block:
        """Add slots to a block, or make it, and return it as it is then. Repeating it changes nothing.

        Where a batch begins within a block, the batch before has just written the other part: it is added to what that
        was, without another look, on the condition that it is so still.
        """
        key = str(series), blocks.name_of(series.interval, number)

        def step(read: Attributes | None) -> Block:
            before = self._block(series, number, read)
            after = before.joined(candles, gone)
            if (after.stored, after.gone) == (before.stored, before.gone):
                return before
            if before.gone & after.stored:  # said to be never printed, and a recheck has found it
                self._records.forget(series, before.window, fence)
            fence()
            item = after.item(series)
            self._items.put(item, read=read, names=blocks.ITEM)
            self._written = key, item
            return after

        written = self._written[1] if self._written and self._written[0] == key else None
        if is_new or written:
            with suppress(MovedOnError):
                return step(written)
        return self._items.retried(lambda: step(self._items.get(*key)))

    def revise(
        self, series: Series, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace each candle in one transaction with the item that keeps both values."""
        for revision in revisions:
            self._items.retried(partial(self._revise, series, revision, run_id, at, fence))

    def _revise(self, series: Series, revision: Revision, run_id: str, at: datetime, fence: Callable[[], None]) -> None:
        stored, offered = revision
        number = stored.slot // series.interval.block_slots
        read = self._items.get(str(series), blocks.name_of(series.interval, number))
        block = self._block(series, number, read)
        if read is None or stored not in block.candles:
            return  # it was replaced already, perhaps by this very request whose reply was lost
        kept = {
            "series": {"S": f"{series}{_REVISED}"},
            "block": {"S": f"{series.interval.moment_of(stored.slot):{blocks.MINUTE}} {run_id}"},
            "stored": {"S": stored.line()},
            "offered": {"S": offered.line()},
            "at": {"S": at.isoformat()},
        }
        fence()
        self._items.put_both(block.revised(offered).item(series), kept, read=read, names=blocks.ITEM)

    def revised(self, series: Series, within: Window | None = None) -> list[Revised]:
        """Read the items that keep both values."""
        found: list[Revised] = []
        if within and not within.slots:
            return found
        interval = series.interval
        # their keys are longer than a moment, and "~" comes behind whatever follows it
        ends = within and (
            f"{interval.moment_of(within.start):{blocks.MINUTE}}",
            f"{interval.moment_of(within.end - 1):{blocks.MINUTE}}~",
        )
        for item in self._items.query(f"{series}{_REVISED}", ends, ConsistentRead=True):
            moment, run_id = item["block"]["S"].split(" ")
            slot = blocks.slot_named(interval, moment)
            pair = (candle_from_line(slot, item[name]["S"]) for name in ("stored", "offered"))
            found.append(Revised(Revision(*pair), run_id, datetime.fromisoformat(item["at"]["S"])))
        return found

    def candles(self, series: Series, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles, reading no more blocks than their number needs."""
        found: list[Candle] = []
        if not within.slots or limit <= 0:
            return found
        items = min(limit // series.interval.block_slots + 2, PAGE_MOST)
        for columns in self._columns(series, within, Limit=items, ScanIndexForward=not newest):
            candles = columns.candles()
            found += reversed(candles) if newest else candles
            if len(found) >= limit:
                break
        return sorted(found[:limit])

    def columns(self, series: Series, within: Window) -> CandleColumns:
        """Return the columns of the stored candles, joined from those of the blocks."""
        if not within.slots:
            return columns_of(())
        joined: list[list[Any]] = [[] for _ in CandleColumns._fields]
        for columns in self._columns(series, within):
            for column, more in zip(joined, columns, strict=True):
                column.extend(more)
        return CandleColumns._make(joined)

    def first_slot(self, series: Series) -> int | None:
        """Return the slot of the first stored candle: one item, where it holds a candle."""
        return next((slots[0].start for slots in self._stored_by_block(series, newest=False)), None)

    def last_slot(self, series: Series) -> int | None:
        """Return the slot of the last stored candle: one item, where it holds a candle."""
        return next((slots[-1].end - 1 for slots in self._stored_by_block(series, newest=True)), None)

    def _stored_by_block(self, series: Series, *, newest: bool) -> Iterator[Windows]:
        """Yield the stored slots of each block that has one; a block of never printed slots alone is stepped over."""
        for number, stored, _ in self._masks(series, None, Limit=1, ScanIndexForward=not newest):
            if stored:
                yield tuple(blocks.windows_of(stored, number * series.interval.block_slots))

    def _masks(self, series: Series, within: Window | None, **options: Any) -> Iterator[tuple[int, int, int]]:
        """Yield the numbers of blocks with their masks, of the stored and of the never printed slots, as of now."""
        ends, known = within and _ends(series.interval, within), blocks.KNOWN
        for item in self._items.query(str(series), ends, attributes=known, ConsistentRead=True, **options):
            with _damage_named(series, item):
                number = blocks.number_of(series.interval, item)
                masks = blocks.masks_of(item, series.interval)
            yield number, *masks

    def _columns(self, series: Series, within: Window, **options: Any) -> Iterator[CandleColumns]:
        """Yield the stored candles of each block, those of `within` alone."""
        for item in self._items.query(str(series), _ends(series.interval, within), **options):
            with _damage_named(series, item):
                columns = blocks.columns_in(item, series.interval, blocks.number_of(series.interval, item))
            yield columns.part(bisect_left(columns.slot, within.start), bisect_left(columns.slot, within.end))

    def _block(self, series: Series, number: int, read: Attributes | None) -> Block:
        """Return what was read of a block, an empty one where it has no item."""
        if read is None:
            return Block(series.interval, number)
        with _damage_named(series, read):
            return blocks.block_of(read, series.interval, number)


def _by_block(candles: Sequence[Candle], size: int) -> Iterator[tuple[int, CandleColumns]]:
    """Yield the number of each block of `size` slots with the columns of its candles, ascending."""
    columns = columns_of(candles)
    if not all(map(lt, columns.slot, columns.slot[1:])):
        by_slot = {candle.slot: candle for candle in candles}
        columns = columns_of([by_slot[slot] for slot in sorted(by_slot)])
    start = 0
    while start < columns.rows:
        number = columns.slot[start] // size
        end = bisect_left(columns.slot, (number + 1) * size, start)
        yield number, columns.part(start, end)
        start = end


@contextmanager
def _damage_named(series: Series, item: Attributes) -> Iterator[None]:
    """Name the item that cannot be read."""
    try:
        yield
    except ValueError as error:
        raise StoredCandleDamagedError(f"{series} {item['block']['S']}: {error}") from error


def _union(known: Sequence[Known]) -> Known:
    """Join what is known of many blocks; a slot that is stored was printed."""
    stored = windows.union(window for item in known for window in item.stored)
    never = windows.union(window for item in known for window in item.never_printed)
    return Known(stored, windows.subtract(never, stored))


def _known(block: Block) -> Known:
    return _runs(block.window.start, block.stored, block.gone)


def _runs(first: int, stored: int, gone: int) -> Known:
    """Return what masks say whose bit 0 is the slot `first`."""
    return Known(tuple(blocks.windows_of(stored, first)), tuple(blocks.windows_of(gone, first)))


def _ranges(missing: Windows, size: int) -> list[Window]:
    """Return the windows of slots to read blocks of: whole blocks, and what lies near together in one."""
    ranges: list[Window] = []
    for start, end in missing:
        if ranges and start - ranges[-1].end <= _NEAR_BLOCKS * size:
            ranges[-1] = Window(ranges[-1].start, end)
        else:
            ranges.append(Window(start, end))
    return ranges


def _ends(interval: Interval, within: Window) -> tuple[str, str]:
    """Return the keys of the first and the last block that a window touches; it has slots."""
    first, last = within.start, within.end - 1
    return blocks.name_of(interval, first // interval.block_slots), blocks.name_of(
        interval, last // interval.block_slots
    )
