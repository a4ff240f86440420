"""Reading, export and coverage against whoever looks at every stored hour, whatever the series' record says.

READING_CASES is how many archives each test draws; `make faults` draws thousands.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property

from candle_collector import answers
from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import INTERVAL_HOURS, Grid, merge
from candle_collector.domain.candle import Candle
from candle_collector.domain.segments import SILENCE_HOURS
from candle_collector.domain.series import Series
from candle_collector.domain.windows import HOUR_MS, Window
from candle_collector.reading.read_candles import read_candles
from candle_collector.reading.report_coverage import CoveragePorts, report_coverage, report_symbol_coverage
from candle_collector.reading.stream_candles import range_of_dates, stream_months
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore

CASES = settings(max_examples=int(os.environ.get("READING_CASES") or 150))
SYMBOL = "BTCUSDT"
OFF_THE_HOUR = Window(421_713, 421_756)
"""The hours of February 2018 whose candles opened at 28 minutes past."""
OFFSET_MS = 1_694_789
NOW = windows.hour_of(FakeClock().now())
EVER = range_of_dates(None, None)


@dataclass(frozen=True)
class Truth:
    """What is stored and proven of a series, hour by hour, and the record that says so."""

    candles: tuple[Candle, ...]
    never: frozenset[int]
    honest: Series

    @cached_property
    def hours(self) -> list[int]:
        return [candle.hour for candle in self.candles]

    @cached_property
    def known(self) -> frozenset[int]:
        """The hours that are stored, never printed, before the listing or after the delisting."""
        proofs = [proof for proof in (self.honest.absent, self.honest.delisted) if proof]
        return self.never.union(self.hours, *(range(*proof) for proof in proofs))

    @cached_property
    def silences(self) -> list[int]:
        """The hours at which a silence of a week or longer ends."""
        return [window.end for window in windows.from_hours(self.never) if window.hours >= SILENCE_HOURS]

    def of_interval(self, grid: Grid) -> list[Candle]:
        """Return the candles of the buckets in which no hour is missing."""
        if grid.hours == 1:
            return list(self.candles)
        buckets = sorted({grid.floor(hour) for hour in self.hours})
        return [
            merge(grid.bucket(start), [candle for candle in self.candles if start <= candle.hour < start + grid.hours])
            for start in buckets
            if self.known.issuperset(range(start, start + grid.hours))
        ]


@dataclass(frozen=True)
class Archive:
    """A series in the stores, with a record that may be wrong."""

    truth: Truth
    noted: Series | None

    def ports(self) -> CoveragePorts:
        candles, series = FakeCandleStore(), FakeSeriesStore()
        candles.store(SYMBOL, self.truth.candles, windows.from_hours(self.truth.never), absent_days=frozenset())
        if self.noted:
            series.put(self.noted)
        return CoveragePorts(candles, series, FakeRateLimiter(), FakeClock())


def counts(hours: list[int]) -> dict[int, int]:
    years = [windows.year_of(hour) for hour in hours]
    return {year: years.count(year) for year in years}


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    base = draw(st.sampled_from(["2018-02-08", "2019-12-30", "2023-10-30"]))
    start = windows.first_hour_of(base) + draw(st.integers(0, 47))
    size = draw(st.sampled_from([5, 30, 60, 200, 400]))
    gone: dict[int, bool] = {}
    for _ in range(draw(st.integers(0, 5))):
        at, length, proven = draw(
            st.tuples(st.integers(1, size), st.sampled_from([1, 2, 7, 30, SILENCE_HOURS]), st.booleans())
        )
        gone |= dict.fromkeys(range(start + at, min(start + size - 1, start + at + length)), proven)
    hours = [hour for hour in range(start, start + size) if hour not in gone]
    never = frozenset(hour for hour, proven in gone.items() if proven)
    shifted = draw(st.booleans())
    candles = tuple(
        synthetic_candle(SYMBOL, hour)._replace(
            offset_ms=OFFSET_MS if shifted and OFF_THE_HOUR.start <= hour < OFF_THE_HOUR.end else 0
        )
        for hour in hours
    )
    before, after = draw(st.integers(0, 50)), draw(st.integers(0, 60))
    honest = Series(
        SYMBOL,
        first=hours[0],
        last=hours[-1],
        absent=Window(hours[0] - before, hours[0]) if before else None,
        delisted=Window(hours[-1] + 1, hours[-1] + 1 + after) if after else None,
        years=counts(hours),
    )
    return Truth(candles, never, honest)


@st.composite
def archives(draw: st.DrawFn, *, with_counts: bool = True) -> Archive:
    """Draw a series whose record is honest, absent, too narrow, too wide, or counted wrongly."""
    truth = draw(truths())
    honest = truth.honest
    lie = draw(st.sampled_from(["none", "absent", "empty", "ends", "narrow proofs", "counts"]))
    reach = st.integers(honest.first - 40, honest.last + 40)  # type: ignore[operator] # a series of a truth has both
    if lie == "absent":
        return Archive(truth, None)
    if lie == "empty":
        return Archive(truth, Series(SYMBOL))
    if lie == "ends":
        first, last = sorted((draw(reach), draw(reach)))
        return Archive(truth, replace(honest, first=first, last=last, absent=None, delisted=None))
    if lie == "narrow proofs":  # a late worker's older record: its proofs reach over what another has stored since
        first, last = sorted(draw(st.tuples(*[st.integers(honest.first, honest.last)] * 2)))
        absent = Window(honest.absent.start, first) if honest.absent else None
        delisted = Window(last + 1, honest.delisted.end) if honest.delisted else None
        return Archive(truth, replace(honest, first=first, last=last, absent=absent, delisted=delisted))
    if lie == "counts" and with_counts:
        wrong = {year: max(0, count + draw(st.integers(-30, 30))) for year, count in honest.years.items()}
        return Archive(truth, replace(honest, years=draw(st.sampled_from([{}, wrong, {**wrong, 2022: 7}]))))
    return Archive(truth, honest)


def as_known(archive: Archive) -> Truth:
    """Return what can be known where proofs of the record are lost: no more than the record holds."""
    noted, truth = archive.noted or Series(SYMBOL), archive.truth
    absent = truth.honest.absent if noted.absent else None
    delisted = truth.honest.delisted if noted.delisted else None
    return replace(truth, honest=replace(truth.honest, absent=absent, delisted=delisted))


@CASES
@given(archive=archives(), interval=st.sampled_from(list(INTERVAL_HOURS)))
def test_every_stored_candle_is_exported(archive: Archive, interval: str) -> None:
    ports, truth = archive.ports(), as_known(archive)
    months = list(stream_months(ports.candles, ports.series, SYMBOL, EVER, interval=interval))
    assert [candle for month in months for candle in month.columns.candles()] == truth.of_interval(
        Grid(INTERVAL_HOURS[interval])
    )
    noted = archive.noted or Series(SYMBOL)
    is_right = (noted.first, noted.last) == (truth.honest.first, truth.honest.last)
    assert {month.correction is None for month in months} <= {is_right}


@CASES
@given(archive=archives(with_counts=False))
def test_segments_are_those_of_the_silences_that_are_stored(archive: Archive) -> None:
    ports = archive.ports()
    for month in stream_months(ports.candles, ports.series, SYMBOL, EVER):
        assert list(month.segments) == [
            1 + sum(end <= hour for end in archive.truth.silences) for hour in month.columns.hour
        ]


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int | None, int | None]:
    """Draw a start and an end in ms after the first candle's hour, on and around the full hours."""
    hours = st.integers(-20, 420)
    near = st.sampled_from([0, 1, -1, OFFSET_MS, OFFSET_MS + 1, OFFSET_MS - 1])
    bound = st.none() | st.tuples(hours, near).map(lambda pair: pair[0] * HOUR_MS + pair[1])
    return draw(bound), draw(bound)


@CASES
@given(
    archive=archives(),
    grid=st.builds(Grid, st.sampled_from(list(INTERVAL_HOURS.values())), st.sampled_from([0, 0, 0, 3, -5, 14, -12])),
    within=bounds(),
    limit=st.sampled_from([1, 2, 5, 500, 1000]),
)
def test_every_stored_candle_is_read(
    archive: Archive, grid: Grid, within: tuple[int | None, int | None], limit: int
) -> None:
    ports, truth = archive.ports(), as_known(archive)
    start, end = (None if bound is None else truth.hours[0] * HOUR_MS + bound for bound in within)
    fitting = [
        candle
        for candle in truth.of_interval(grid)
        if (start is None or candle.open_time_ms >= start) and (end is None or candle.open_time_ms <= end)
    ]
    found = read_candles(ports.candles, ports.series, SYMBOL, start_ms=start, end_ms=end, limit=limit, grid=grid)
    assert found == (fitting[-limit:] if start is None else fitting[:limit])


def missing_of(coverage: answers.SymbolCoverage) -> set[int]:
    bounds = [(dates.start_of(window.start), dates.start_of(window.end)) for window in coverage.missing]
    return {hour for start, end in bounds for hour in range(start, end)}


@CASES
@given(archive=archives())
def test_coverage_counts_every_stored_hour_and_expects_what_was_noted(archive: Archive) -> None:
    truth, noted = as_known(archive), archive.noted or Series(SYMBOL)
    coverage = report_symbol_coverage(SYMBOL, archive.ports())
    hours = truth.hours
    assert (coverage.first, coverage.last) == (dates.format_hour(hours[0]), dates.format_hour(hours[-1]))
    assert coverage.stored == len(hours)
    since = min(hours[0], hours[0] if noted.first is None else noted.first)
    until = max(hours[-1] + 1, truth.honest.delisted.start if truth.honest.delisted else NOW)
    assert missing_of(coverage) == set(range(since, until)) - truth.known
    assert coverage.expected == coverage.stored + coverage.never_printed_hours + coverage.missing_hours
    assert coverage.record_repaired == (noted not in (archive.truth.honest, truth.honest))


@CASES
@given(archive=archives())
def test_the_list_omits_no_stored_hour_either(archive: Archive) -> None:
    ports = archive.ports()
    listed = report_coverage(ports).symbols
    if archive.noted is None:  # a list has the series that have a record
        assert not listed
        return
    (coverage,) = listed
    alone = report_symbol_coverage(SYMBOL, ports)
    life = Window(archive.truth.hours[0], archive.truth.hours[-1] + 1)
    said = archive.noted.years
    full = [year for year in said if said[year] == windows.year_window(year).clip(life).hours]
    if all(said[year] == archive.truth.honest.years.get(year) for year in full):
        assert coverage == alone
    else:  # a year is called full that is not: it is believed, and hides nothing that is stored
        assert (coverage.first, coverage.last) == (alone.first, alone.last)
        assert coverage.stored > alone.stored
