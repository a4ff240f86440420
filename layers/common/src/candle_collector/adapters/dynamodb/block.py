"""A block: the item of the candle table with neighbouring slots of a series, as one compressed text and two masks.

The text has a line for each field of a candle, and on it the values of all stored slots with commas between: beside a
line for each candle it is a tenth smaller, and is read into columns without an object for each. Before them is a line
with what all prices begin with, which the four lines of prices leave out; an open that is the close before it, as every
other one is, is left empty. Nothing else is done to the exchange's decimals, so that no digit is lost. What is left
repeats itself by chance alone: it is packed with Huffman codes, which takes a quarter of the time of looking for
repetitions and comes to the same bytes (measured). zlib's checksum tells damage.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows

MINUTE = "%Y-%m-%dT%H:%M"
"""How the key of a block names it: by when it begins."""

ITEM = ("v", "m", "g", "z")
"""The attributes of a block beside its key: format, mask of stored slots, mask of never printed ones, text."""

KNOWN = ("v", "m", "g")
"""Those that say which slots are known."""

_FORMAT = {"N": "2"}

_COUNTS = re.compile(r"\d+(?:,\d+)*+", re.ASCII)
_CLOSES, _PRICES, _TRADES, _LINES = 3, 4, 6, 9
"""Where closes are among the lines, how many are of prices, where counts of trades are, and how many are always there.

One more holds the offsets, where a candle opened off its slot.
"""

_Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """What is stored of the slots of a block.

    Attributes
    ----------
    number
        A slot divided by the interval's `block_slots`.
    candles
        By slot, ascending.
    stored, gone
        The masks of the slots that are stored, and that were never printed: bit 0 is the block's first slot.
    """

    interval: Interval
    number: int
    candles: Sequence[Candle] = ()
    stored: int = 0
    gone: int = 0

    @property
    def window(self) -> Window:
        """All its slots."""
        size = self.interval.block_slots
        return Window(self.number * size, (self.number + 1) * size)

    @property
    def is_complete(self) -> bool:
        """Whether something is known of every slot."""
        return self.stored | self.gone == full_mask(self.interval)

    def joined(self, candles: Mapping[int, Candle], gone: int) -> Block:
        """Return the block with more: what it holds stays, and a slot with a candle was printed.

        Parameters
        ----------
        candles
            By slot.
        gone
            A mask.
        """
        both = {**candles, **{candle.slot: candle for candle in self.candles}}
        stored = sum(1 << slot - self.window.start for slot in both)
        ordered = [both[slot] for slot in sorted(both)]
        return replace(self, candles=ordered, stored=stored, gone=(self.gone | gone) & ~stored)

    def revised(self, offered: Candle) -> Block:
        """Return the block with another candle in a slot that has one."""
        return replace(self, candles=[offered if candle.slot == offered.slot else candle for candle in self.candles])

    def item(self, series: Series) -> dict[str, Any]:
        """Return its item."""
        return _item(series, self.number, columns_of(self.candles), self.stored, self.gone)


def whole_item(series: Series, number: int, columns: CandleColumns) -> dict[str, Any]:
    """Return the item of the block of which all candles are in hand."""
    return _item(series, number, columns, full_mask(series.interval), 0)


def _item(series: Series, number: int, columns: CandleColumns, stored: int, gone: int) -> dict[str, Any]:
    size = -(-series.interval.block_slots // 8)
    item: dict[str, Any] = {
        "series": {"S": str(series)},
        "block": {"S": name_of(series.interval, number)},
        "v": _FORMAT,
    }
    for name, mask in (("m", stored), ("g", gone)):
        if mask:
            item[name] = {"B": mask.to_bytes(size, "little")}
    if columns.rows:
        item["z"] = {"B": _packed(columns)}
    return item


def name_of(interval: Interval, number: int) -> str:
    """Return the key of a block: ``2025-01-31T05:00``. Such keys sort by time."""
    return interval.moment_of(number * interval.block_slots).isoformat(timespec="minutes").removesuffix("+00:00")


def number_of(interval: Interval, item: _Attributes) -> int:
    """Return the number of a block by the key of its item.

    Raises
    ------
    ValueError
        No block begins there.
    """
    number, rest = divmod(slot_named(interval, item["block"]["S"]), interval.block_slots)
    if rest:
        raise ValueError("no block begins there")
    return number


def slot_named(interval: Interval, moment: str) -> int:
    """Return the slot of a moment such as ``2025-01-31T05:00``."""
    return interval.slot_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))


def full_mask(interval: Interval) -> int:
    """Return the mask of all slots of a block."""
    return (1 << interval.block_slots) - 1


def block_of(item: _Attributes, interval: Interval, number: int) -> Block:
    """Read a block back.

    Raises
    ------
    ValueError
        It is not what `Block.item` made.
    """
    return Block(interval, number, columns_in(item, interval, number).candles(), *masks_of(item, interval))


def masks_of(item: _Attributes, interval: Interval) -> tuple[int, int]:
    """Return the masks of the stored and of the never printed slots.

    Raises
    ------
    ValueError
        They are not what `Block.item` made.
    """
    if item.get("v") != _FORMAT:
        raise ValueError(f"its format is {item.get('v')}, and the known one is {_FORMAT}")
    try:
        stored, gone = (int.from_bytes(item[name]["B"], "little") if name in item else 0 for name in ("m", "g"))
    except (KeyError, TypeError) as error:
        raise ValueError("a mask is not of bytes") from error
    if (stored | gone) >> interval.block_slots or stored & gone:
        raise ValueError(f"its masks {stored:b} and {gone:b} do not fit")
    return stored, gone


def columns_in(item: _Attributes, interval: Interval, number: int) -> CandleColumns:
    """Return the candles of a block as columns.

    Raises
    ------
    ValueError
        The item is not what `Block.item` made.
    """
    stored, _ = masks_of(item, interval)
    if not stored and "z" not in item:
        return columns_of(())
    try:
        text = zlib.decompress(item["z"]["B"]).decode("ascii")
    except (KeyError, TypeError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"its candles cannot be unpacked: {error!r}") from error
    columns = _lines_of(text)
    slots = list(slots_of(stored, number * interval.block_slots))
    if {len(column) for column in columns} != {len(slots)}:
        raise ValueError("its text has not as many values as its mask")
    found = CandleColumns._make([slots, *columns])
    if not found.are_as_stored():
        raise ValueError("its text is not that of candles")
    return found


def _lines_of(text: str) -> list[list[Any]]:
    """Return the columns of a text, that of the offsets included.

    Raises
    ------
    ValueError
        It has not as many lines, or what should be a count is none.
    """
    begin, *lines = text.split("\n")
    if len(lines) not in {_LINES, _LINES + 1} or not all(map(_COUNTS.fullmatch, (lines[_TRADES], *lines[_LINES:]))):
        raise ValueError("its text is not that of candles")
    prices = [begin + line.replace(",", f",{begin}") for line in lines[:_PRICES]]
    opens, *others = [line.split(",") for line in (*prices, *lines[_PRICES:_LINES])]
    pairs = zip(opens[1:], others[_CLOSES - 1], strict=False)
    opens[1:] = [close if open_ == begin else open_ for open_, close in pairs]
    columns: list[list[Any]] = [opens, *others]
    columns[_TRADES] = list(map(int, columns[_TRADES]))
    offsets = map(int, lines[_LINES].split(",")) if len(lines) > _LINES else [0] * len(opens)
    return [*columns, list(offsets)]


def slots_of(mask: int, first: int) -> Iterator[int]:
    """Yield the slots of a mask whose bit 0 is the slot `first`, ascending."""
    while mask:
        bit = mask & -mask
        yield first + bit.bit_length() - 1
        mask ^= bit


def windows_of(mask: int, first: int) -> Iterator[Window]:
    """Yield the slots of a mask whose bit 0 is the slot `first` as windows, ascending."""
    while mask:
        skipped = (mask & -mask).bit_length() - 1
        mask >>= skipped
        length = (~mask & (mask + 1)).bit_length() - 1
        yield Window(first + skipped, first + skipped + length)
        mask >>= length
        first += skipped + length


def masks_by_block(windows: Windows, size: int) -> dict[int, int]:
    """Return the mask of each block of `size` slots that windows touch."""
    masks: dict[int, int] = {}
    for start, end in windows:
        for block in range(start // size, -(-end // size)):
            first = block * size
            part = Window(start, end).clip(Window(first, first + size))
            masks[block] = masks.get(block, 0) | ((1 << part.slots) - 1) << part.start - first
    return masks


def _packed(columns: CandleColumns) -> bytes:
    prices = (columns.open, columns.high, columns.low, columns.close)
    begin = _beginning(prices)
    pairs = zip(columns.open[1:], columns.close, strict=False)
    opens = [columns.open[0], *["" if open_ == close else open_ for open_, close in pairs]]
    lines = "\n".join(map(",".join, ("", opens, *prices[1:])))
    short = lines.replace(f",{begin}", ",").replace(f"\n{begin}", "\n")
    rest: list[Iterable[str]] = [*columns[5:7], map(str, columns.trade_count), *columns[8:10]]
    if any(columns.offset_ms):
        rest.append(map(str, columns.offset_ms))
    text = "\n".join((begin + short, *map(",".join, rest)))
    packing = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return packing.compress(text.encode("ascii")) + packing.flush()


def _beginning(prices: Sequence[Sequence[str]]) -> str:
    """Return what all prices begin with, and less than the whole of any: only an open that is left out is empty."""
    least, most = min(map(min, prices)), max(map(max, prices))  # as texts, so that all others lie between them
    same = next((at for at, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), len(least))
    return least[: min(same, len(least) - 1)]
