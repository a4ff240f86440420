"""Stored candles reach pandas, DuckDB and a spreadsheet exactly, in files that are complete or absent."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from candle_collector.adapters.files import candle_file
from candle_collector.domain import windows
from candle_collector.domain.aggregate import Grid
from candle_collector.domain.candle import Candle
from candle_collector.domain.repaired_series import repair
from candle_collector.domain.series import Series
from candle_collector.domain.windows import HOUR_MS, Window, Windows
from candle_collector.reading.candle_frame import DECIMALS, candle_frame
from candle_collector.reading.export_candles import ExportRefusedError, export
from candle_collector.reading.read_candles import read_candles
from candle_collector.reading.stream_candles import Month, hours_to_stream, range_of_dates, stream_months

from tests.exchange import KLINES
from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.recorded import recorded_rows

START = windows.first_hour_of("2024-01-30")
EVER = range_of_dates(None, None)
BIG, SMALL = "12345678901234567890.12345678", "0.00000001"
LARGE = Candle(START + 1, BIG, BIG, SMALL, SMALL, BIG, BIG, 9, SMALL, SMALL)
OFF_GRID = Candle(421_713, "1", "1", "1", "1", "1", "1", 1, "1", "1", 1_694_789)


class Archive:
    """An archive in memory."""

    def __init__(self) -> None:
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()

    def hold(self, symbol: str, candles: list[Candle], never: Windows = ()) -> None:
        self.candles.store(symbol, candles, never, absent_days=frozenset())
        self.series.put(Series(symbol, first=candles[0].hour, last=candles[-1].hour))

    def months(self, *symbols: str, within: Window = EVER, interval: str = "1h") -> Iterator[Month]:
        for symbol in symbols:
            yield from stream_months(self.candles, self.series, symbol, within, interval=interval)

    def frame(self, *symbols: str, exact: bool = True) -> pd.DataFrame:
        return candle_frame(self.candles, self.series, symbols, exact=exact)


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
    return archive.candles.candles(symbol, Window(0, 10**6), limit=10**6)


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
        (symbol, item.open_time_ms, *(Decimal(getattr(item, name)) for name in DECIMALS), item.trade_count)
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
    frame = candle_frame(archive.candles, archive.series, ["AUSDT"], end="2020-01-01")
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
    read = list(candle_file(tmp_path / name).batches(closed_end=START + 10_000))
    assert [(symbol, list(batch)) for symbol, batch in read] == [(s, stored(archive, s)) for s in ("AUSDT", "BUSDT")]


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


def test_a_range_takes_what_opens_in_it(archive: Archive) -> None:
    within = range_of_dates("2024-01-30T05:00:00Z", "2024-01-31")
    hours = [item.hour for month in archive.months("AUSDT", within=within) for item in month.candles]
    assert hours == list(range(START + 5, START + 48))


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="before the start"):
        range_of_dates("2024-02-01", "2024-01-31T23:00:00Z")


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
        for interval, hours in (("4h", 4), ("1d", 24)):
            months = archive.months(symbol, within=Window(start, end), interval=interval)
            found = [item for month in months for item in month.candles]
            assert found == read_candles(
                archive.candles,
                archive.series,
                symbol,
                start_ms=start * HOUR_MS,
                end_ms=end * HOUR_MS - 1,
                limit=1000,
                grid=Grid(hours),
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
    late = archive.months("LUNAUSDT", within=Window(pause.start, EVER.end))
    assert {number for month in late for number in month.segments} == {2}
    assert export(archive.months("AUSDT", "LUNAUSDT"), tmp_path / "a.csv").segments == {"LUNAUSDT": 2}


def test_a_month_is_held_at_a_time(archive: Archive) -> None:
    archive.hold("CUSDT", [synthetic_candle("CUSDT", START + n) for n in range(24 * 90)])
    months = list(archive.months("CUSDT"))
    assert [month.month for month in months] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert sum(month.hours for month in months) == 24 * 90
    assert max(len(month.candles) for month in months) <= 31 * 24


def test_nothing_is_read_outside_the_life_of_a_series() -> None:
    nothing = Series("AUSDT")
    assert hours_to_stream(repair(nothing, None, None), EVER, Grid(1)).hours == 0
    assert hours_to_stream(repair(nothing, START + 4, START + 30), EVER, Grid(24)) == (START, START + 48)


def test_progress_is_reported_in_hours(archive: Archive, tmp_path: Path) -> None:
    reported: list[int] = []
    export(archive.months("AUSDT"), tmp_path / "a.csv", progress=reported.append)
    assert sum(reported) == 100


@pytest.mark.skipif(not KLINES.is_dir(), reason="the recorded candles are missing")
def test_recorded_candles_are_in_the_frame_exactly() -> None:
    archive = Archive()
    recorded = list(recorded_rows("BTCUSDT", 2018))
    archive.hold("BTCUSDT", recorded)
    assert exact(archive.frame("BTCUSDT")) == expected(archive, "BTCUSDT")
    assert len(archive.frame("BTCUSDT")) == len(recorded)
