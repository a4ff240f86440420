"""Stored candles reach pandas, DuckDB and a spreadsheet exactly, in files that are complete or absent."""

from __future__ import annotations

import csv
import os
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.files.candle_file import candle_file
from candle_collector.domain.aggregate import AS_STORED, AnyGrid, Grid
from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import columns_of
from candle_collector.domain.repaired_series import repair
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window, Windows
from candle_collector.reading.candle_frame import DECIMALS, candle_frame
from candle_collector.reading.export_candles import ExportRefusedError, export
from candle_collector.reading.read_candles import read_candles
from candle_collector.reading.stream_candles import Month, range_of_dates, slots_to_stream

from tests.exchange import needs_recordings
from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, HOUR_MS, day_of, first_hour_of, hourly, ms_of_hour, times_of
from tests.recorded import recorded_rows
from tests.streams import stream_months

START = first_hour_of("2024-01-30")
EVER = range_of_dates(None, None, BINANCE)
BIG, SMALL = "12345678901234567890.12345678", "0.00000001"
LARGE = Candle(START + 1, BIG, BIG, SMALL, SMALL, BIG, BIG, 9, SMALL, SMALL)
OFF_GRID = Candle(421_713, "1", "1", "1", "1", "1", "1", 1, "1", "1", 1_694_789)


class Archive:
    """An archive in memory."""

    def __init__(self) -> None:
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()

    def hold(self, symbol: str, candles: list[Candle], never: Windows = ()) -> None:
        self.candles.store(hourly(symbol), candles, never, absent_blocks=frozenset())
        self.series.put(SeriesRecord(hourly(symbol), first=candles[0].slot, last=candles[-1].slot))

    def months(self, *symbols: str, within: Window = EVER, grid: AnyGrid = AS_STORED) -> Iterator[Month]:
        for symbol in symbols:
            yield from stream_months(self.candles, self.series, hourly(symbol), within, grid=grid)

    def frame(self, *symbols: str, exact: bool = True) -> pd.DataFrame:
        return candle_frame(self.candles, self.series, symbols, market=BINANCE, exact=exact)


@pytest.fixture
def archive() -> Archive:
    there = Archive()
    there.hold(
        "AUSDT",
        [synthetic_candle("AUSDT", START), LARGE, *[synthetic_candle("AUSDT", START + n) for n in range(2, 100)]],
    )
    there.hold("BUSDT", [synthetic_candle("BUSDT", START + n) for n in range(50)])
    return there


def stored(archive: Archive, symbol: str) -> list[Candle]:
    return archive.candles.candles(hourly(symbol), Window(0, 10**6), limit=10**6)


def exact(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return a frame's rows as symbols, ms, decimals and counts."""
    times = frame["open_time"].astype("int64")  # ms, as the column's unit is
    columns = [frame["symbol"], times, *(frame[name] for name in DECIMALS), frame["trade_count"]]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def queried(files: str) -> list[tuple[object, ...]]:
    """Return the same of files as DuckDB reads them."""
    query = f"SELECT symbol, epoch_ms(open_time), {', '.join(DECIMALS)}, trade_count FROM '{files}' ORDER BY 1, 2"  # noqa: S608 - our own path
    return duckdb.connect().execute(query).fetchall()


def expected(archive: Archive, *symbols: str) -> list[tuple[object, ...]]:
    return [
        (symbol, item.open_time_ms(HOUR), *(Decimal(getattr(item, name)) for name in DECIMALS), item.trade_count)
        for symbol in symbols
        for item in stored(archive, symbol)
    ]


def test_a_frame_holds_every_candle_to_the_last_digit(archive: Archive) -> None:
    frame = archive.frame("BUSDT", "AUSDT")
    assert exact(frame) == expected(archive, "AUSDT", "BUSDT")
    assert str(frame["open_time"].dtype) == "datetime64[ms, UTC]"


def test_a_frame_may_hold_floats(archive: Archive) -> None:
    frame = archive.frame("BUSDT", exact=False)
    assert frame["close"].dtype == float
    assert list(frame["close"]) == [float(item.close) for item in stored(archive, "BUSDT")]


def test_a_frame_of_nothing_has_its_columns(archive: Archive) -> None:
    frame = candle_frame(archive.candles, archive.series, ["AUSDT"], market=BINANCE, end="2020-01-01")
    assert (len(frame), list(frame.columns)) == (0, list(archive.frame("AUSDT").columns))


def test_parquet_is_the_same_to_pandas_and_duckdb(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "candles.parquet"
    assert export(archive.months("AUSDT", "BUSDT"), path).rows == 150
    assert exact(pd.read_parquet(path)) == expected(archive, "AUSDT", "BUSDT")
    assert queried(str(path)) == expected(archive, "AUSDT", "BUSDT")
    assert str(pd.read_parquet(path)["open_time"].dtype) == "datetime64[ms, UTC]"


def test_a_folder_is_partitioned_by_symbol_and_month(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    export(archive.months("AUSDT", "BUSDT"), folder)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet")) == [
        f"symbol={symbol}/month=2024-{month}/candles.parquet" for symbol in ("AUSDT", "BUSDT") for month in ("01", "02")
    ]
    assert queried(f"{folder}/**/*.parquet") == expected(archive, "AUSDT", "BUSDT")
    assert exact(pd.read_parquet(folder).sort_values(["symbol", "open_time"])) == expected(archive, "AUSDT", "BUSDT")


def test_csv_has_ms_and_iso_times(archive: Archive, tmp_path: Path) -> None:
    archive.hold("CUSDT", [OFF_GRID])
    path = tmp_path / "candles.csv"
    export(archive.months("BUSDT", "CUSDT"), path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["open_time_ms"], rows[0]["open_time"]) == (str(START * HOUR_MS), "2024-01-30T00:00:00Z")
    assert rows[-1]["open_time"] == "2018-02-09T09:28:14.789Z"
    assert [row["volume"] for row in rows] == [item.volume for s in ("BUSDT", "CUSDT") for item in stored(archive, s)]


@pytest.mark.parametrize("name", ["candles.csv", "candles.parquet"])
def test_what_was_exported_can_be_imported(archive: Archive, tmp_path: Path, name: str) -> None:
    export(archive.months("AUSDT", "BUSDT"), tmp_path / name)
    read = list(candle_file(tmp_path / name).batches(closed_ms=ms_of_hour(START + 10_000)))
    assert [(series, list(batch)) for series, batch in read] == [
        (hourly(symbol), stored(archive, symbol)) for symbol in ("AUSDT", "BUSDT")
    ]


@pytest.mark.parametrize("name", ["candles.csv", "candles.parquet", "candles"])
def test_an_export_that_fails_leaves_nothing_and_what_was_there(archive: Archive, tmp_path: Path, name: str) -> None:
    def failing() -> Iterator[Month]:
        yield next(archive.months("AUSDT"))
        raise RuntimeError("the table went away")

    target = tmp_path / name
    with pytest.raises(RuntimeError):
        export(failing(), target)
    assert list(tmp_path.iterdir()) == []
    export(archive.months("BUSDT"), target)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ExportRefusedError):
        export(archive.months("AUSDT"), target)
    with pytest.raises(RuntimeError):
        export(failing(), target, force=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert export(archive.months("AUSDT"), target, force=True).rows == 100
    assert [path.name for path in tmp_path.iterdir()] == [name]


def one_month(number: int) -> Month:
    return Month(
        "BTCUSDT", HOUR, f"2024-{number:02}", 1, columns_of([synthetic_candle("BTCUSDT", START + number * 744)]), [1]
    )


def rows_of(target: Path) -> int:
    return len(pd.read_csv(target) if target.suffix == ".csv" else pd.read_parquet(target))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["candles.csv", "candles.parquet", "candles"])
def test_two_exports_to_one_target_at_once_leave_one_that_is_complete(
    tmp_path: Path, name: str, *, force: bool
) -> None:
    target = tmp_path / name
    begun, first_is_done = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def slow_months() -> Iterator[Month]:
        yield one_month(1)
        begun.set()
        assert first_is_done.wait(10)
        yield one_month(2)

    def slow_export() -> None:
        try:
            export(slow_months(), target, force=force)
        except ExportRefusedError as error:
            failures.append(error)

    other = threading.Thread(target=slow_export)

    def months() -> Iterator[Month]:
        yield one_month(1)
        other.start()
        assert begun.wait(10)
        yield from map(one_month, range(2, 6))

    assert export(months(), target, force=force).rows == 5
    assert rows_of(target) == 5
    first_is_done.set()
    other.join()
    assert rows_of(target) == (2 if force else 5)
    assert ["meanwhile" in str(error) or "exists" in str(error) for error in failures] == ([] if force else [True])
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("name", ["candles.csv", "candles"])
def test_an_export_through_a_link_writes_what_it_leads_to_and_keeps_the_link(tmp_path: Path, name: str) -> None:
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / f"real-{name}", tmp_path / name
    link.symlink_to(real)
    export([one_month(1)], link)  # nothing is there yet
    assert (link.is_symlink(), rows_of(real)) == (True, 1)
    with pytest.raises(ExportRefusedError, match=f"leads to {real}, exists; --force"):
        export([one_month(1)], link)
    export(map(one_month, (1, 2)), link, force=True)
    assert (link.is_symlink(), link.readlink(), rows_of(real)) == (True, real, 2)
    assert names_in(tmp_path / "disk") == [real.name]


def test_an_export_into_a_folder_through_a_link_and_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    export([one_month(1)], tmp_path / "link", force=True)  # an empty folder
    assert rows_of(tmp_path / "real") == 1
    (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "c.csv").symlink_to(tmp_path / "gone" / "c.csv")
    for name in ("a.csv", "c.csv"):
        with pytest.raises(ExportRefusedError):
            export([one_month(1)], tmp_path / name, force=True)
        assert (tmp_path / name).is_symlink()


def test_a_folder_takes_the_place_of_a_file_and_the_other_way_with_force(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    export([one_month(1)], tmp_path / "out", force=True)
    assert rows_of(tmp_path / "out") == 1
    (tmp_path / "out").rename(tmp_path / "out.csv")
    export([one_month(1)], tmp_path / "out.csv", force=True)
    assert rows_of(tmp_path / "out.csv") == 1
    assert names_in(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("name", ["photo.jpg", "symbol=BTCUSDT/notes.txt", "symbol=BTCUSDT/month=2024-01/mine.parquet"])
def test_a_folder_with_anything_that_no_export_wrote_is_never_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "home"
    export([one_month(1)], folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    (folder / ".DS_Store").write_text("a file manager's")
    with pytest.raises(ExportRefusedError, match="which no export wrote"):
        export([one_month(1)], folder, force=True)
    assert (folder / name).read_text() == "mine"
    (folder / name).unlink()
    export([one_month(1)], folder, force=True)


def test_what_comes_into_a_folder_during_an_export_is_not_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    export([one_month(1)], folder)

    def months() -> Iterator[Month]:
        yield one_month(2)
        (folder / "photo.jpg").write_text("mine")

    with pytest.raises(ExportRefusedError, match="which no export wrote"):
        export(months(), folder, force=True)
    assert (folder / "photo.jpg").read_text() == "mine"
    assert names_in(tmp_path) == ["home"]


def test_a_device_and_the_root_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "null.csv").symlink_to(os.devnull)
    for target in (tmp_path / "null.csv", Path("/")):
        with pytest.raises(ExportRefusedError):
            export([one_month(1)], target, force=True)


def test_the_old_folder_is_back_when_the_new_cannot_take_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "candles"
    export([one_month(1)], folder)

    def failing(_: Path, __: Path) -> Path:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PermissionError):
        export(map(one_month, (1, 2)), folder, force=True)
    assert rows_of(folder) == 1
    assert names_in(tmp_path) == ["candles"]


def test_where_files_cannot_be_linked_a_new_one_takes_its_name_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Path, __: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", failing)
    export([one_month(1)], tmp_path / "a.csv")
    assert (rows_of(tmp_path / "a.csv"), names_in(tmp_path)) == (1, ["a.csv"])


def test_what_a_killed_export_left_is_removed_a_day_later_and_what_another_writes_is_not(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.csv.0.unfinished", tmp_path / ".a.csv.1.unfinished"
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    export([one_month(1)], tmp_path / "a.csv")
    assert names_in(tmp_path) == [young.name, "a.csv"]


def test_a_range_takes_what_opens_in_it(archive: Archive) -> None:
    within = range_of_dates("2024-01-30T05:00:00Z", "2024-01-31", BINANCE)
    hours = [item.slot for month in archive.months("AUSDT", within=within) for item in month.columns.candles()]
    assert hours == list(range(START + 5, START + 48))


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="before the start"):
        range_of_dates("2024-02-01", "2024-01-31T23:00:00Z", BINANCE)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    named: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: named.append((tmp_path / name).exists()))
    export(archive.months("AUSDT"), tmp_path / name)
    assert named == [False]


def test_longer_intervals_are_what_the_api_answers(archive: Archive) -> None:
    series = [("AUSDT", START + 3, START + 70), ("BUSDT", START, START + 50)]
    for symbol, start, end in series:
        for grid in (Grid(4), Grid(24)):
            months = archive.months(symbol, within=times_of(Window(start, end)), grid=grid)
            found = [item for month in months for item in month.columns.candles()]
            assert found == read_candles(
                archive.candles,
                archive.series,
                hourly(symbol),
                start_ms=start * HOUR_MS,
                end_ms=end * HOUR_MS - 1,
                limit=1000,
                grid=grid,
            )


def test_a_name_that_was_used_twice_has_its_segments_reported(archive: Archive, tmp_path: Path) -> None:
    pause = Window(START + 100, START + 100 + 400)
    hours = [*range(START, pause.start), *range(pause.end, pause.end + 30)]
    archive.hold("LUNAUSDT", [synthetic_candle("LUNAUSDT", hour) for hour in hours], (pause,))
    frame = archive.frame("AUSDT", "LUNAUSDT")
    assert list(frame.groupby(["symbol", "segment"]).size().items()) == [
        (("AUSDT", 1), 100),
        (("LUNAUSDT", 1), 100),
        (("LUNAUSDT", 2), 30),
    ]
    late = archive.months("LUNAUSDT", within=Window(ms_of_hour(pause.start), EVER.end))
    assert {number for month in late for number in month.segments} == {2}
    assert export(archive.months("AUSDT", "LUNAUSDT"), tmp_path / "a.csv").segments == {"LUNAUSDT": 2}


def test_a_month_is_held_at_a_time(archive: Archive) -> None:
    archive.hold("CUSDT", [synthetic_candle("CUSDT", START + n) for n in range(24 * 90)])
    months = list(archive.months("CUSDT"))
    assert [month.month for month in months] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert sum(month.slots for month in months) == 24 * 90
    assert max(month.columns.rows for month in months) <= 31 * 24


def test_months_that_are_read_at_once_are_cut_at_their_ends(archive: Archive) -> None:
    hours = [START + n for n in range(24 * 200) if n % 1000 > 400]
    archive.hold("CUSDT", [synthetic_candle("CUSDT", hour) for hour in hours])
    within = Window(START + 7, hours[-1] - 5)
    months = list(archive.months("CUSDT", within=times_of(within)))
    assert [candle for month in months for candle in month.columns.candles()] == [
        candle for candle in stored(archive, "CUSDT") if within.start <= candle.slot < within.end
    ]
    assert all(day_of(hour)[:7] == month.month for month in months for hour in month.columns.slot)


def test_nothing_is_read_outside_the_life_of_a_series() -> None:
    nothing = SeriesRecord(hourly("AUSDT"))
    assert slots_to_stream(repair(nothing, None, None), EVER, AS_STORED).slots == 0
    assert slots_to_stream(repair(nothing, START + 4, START + 30), EVER, Grid(24)) == (START, START + 48)


def test_progress_is_reported_in_slots(archive: Archive, tmp_path: Path) -> None:
    reported: list[int] = []
    export(archive.months("AUSDT"), tmp_path / "a.csv", progress=reported.append)
    assert sum(reported) == 100


@needs_recordings
def test_recorded_candles_are_in_the_frame_exactly() -> None:
    archive = Archive()
    recorded = list(recorded_rows("BTCUSDT", 2018))
    archive.hold("BTCUSDT", recorded)
    assert exact(archive.frame("BTCUSDT")) == expected(archive, "BTCUSDT")
    assert len(archive.frame("BTCUSDT")) == len(recorded)
