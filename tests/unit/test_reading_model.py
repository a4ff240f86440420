"""Reading, export and coverage against whoever looks at every stored slot, whatever the series' record says.

READING_CASES is how many archives each test draws; `make faults` draws thousands.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from candle_collector import answers
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import dates, windows
from candle_collector.domain.aggregate import AS_STORED, INTERVALS, AnyGrid, bases_of, grid_of, merge
from candle_collector.domain.candle import Candle
from candle_collector.domain.closing import closed_ms_by
from candle_collector.domain.interval import HOUR_MS, Interval
from candle_collector.domain.segments import SILENCE_DAYS
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.reading.read_candles import read_candles
from candle_collector.reading.report_coverage import CoveragePorts, report_coverage, report_series_coverage
from candle_collector.reading.stream_candles import range_of_dates
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.rate_limiter import FakeRateLimiter
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.streams import stream_months

CASES = settings(max_examples=int(os.environ.get("READING_CASES") or 100), deadline=None)
SYMBOL = "BTCUSDT"
BASES = (Interval.HOUR, Interval.MINUTE, Interval.DAY)
BORDERS = ("2018-02-09", "2020-01-01", "2023-11-01")
"""Days near which a life begins: candles off the grid, another year, another month."""
OFF_THE_GRID = Window(dates.start_of("2018-02-09T09:00:00Z"), dates.start_of("2018-02-11T04:00:00Z"))
"""When, in February 2018, candles opened late: those of hours at 28 minutes past."""
OFFSET_MS = 1_694_789
CLOSED_MS = closed_ms_by(FakeClock().now(), clock_offset_ms=0)
EVER = range_of_dates(None, None, BINANCE)


def offset_of(base: Interval) -> int:
    """Return how long after its slot's begin a candle off the grid opens, in ms."""
    return OFFSET_MS % base.length_ms


@dataclass(frozen=True)
class Truth:
    """What is stored and proven of a series, slot by slot, and the record that says so."""

    candles: tuple[Candle, ...]
    never: Windows
    honest: SeriesRecord

    @property
    def series(self) -> Series:
        return self.honest.series

    @property
    def base(self) -> Interval:
        return self.series.interval

    @cached_property
    def slots(self) -> list[int]:
        return [candle.slot for candle in self.candles]

    @cached_property
    def known(self) -> Windows:
        """The slots that are stored, never printed, before the listing or after the delisting."""
        proofs = [proof for proof in (self.honest.absent, self.honest.delisted) if proof]
        return windows.union([*self.never, *windows.from_slots(self.slots), *proofs])

    @cached_property
    def silences(self) -> list[int]:
        """The slots at which a silence of a week or longer ends."""
        return [window.end for window in self.never if window.slots >= SILENCE_DAYS * self.base.slots_a_day]

    def of_interval(self, grid: AnyGrid) -> list[Candle]:
        """Return the candles of the buckets in which no slot is missing."""
        if grid == AS_STORED:
            return list(self.candles)
        held: dict[Window, list[Candle]] = {}
        for candle in self.candles:
            held.setdefault(grid.bucket(candle.slot), []).append(candle)
        return [merge(bucket, of) for bucket, of in held.items() if not windows.subtract((bucket,), self.known)]


@dataclass(frozen=True)
class Archive:
    """A series in the stores, with a record that may be wrong."""

    truth: Truth
    noted: SeriesRecord | None

    @property
    def series(self) -> Series:
        return self.truth.series

    def ports(self) -> CoveragePorts:
        candles, records = FakeCandleStore(), FakeSeriesStore()
        candles.store(self.series, self.truth.candles, self.truth.never, absent_blocks=frozenset())
        if self.noted:
            records.put(self.noted)
        return CoveragePorts(candles, records, FakeRateLimiter(), FakeClock(), {self.truth.base})


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    base = draw(st.sampled_from(BASES))
    at = base.first_of_day(draw(st.sampled_from(BORDERS))) - draw(st.integers(-24, 48))
    slots: list[int] = []
    gone: dict[bool, list[Window]] = {True: [], False: []}
    lengths = st.sampled_from([1, 2, 7, 30, SILENCE_DAYS * base.slots_a_day])
    gaps = st.lists(st.tuples(lengths, st.booleans()), max_size=5)
    for number, (length, proven) in enumerate(draw(gaps)):
        printed = draw(st.integers(0 if number else 1, 80))
        slots += range(at, at + printed)
        gone[proven].append(Window(at + printed, at + printed + length))
        at += printed + length
    slots += range(at, at + draw(st.integers(1, 80)))
    shifted = base.slots_within(OFF_THE_GRID) if draw(st.booleans()) else Window(0, 0)
    candles = tuple(
        synthetic_candle(SYMBOL, slot)._replace(offset_ms=offset_of(base) if shifted.start <= slot < shifted.end else 0)
        for slot in slots
    )
    before, after = draw(st.integers(0, 50)), draw(st.integers(0, 60))
    honest = SeriesRecord(
        Series(SYMBOL, base, BINANCE.name),
        first=slots[0],
        last=slots[-1],
        absent=Window(slots[0] - before, slots[0]) if before else None,
        delisted=Window(slots[-1] + 1, slots[-1] + 1 + after) if after else None,
        years=dict(Counter(map(base.year_of, slots))),
    )
    return Truth(candles, windows.union(gone[True]), honest)


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
        return Archive(truth, SeriesRecord(truth.series))
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
    noted, truth = archive.noted or SeriesRecord(archive.series), archive.truth
    absent = truth.honest.absent if noted.absent else None
    delisted = truth.honest.delisted if noted.delisted else None
    return replace(truth, honest=replace(truth.honest, absent=absent, delisted=delisted))


def grids(truth: Truth, shift_ms: int = 0) -> st.SearchStrategy[AnyGrid]:
    """Return a strategy for the intervals that the series makes up, its own among them."""
    base = truth.base
    names = [name for name in INTERVALS if base in bases_of(name, shift_ms)]
    grid = [grid_of(name, base, shift_ms, listed=base.open_ms(truth.slots[0])) for name in names]
    return st.sampled_from(grid or [AS_STORED])


@CASES
@given(archive=archives(), data=st.data())
def test_every_stored_candle_is_exported(archive: Archive, data: st.DataObject) -> None:
    ports, truth = archive.ports(), as_known(archive)
    grid = data.draw(grids(truth))
    months = list(stream_months(ports.candles, ports.series, archive.series, EVER, grid=grid))
    assert [candle for month in months for candle in month.columns.candles()] == truth.of_interval(grid)
    noted = archive.noted or SeriesRecord(archive.series)
    is_right = (noted.first, noted.last) == (truth.honest.first, truth.honest.last)
    assert {month.correction is None for month in months} <= {is_right}


@CASES
@given(archive=archives(with_counts=False))
def test_segments_are_those_of_the_silences_that_are_stored(archive: Archive) -> None:
    ports = archive.ports()
    for month in stream_months(ports.candles, ports.series, archive.series, EVER):
        assert list(month.segments) == [
            1 + sum(end <= slot for end in archive.truth.silences) for slot in month.columns.slot
        ]


@st.composite
def bounds(draw: st.DrawFn, truth: Truth) -> tuple[int | None, int | None]:
    """Draw a start and an end in ms since 1970, on and around the grid and the late candles."""
    first, base, offset = truth.slots[0], truth.base, offset_of(truth.base)
    near = st.sampled_from([0, 1, -1, offset, offset + 1, offset - 1])
    slot = st.integers(first - 20, first + 420) | st.sampled_from(truth.slots)
    bound = st.none() | st.tuples(slot, near).map(lambda pair: base.open_ms(pair[0]) + pair[1])
    return draw(bound), draw(bound)


@CASES
@given(
    archive=archives(),
    data=st.data(),
    shift_hours=st.sampled_from([0, 0, 0, 3, -5, 14, -12]),
    limit=st.sampled_from([1, 2, 5, 500, 1000]),
)
def test_every_stored_candle_is_read(archive: Archive, data: st.DataObject, shift_hours: int, limit: int) -> None:
    ports, truth = archive.ports(), as_known(archive)
    grid = data.draw(grids(truth, shift_hours * HOUR_MS))
    start, end = data.draw(bounds(truth))
    fitting = [
        candle
        for candle in truth.of_interval(grid)
        if (start is None or candle.open_time_ms(truth.base) >= start)
        and (end is None or candle.open_time_ms(truth.base) <= end)
    ]
    found = read_candles(
        ports.candles, ports.series, archive.series, start_ms=start, end_ms=end, limit=limit, grid=grid
    )
    assert found == (fitting[-limit:] if start is None else fitting[:limit])


def missing_of(coverage: answers.SymbolCoverage, base: Interval) -> Windows:
    bounds = [(dates.start_of(window.start), dates.start_of(window.end)) for window in coverage.missing]
    return tuple(Window(base.slot_from(start), base.slot_from(end)) for start, end in bounds)


@CASES
@given(archive=archives())
def test_coverage_counts_every_stored_slot_and_expects_what_was_noted(archive: Archive) -> None:
    truth, noted, base = as_known(archive), archive.noted or SeriesRecord(archive.series), archive.truth.base
    coverage = report_series_coverage(archive.series, archive.ports())
    slots = truth.slots
    assert (coverage.first, coverage.last) == (base.format(slots[0]), base.format(slots[-1]))
    assert coverage.stored == len(slots)
    since = min(slots[0], slots[0] if noted.first is None else noted.first)
    delisted = truth.honest.delisted
    until = max(slots[-1] + 1, delisted.start if delisted else base.slot_at(CLOSED_MS))
    assert missing_of(coverage, base) == windows.subtract((Window(since, until),), truth.known)
    assert coverage.expected == coverage.stored + coverage.never_printed_candles + coverage.missing_candles
    assert coverage.record_repaired == (noted not in (archive.truth.honest, truth.honest))


@CASES
@given(archive=archives())
def test_the_list_omits_no_stored_slot_either(archive: Archive) -> None:
    ports, base = archive.ports(), archive.truth.base
    listed = report_coverage(ports).symbols
    if archive.noted is None:  # a list has the series that have a record
        assert not listed
        return
    (coverage,) = listed
    alone = report_series_coverage(archive.series, ports)
    life = Window(archive.truth.slots[0], archive.truth.slots[-1] + 1)
    said = archive.noted.years
    full = [year for year in said if said[year] == base.year_window(year).clip(life).slots]
    if all(said[year] == archive.truth.honest.years.get(year) for year in full):
        assert coverage == alone
    else:  # a year is called full that is not: it is believed, and hides nothing that is stored
        assert (coverage.first, coverage.last) == (alone.first, alone.last)
        assert coverage.stored > alone.stored
