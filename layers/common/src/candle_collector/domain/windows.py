"""Slots and windows of slots: the numbers in which coverage is counted.

Windows are half open, ``[start, end)``. What a slot is, an `Interval` says; windows of times are in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Window(NamedTuple):
    """The slots from `start` to before `end`; empty where they are equal."""

    start: int
    end: int

    @property
    def slots(self) -> int:
        """How many slots it holds."""
        return max(0, self.end - self.start)

    def clip(self, within: Window) -> Window:
        """Return the part that lies in `within`, perhaps empty."""
        start = max(self.start, within.start)
        return Window(start, max(start, min(self.end, within.end)))


Windows = tuple[Window, ...]
"""Windows in order, none empty, none touching another."""


def union(windows: Iterable[Window]) -> Windows:
    """Join windows of any order, overlapping or not, into ordered ones."""
    joined: list[Window] = []
    for window in sorted(windows):
        if not window.slots:
            continue
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def from_slots(slots: Iterable[int]) -> Windows:
    """Join single slots, in any order, into windows."""
    # not by union: a window made for each of thousands of slots was a sixth of a worker's CPU
    ordered = sorted(set(slots))
    if not ordered:
        return ()
    if ordered[-1] - ordered[0] + 1 == len(ordered):  # as those of an answer mostly are
        return (Window(ordered[0], ordered[-1] + 1),)
    jumps = [at for at in range(1, len(ordered)) if ordered[at] > ordered[at - 1] + 1]
    return tuple(Window(ordered[start], ordered[end - 1] + 1) for start, end in pairwise((0, *jumps, len(ordered))))


def subtract(windows: Windows, gone: Windows) -> Windows:
    """Return what of `windows` is not in `gone`."""
    left: list[Window] = []
    index = 0
    for start, end in windows:
        at = start
        while index < len(gone) and gone[index].end <= at:
            index += 1
        behind = index
        while behind < len(gone) and gone[behind].start < end:
            if gone[behind].start > at:
                left.append(Window(at, gone[behind].start))
            at = max(at, gone[behind].end)
            behind += 1
        if at < end:
            left.append(Window(at, end))
    return tuple(left)


def coarsened(windows: Windows, most: int) -> Windows:
    """Return at most so many windows that hold all slots of `windows`: those with the fewest slots between are joined.

    Parameters
    ----------
    most
        At least 1.
    """
    if len(windows) <= most:
        return windows
    gaps = sorted(range(1, len(windows)), key=lambda number: windows[number].start - windows[number - 1].end)
    joined = set(gaps[: len(windows) - most])
    starts = [window.start for number, window in enumerate(windows) if number not in joined]
    ends = [window.end for number, window in enumerate(windows) if number + 1 not in joined]
    return tuple(map(Window, starts, ends))


def clip(windows: Windows, within: Window) -> Windows:
    """Return what of `windows` lies in `within`."""
    return tuple(part for window in windows if (part := window.clip(within)).slots)


def count(windows: Windows) -> int:
    """Return how many slots `windows` hold."""
    return sum(window.slots for window in windows)


def contains(windows: Windows, slot: int) -> bool:
    """Return whether `slot` lies in one of `windows`."""
    return any(start <= slot < end for start, end in windows)


def count_blocks(windows: Windows, size: int) -> int:
    """Return how many blocks of `size` slots `windows` touch."""
    blocks, last = 0, -1
    for start, end in windows:
        blocks += (end - 1) // size - max(start // size, last + 1) + 1
        last = (end - 1) // size
    return blocks


def slots_in(windows: Windows) -> Iterator[int]:
    """Yield every slot of `windows`, ascending."""
    for start, end in windows:
        yield from range(start, end)
