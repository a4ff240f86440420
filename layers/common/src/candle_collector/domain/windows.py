"""Hours and windows of hours: the numbers in which coverage is counted.

An hour is the number of whole hours since 1970-01-01T00:00Z. Windows are half open, ``[start, end)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NamedTuple

HOUR_MS = 3_600_000
HOURS_A_DAY = 24

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """The hours from `start` to before `end`; empty where they are equal."""

    start: int
    end: int

    @property
    def hours(self) -> int:
        """How many hours it holds."""
        return max(0, self.end - self.start)

    def clip(self, within: Window) -> Window:
        """Return the part that lies in `within`, perhaps empty."""
        start = max(self.start, within.start)
        return Window(start, max(start, min(self.end, within.end)))


Windows = tuple[Window, ...]
"""Windows in order, none empty, none touching another."""


def hour_of(moment: datetime) -> int:
    """Return the hour that an aware `moment` lies in."""
    return (moment - _EPOCH) // timedelta(hours=1)


def moment_of(hour: int) -> datetime:
    """Return the aware UTC moment at which `hour` opens."""
    return _EPOCH + timedelta(hours=hour)


def day_of(hour: int) -> str:
    """Return the UTC day of `hour` as ``2025-01-31``."""
    return moment_of(hour).date().isoformat()


def first_hour_of(day: str) -> int:
    """Return the hour at which the UTC `day`, ``2025-01-31``, begins."""
    return hour_of(datetime.fromisoformat(day).replace(tzinfo=UTC))


def year_of(hour: int) -> int:
    """Return the UTC year of `hour`."""
    return moment_of(hour).year


def years_of(window: Window) -> range:
    """Return the UTC years that a window touches."""
    return range(year_of(window.start), year_of(max(window.start, window.end - 1)) + 1)


def year_window(year: int) -> Window:
    """Return all hours of the UTC `year`."""
    return Window(hour_of(datetime(year, 1, 1, tzinfo=UTC)), hour_of(datetime(year + 1, 1, 1, tzinfo=UTC)))


def union(windows: Iterable[Window]) -> Windows:
    """Join windows of any order, overlapping or not, into ordered ones."""
    joined: list[Window] = []
    for window in sorted(windows):
        if not window.hours:
            continue
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def from_hours(hours: Iterable[int]) -> Windows:
    """Join single hours, in any order, into windows."""
    # not by union: a window made for each of thousands of hours was a sixth of a worker's CPU
    windows: list[Window] = []
    start = end = None
    for hour in sorted(hours):
        if start is None or end is None:
            start = hour
        elif hour > end:
            windows.append(Window(start, end))
            start = hour
        end = hour + 1
    if start is not None and end is not None:
        windows.append(Window(start, end))
    return tuple(windows)


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
    """Return at most so many windows that hold all hours of `windows`: those with the fewest hours between are joined.

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
    return tuple(part for window in windows if (part := window.clip(within)).hours)


def count(windows: Windows) -> int:
    """Return how many hours `windows` hold."""
    return sum(window.hours for window in windows)


def contains(windows: Windows, hour: int) -> bool:
    """Return whether `hour` lies in one of `windows`."""
    return any(start <= hour < end for start, end in windows)


def contains_all(windows: Windows, within: Window) -> bool:
    """Return whether every hour of `within` lies in `windows`."""
    return not subtract((within,), windows) if within.hours else True


def days_in(windows: Windows) -> frozenset[str]:
    """Return the UTC days that `windows` touch, each as ``2025-01-31``."""
    midnights = (range(start - start % HOURS_A_DAY, end, HOURS_A_DAY) for start, end in windows)
    return frozenset(map(day_of, chain.from_iterable(midnights)))


def count_days(windows: Windows) -> int:
    """Return how many UTC days `windows` touch."""
    days, last = 0, -1
    for start, end in windows:
        days += (end - 1) // HOURS_A_DAY - max(start // HOURS_A_DAY, last + 1) + 1
        last = (end - 1) // HOURS_A_DAY
    return days


def count_by_month(windows: Windows) -> dict[str, int]:
    """Return how many hours of each UTC month, ``2025-01``, `windows` hold; months without any are left out."""
    hours: dict[str, int] = {}
    for start, end in windows:
        at = start
        while at < end:
            month = moment_of(at).replace(day=1, hour=0)
            following = min(end, hour_of((month + timedelta(days=31)).replace(day=1)))
            name = f"{month:%Y-%m}"
            hours[name] = hours.get(name, 0) + following - at
            at = following
    return hours


def hours_in(windows: Windows) -> Iterator[int]:
    """Yield every hour of `windows`, ascending."""
    for start, end in windows:
        yield from range(start, end)
