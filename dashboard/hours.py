"""What the archive knows of each hour of a series, from an answer of its coverage: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from candle_collector.answers import MissingWindow, MonthCoverage, SeriesByMonth, SymbolCoverage
from candle_collector.answers import Window as AnsweredWindow
from candle_collector.domain import windows
from candle_collector.domain.windows import HOURS_A_DAY, Window, Windows

from cli.collect.wording import moment


class Kind(IntEnum):
    """What is known of an hour; of a day or a month, the worst of its hours."""

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
class Hours:
    """The hours of a series by kind; whatever is in none of them is not expected.

    Those to come are newer than the newest candle: the next run brings them, so they are not called missing.
    """

    stored: Windows
    to_come: Windows
    never_printed: Windows
    rejected: Windows
    missing: Windows

    def kinds(self, within: Window) -> list[Kind]:
        """Return what is known of each hour of a window."""
        found = [Kind.NOT_EXPECTED] * within.hours
        for kind, of_kind in self.by_kind():
            for start, end in windows.clip(of_kind, within):
                found[start - within.start : end - within.start] = [kind] * (end - start)
        return found

    def by_kind(self) -> Iterable[tuple[Kind, Windows]]:
        """Yield the windows of each kind, the worst first."""
        yield Kind.MISSING, self.missing
        yield Kind.REJECTED, self.rejected
        yield Kind.NEVER_PRINTED, self.never_printed
        yield Kind.TO_COME, self.to_come
        yield Kind.STORED, self.stored


NOTHING = Hours((), (), (), (), ())
"""What is known of a series of which nothing is expected."""


def by_day(kinds: Sequence[Kind]) -> list[Counter[Kind]]:
    """Count the kinds of whole days."""
    return [Counter(kinds[start : start + HOURS_A_DAY]) for start in range(0, len(kinds), HOURS_A_DAY)]


def hours_of(coverage: SymbolCoverage) -> Hours:
    """Return the hours of a series from an answer of its coverage that names every window."""
    if coverage.start is None or coverage.end is None:
        return NOTHING
    expected = Window(hour_at(coverage.start), hour_at(coverage.end))
    never, rejected, missing = (
        windows.clip(windows.union(map(window_of, found)), expected)
        for found in (coverage.never_printed, coverage.rejected, coverage.missing)
    )
    outside = []
    if coverage.listing.asked_from and coverage.listing.first:
        outside.append(Window(hour_at(coverage.listing.asked_from), hour_at(coverage.listing.first)))
    if coverage.delisted_from:
        outside.append(Window(hour_at(coverage.delisted_from), max(expected.end, hour_at(coverage.delisted_from))))
    elsewhere = windows.union([*never, *rejected, *missing, *outside])
    newer = Window(expected.end if coverage.last is None else hour_at(coverage.last) + 1, expected.end)
    return Hours(
        stored=windows.subtract((expected,), elsewhere),
        to_come=windows.clip(missing, newer),
        never_printed=never,
        rejected=rejected,
        missing=windows.subtract(missing, (newer,) if newer.hours else ()),
    )


def is_whole(coverage: SymbolCoverage) -> bool:
    """Return whether an answer names every window: of a series with tens of thousands it names the first."""
    never = sum(window.hours for window in coverage.never_printed)
    missing = sum(window.hours for window in coverage.missing)
    return (never, missing) == (coverage.never_printed_hours, coverage.missing_hours)


def window_of(answered: AnsweredWindow) -> Window:
    """Return a window of an answer as hours."""
    return Window(hour_at(answered.start), hour_at(answered.end))


def hour_at(text: str) -> int:
    """Return the hour of a moment of the API."""
    return windows.hour_of(moment(text))


def day_window(day: date) -> Window:
    """Return the hours of a UTC day."""
    start = windows.first_hour_of(day.isoformat())
    return Window(start, start + HOURS_A_DAY)


def days_of(first: date, last: date) -> list[date]:
    """Return the days from one to another, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def to_come(series: SeriesByMonth) -> dict[str, int]:
    """Return how many hours of a series are newer than its newest candle, by month."""
    if series.last is None or series.end is None:
        return {}
    return windows.count_by_month(windows.union([Window(hour_at(series.last) + 1, hour_at(series.end))]))


def missing_of(series: SeriesByMonth) -> int:
    """Return how many hours of a series are missing, without those to come."""
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
    return next((kind for kind, hours in by_kind if hours), Kind.NOT_EXPECTED)


def touching(found: Sequence[MissingWindow], within: Window) -> list[MissingWindow]:
    """Return the windows that have hours in common with a window."""
    return [item for item in found if window_of(item).clip(within).hours]
