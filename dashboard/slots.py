"""What the archive knows of each slot of a series, from an answer of its coverage: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from candle_collector.answers import MissingWindow, MonthCoverage, SeriesByMonth, SymbolCoverage
from candle_collector.answers import Window as AnsweredWindow
from candle_collector.domain import windows
from candle_collector.domain.interval import HOUR_MS, Interval, interval_named
from candle_collector.domain.windows import Window, Windows

from cli.collect.wording import moment


class Kind(IntEnum):
    """What is known of a slot; of an hour, a day or a month, the worst of its slots."""

    NOT_EXPECTED = 0
    STORED = 1
    TO_COME = 2
    NEVER_PRINTED = 3
    REJECTED = 4
    MISSING = 5


NAMES = {
    Kind.NOT_EXPECTED: "not expected",
    Kind.STORED: "stored",
    Kind.TO_COME: "to come",
    Kind.NEVER_PRINTED: "never printed",
    Kind.REJECTED: "wrong at the exchange",
    Kind.MISSING: "missing",
}


@dataclass(frozen=True)
class Slots:
    """The slots of a series of an interval by kind; whatever is in none of them is not expected.

    Those to come are newer than the newest candle: the next run brings them, so they are not called missing.
    """

    interval: Interval
    stored: Windows = ()
    to_come: Windows = ()
    never_printed: Windows = ()
    rejected: Windows = ()
    missing: Windows = ()

    def kinds(self, within: Window) -> list[Kind]:
        """Return what is known of each slot of a window."""
        found = [Kind.NOT_EXPECTED] * within.slots
        for kind, of_kind in self.by_kind():
            for start, end in windows.clip(of_kind, within):
                found[start - within.start : end - within.start] = [kind] * (end - start)
        return found

    def kinds_by_day(self, first: date, last: date) -> list[list[Kind]]:
        """Return what is known of each slot of the UTC days from one to another, both included."""
        size = self.interval.slots_a_day
        kinds = self.kinds(Window(day_window(self.interval, first).start, day_window(self.interval, last).end))
        return [kinds[start : start + size] for start in range(0, len(kinds), size)]

    def by_kind(self) -> Iterable[tuple[Kind, Windows]]:
        """Yield the windows of each kind, the worst first."""
        yield Kind.MISSING, self.missing
        yield Kind.REJECTED, self.rejected
        yield Kind.NEVER_PRINTED, self.never_printed
        yield Kind.TO_COME, self.to_come
        yield Kind.STORED, self.stored


def by_hour(kinds: Sequence[Kind], interval: Interval) -> list[Kind]:
    """Return the worst of each hour of a day; of an interval that is longer, the day's slots themselves."""
    size = max(1, HOUR_MS // interval.length_ms)
    return [max(kinds[start : start + size]) for start in range(0, len(kinds), size)]


def count_kinds(days: Iterable[Sequence[Kind]]) -> list[Counter[Kind]]:
    """Count the kinds of each day."""
    return list(map(Counter, days))


def slots_of(coverage: SymbolCoverage) -> Slots:
    """Return the slots of a series from an answer of its coverage that names every window."""
    interval = interval_named(coverage.interval)
    if coverage.start is None or coverage.end is None:
        return Slots(interval)

    def at(text: str) -> int:
        return slot_at(interval, text)

    expected = Window(at(coverage.start), at(coverage.end))
    never, rejected, missing = (
        windows.clip(windows.union(window_of(interval, item) for item in found), expected)
        for found in (coverage.never_printed, coverage.rejected, coverage.missing)
    )
    outside = []
    if coverage.listing.asked_from and coverage.listing.first:
        outside.append(Window(at(coverage.listing.asked_from), at(coverage.listing.first)))
    if coverage.delisted_from:
        outside.append(Window(at(coverage.delisted_from), max(expected.end, at(coverage.delisted_from))))
    elsewhere = windows.union([*never, *rejected, *missing, *outside])
    newer = Window(expected.end if coverage.last is None else at(coverage.last) + 1, expected.end)
    return Slots(
        interval,
        stored=windows.subtract((expected,), elsewhere),
        to_come=windows.clip(missing, newer),
        never_printed=never,
        rejected=rejected,
        missing=windows.subtract(missing, (newer,) if newer.slots else ()),
    )


def is_whole(coverage: SymbolCoverage) -> bool:
    """Return whether an answer names every window: of a series with tens of thousands it names the first."""
    never = sum(window.candles for window in coverage.never_printed)
    missing = sum(window.candles for window in coverage.missing)
    return (never, missing) == (coverage.never_printed_candles, coverage.missing_candles)


def window_of(interval: Interval, answered: AnsweredWindow) -> Window:
    """Return a window of an answer as slots."""
    return Window(slot_at(interval, answered.start), slot_at(interval, answered.end))


def slot_at(interval: Interval, text: str) -> int:
    """Return the slot of a moment of the API."""
    return interval.slot_of(moment(text))


def day_window(interval: Interval, day: date) -> Window:
    """Return the slots of a UTC day."""
    start = interval.first_of_day(day.isoformat())
    return Window(start, start + interval.slots_a_day)


def days_of(first: date, last: date) -> list[date]:
    """Return the days from one to another, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def to_come(series: SeriesByMonth) -> dict[str, int]:
    """Return how many candles of a series are newer than its newest one, by month."""
    if series.last is None or series.end is None:
        return {}
    interval = interval_named(series.interval)
    newer = Window(slot_at(interval, series.last) + 1, slot_at(interval, series.end))
    return interval.count_by_month(windows.union([newer]))


def missing_of(series: SeriesByMonth) -> int:
    """Return how many candles of a series are missing, without those to come."""
    return series.missing - sum(to_come(series).values())


def month_kind(month: MonthCoverage, still_to_come: int) -> Kind:
    """Return the worst that is known of a month."""
    by_kind = (
        (Kind.MISSING, month.missing - still_to_come),
        (Kind.REJECTED, month.rejected),
        (Kind.NEVER_PRINTED, month.never_printed),
        (Kind.TO_COME, still_to_come),
        (Kind.STORED, month.stored),
    )
    return next((kind for kind, candles in by_kind if candles), Kind.NOT_EXPECTED)


def touching(interval: Interval, found: Sequence[MissingWindow], within: Window) -> list[MissingWindow]:
    """Return the windows that have slots in common with a window."""
    return [item for item in found if window_of(interval, item).clip(within).slots]
