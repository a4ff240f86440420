"""Candles of an owner's files end up in the store as if they had been collected, and change nothing that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.files.candle_file import candle_file
from candle_collector.collecting.import_candles import Imported, ImportLease, ImportPorts, import_series, importing
from candle_collector.domain.candle import Candle
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import CollectionInProgressError, StaleTurnError
from candle_collector.ports import StoredBlocks

from tests.exchange import KLINES, needs_recordings
from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.leases import FakeLeaseStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.fakes.world import World
from tests.hourly import HOUR, hour_of, hourly, moment_of, ms_of_hour, year_window

SYMBOL = "BTCUSDT"
NOW = hour_of(FakeClock().now())
YEAR = year_window(2024)


class Archive:
    """An archive in memory that candles are imported into."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()
        self.leases = FakeLeaseStore()
        self.ports = ImportPorts(BINANCE, self.candles, self.series, self.leases, clock)
        self.lease = ImportLease(self.ports)
        self.lease.hold()

    def take(self, batches: Iterable[Sequence[Candle]], *, stated: Windows = (), symbol: str = SYMBOL) -> Imported:
        return import_series(hourly(symbol), batches, self.ports, self.lease, stated=stated, closed_end=NOW)


@pytest.fixture
def archive() -> Archive:
    return Archive()


def candles(hours: Iterable[int], symbol: str = SYMBOL) -> list[Candle]:
    return [synthetic_candle(symbol, hour) for hour in hours]


@needs_recordings
@pytest.mark.parametrize("symbol", ["BTCUSDC", "SOLUSDT"])
def test_the_recorded_archive_imported_is_the_store_that_collection_fills(symbol: str) -> None:
    closed_end = hour_of(datetime(2026, 1, 2, tzinfo=UTC))
    files = [candle_file(path) for path in sorted(KLINES.glob(f"{symbol}-*"))]
    recorded = {
        candle.slot: candle
        for file in files
        for _, batch in file.batches(closed_ms=ms_of_hour(closed_end))
        for candle in batch
    }
    collected = World({symbol: recorded}, candle=lambda _, hour: recorded[hour])
    collected.clock.advance((moment_of(closed_end) - collected.clock.now()).total_seconds() + 60)
    start = min(recorded)
    collected.collect(start=start, end=max(recorded) + 1, symbols=(symbol,))
    imported = Archive()
    import_series(
        hourly(symbol),
        (batch for file in files for _, batch in file.batches(closed_ms=ms_of_hour(closed_end))),
        imported.ports,
        imported.lease,
        stated=tuple(file.period for file in files if file.period),
        closed_end=closed_end,
    )
    assert imported.candles.lines == collected.candles.lines
    assert imported.candles.never_printed(hourly(symbol)) == collected.candles.never_printed(hourly(symbol))
    assert imported.series.get(hourly(symbol)) == replace(collected.series.get(hourly(symbol)), failed_windows=())


def test_whole_blocks_are_written_once_however_the_batches_are_cut(archive: Archive) -> None:
    size = HOUR.block_slots
    first = -(-YEAR.start // size)
    hours = range(first * size, (first + 3) * size)
    cuts = [0, size + 6, size + 7, 3 * size - 2, 3 * size]
    archive.take([candles(hours[start:end]) for start, end in pairwise(cuts)])
    assert archive.candles.writes == [(hourly(SYMBOL), first + number) for number in range(3)]
    assert archive.candles.slots(hourly(SYMBOL)) == (Window(hours.start, hours.stop),)


def test_importing_again_stores_nothing(archive: Archive) -> None:
    batch = candles(range(YEAR.start, YEAR.start + 50))
    assert archive.take([batch]).stored == 50
    before, series = dict(archive.candles.lines), archive.series.get(hourly(SYMBOL))
    again = archive.take([batch])
    assert (again.offered, again.stored, again.equal, again.different) == (50, 0, 50, [])
    assert (archive.candles.lines, archive.series.get(hourly(SYMBOL))) == (before, series)


def test_what_is_stored_and_differs_is_reported_and_stays(archive: Archive) -> None:
    first, *rest = candles(range(YEAR.start, YEAR.start + 30))
    archive.candles.store(hourly(SYMBOL), [first], (), absent_blocks=frozenset())
    other = first._replace(volume="1.5")
    result = archive.take([[other, *rest]])
    assert [(item.stored, item.offered) for item in result.different] == [(first, other)]
    assert (result.stored, result.equal) == (29, 0)
    assert archive.candles.lines[hourly(SYMBOL), first.slot] == first.line()


def test_files_that_overlap_are_compared_with_each_other(archive: Archive) -> None:
    batch = candles(range(YEAR.start, YEAR.start + 40))
    result = archive.take([batch, batch[10:20]])
    assert (result.offered, result.stored, result.equal) == (50, 40, 10)


def test_hours_that_the_archive_leaves_out_between_candles_were_never_printed(archive: Archive) -> None:
    printed = [*range(YEAR.start + 10, YEAR.start + 50), *range(YEAR.start + 53, YEAR.start + 90)]
    result = archive.take([candles(printed)], stated=(Window(YEAR.start, YEAR.start + 100),))
    assert archive.candles.never_printed(hourly(SYMBOL)) == (Window(YEAR.start + 50, YEAR.start + 53),)
    assert result.never_printed == 3
    assert archive.series.get(hourly(SYMBOL)).absent == Window(YEAR.start, YEAR.start + 10)


def test_a_gap_across_whole_files_that_follow_each_other_was_never_printed(archive: Archive) -> None:
    month = Window(YEAR.start, YEAR.start + 100)
    following = Window(month.end, month.end + 100)
    batches = [candles(range(month.start, month.end - 7)), candles(range(following.start + 5, following.end))]
    archive.take(batches, stated=(month, following))
    assert archive.candles.never_printed(hourly(SYMBOL)) == (Window(month.end - 7, following.start + 5),)
    assert archive.candles.unfinished == set()


def test_a_gap_to_a_file_that_may_have_been_cut_is_missing(archive: Archive) -> None:
    month = Window(YEAR.start, YEAR.start + 100)
    following = Window(month.end, month.end + 100)
    batches = [candles(range(month.start, month.end - 7)), candles(range(following.start + 5, following.end))]
    archive.take(batches, stated=(following,))  # a checksum fits the second alone
    assert archive.candles.never_printed(hourly(SYMBOL)) == (Window(following.start, following.start + 5),)


def test_a_file_that_is_lacking_proves_nothing(archive: Archive) -> None:
    january, march = Window(YEAR.start, YEAR.start + 744), Window(YEAR.start + 1440, YEAR.start + 2184)
    archive.take([candles(range(*january)), candles(range(*march))], stated=(january, march))
    assert archive.candles.never_printed(hourly(SYMBOL)) == ()


def test_the_hours_after_the_last_candle_prove_nothing(archive: Archive) -> None:
    archive.take([candles(range(YEAR.start, YEAR.start + 50))], stated=(YEAR,))
    assert archive.candles.never_printed(hourly(SYMBOL)) == ()
    assert archive.series.get(hourly(SYMBOL)).delisted is None


def test_candles_of_no_archive_prove_nothing(archive: Archive) -> None:
    archive.take([candles([*range(YEAR.start + 5, YEAR.start + 10), *range(YEAR.start + 20, YEAR.start + 30)])])
    assert archive.candles.never_printed(hourly(SYMBOL)) == ()
    assert archive.series.get(hourly(SYMBOL)).absent is None


def test_an_hour_younger_than_a_day_is_not_settled(archive: Archive) -> None:
    printed = [*range(NOW - 60, NOW - 40), *range(NOW - 38, NOW - 10), *range(NOW - 8, NOW)]
    archive.take([candles(printed)], stated=(Window(NOW - 60, NOW + 100),))
    assert archive.candles.never_printed(hourly(SYMBOL)) == (Window(NOW - 40, NOW - 38),)


def test_the_record_joins_what_it_knew_with_what_came(archive: Archive) -> None:
    middle = Window(YEAR.start + 2000, YEAR.start + 2100)
    archive.candles.store(hourly(SYMBOL), candles(range(*middle)), (), absent_blocks=frozenset())
    failed_windows = (
        FailedWindow(Window(middle.end, middle.end + 5), 4, "503"),
        FailedWindow(Window(NOW - 9, NOW), 8, "503"),
    )
    archive.series.put(
        SeriesRecord(
            hourly(SYMBOL),
            first=middle.start,
            last=middle.end - 1,
            absent=Window(YEAR.start + 500, middle.start),
            delisted=Window(middle.end, NOW),
            years={2024: 100},
            failed_windows=failed_windows,
        )
    )
    archive.take([candles(range(middle.start - 200, middle.start)), candles(range(middle.end, middle.end + 50))])
    assert archive.series.get(hourly(SYMBOL)) == SeriesRecord(
        hourly(SYMBOL),
        first=middle.start - 200,
        last=middle.end + 49,
        absent=Window(YEAR.start + 500, middle.start - 200),
        delisted=Window(middle.end + 50, NOW),
        years={2024: 350},
        failed_windows=failed_windows[1:],
    )


def test_nothing_is_written_for_no_candles(archive: Archive) -> None:
    assert archive.take([], stated=(YEAR,)) == Imported(hourly(SYMBOL))
    assert archive.series.get(hourly(SYMBOL)) == SeriesRecord(hourly(SYMBOL))


def test_an_import_and_a_run_exclude_each_other(archive: Archive) -> None:
    now = archive.ports.clock.now()
    archive.lease.release()
    with importing(archive.ports) as lease:
        lease.hold()
        assert str(archive.leases.holder(now)).startswith("import-")
    assert archive.leases.holder(now) is None
    archive.leases.take("01RUN", now=now, expires=now + timedelta(hours=5))
    with pytest.raises(CollectionInProgressError), importing(archive.ports):
        pytest.fail("a run is active")
    assert archive.leases.holder(now) == "01RUN"


def test_an_import_that_was_held_up_for_longer_than_its_lease_writes_nothing_any_more(archive: Archive) -> None:
    def slowly() -> Iterable[Sequence[Candle]]:
        yield candles(range(YEAR.start, YEAR.start + 24))
        archive.ports.clock.advance(3700)  # type: ignore[attr-defined] # a fake clock
        yield candles(range(YEAR.start + 24, YEAR.start + 48))

    with pytest.raises(StaleTurnError, match="import the files again"):
        archive.take(slowly())
    assert archive.series.get(hourly(SYMBOL)) == SeriesRecord(hourly(SYMBOL))


def test_an_import_that_is_held_up_before_it_keeps_what_it_proved_keeps_nothing(archive: Archive) -> None:
    hours = [hour for hour in range(YEAR.start, YEAR.start + 48) if hour != YEAR.start + 20]
    coverage = archive.candles.coverage

    def slowly(series: Series, within: Window) -> StoredBlocks:
        if within == YEAR:  # after all is stored
            archive.ports.clock.advance(3700)  # type: ignore[attr-defined] # a fake clock
        return coverage(series, within)

    archive.candles.coverage = slowly  # type: ignore[method-assign] # slower than usual
    with pytest.raises(StaleTurnError, match="import the files again"):
        archive.take([candles(hours)], stated=(Window(YEAR.start, YEAR.start + 48),))
    assert archive.candles.never_printed(hourly(SYMBOL)) == ()
    assert archive.series.get(hourly(SYMBOL)) == SeriesRecord(hourly(SYMBOL))
