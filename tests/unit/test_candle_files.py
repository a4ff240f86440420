"""Candles are read from the archive's files and from Parquet, and a file with one wrong row is refused whole."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped] # it ships none
import pyarrow.parquet as pq  # type: ignore[import-untyped] # as above
import pytest
from candle_collector.adapters.files.candle_file import candle_file
from candle_collector.adapters.files.columns import COLUMNS
from candle_collector.adapters.files.refusals import CandleFileError
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import interval_named
from candle_collector.domain.windows import Window

from tests.exchange import KLINES, needs_recordings
from tests.hourly import HOUR_MS, first_hour_of, hourly, ms_of_hour, year_window
from tests.recorded import recorded_rows

START = first_hour_of("2024-01-01")
CLOSED_MS = (START + 10_000) * HOUR_MS
HEADER = ["Open time", "Open", "High", "Low", "Close", "Volume", "Close time", "Quote asset volume"]
HEADER += ["Number of trades", "Taker buy base asset volume", "Taker buy quote asset volume", "Ignore"]


def row(number: int, *, unit: int = 1) -> list[str]:
    opened = (START + number) * HOUR_MS
    decimals = ["1.10000000", "2.00000000", "1.00000000", "1.50000000", "10.00000000"]
    ends = str((opened + HOUR_MS) * unit - 1)
    return [str(opened * unit), *decimals, ends, "15.25000000", "7", "5.00000000", "7.62500000", "0"]


def candle(number: int) -> Candle:
    return Candle(START + number, "1.1", "2", "1", "1.5", "10", "15.25", 7, "5", "7.625")


ROWS = [row(0), row(1), row(2)]
CANDLES = [candle(0), candle(1), candle(2)]


def text(rows: list[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def read(path: Path, symbol: str | None = None) -> list[Candle]:
    batches = candle_file(path, symbol=symbol).batches(closed_ms=CLOSED_MS)
    return [item for _, batch in batches for item in batch]


def parquet(path: Path, **columns: Any) -> Path:
    """Write ROWS as Parquet with decimals and aware times, other columns in place of some."""
    named: dict[str, Any] = dict(zip(COLUMNS, zip(*ROWS, strict=True), strict=False))
    for name, values in named.items():
        if name in {"open_time", "close_time"}:
            named[name] = pa.array([int(value) for value in values], pa.timestamp("ms", "UTC"))
        elif name == "trade_count":
            named[name] = [int(value) for value in values]
        else:
            named[name] = pa.array([Decimal(value) for value in values], pa.decimal128(38, 8))
    pq.write_table(pa.table(named | columns), path)
    return path


@pytest.mark.parametrize("unit", [1, 1000], ids=["ms", "µs"])
def test_the_archives_rows_are_read_in_ms_and_microseconds(tmp_path: Path, unit: int) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text([row(number, unit=unit) for number in range(3)]))
    assert read(path) == CANDLES


def test_zipped_and_gzipped_files_are_read(tmp_path: Path) -> None:
    zipped, gzipped = tmp_path / "BTCUSDT-1h-2024-01.zip", tmp_path / "BTCUSDT-1h-2024-01.csv.gz"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("BTCUSDT-1h-2024-01.csv", text(ROWS))
    gzipped.write_bytes(gzip.compress(text(ROWS).encode()))
    assert read(zipped) == read(gzipped) == CANDLES


def test_a_header_may_name_the_columns_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text([list(reversed(item)) for item in [HEADER, *ROWS]]))
    assert read(path) == CANDLES


@pytest.mark.parametrize("name", ["date", "Open time", "openTime"])
def test_the_open_time_has_the_names_of_common_clients(tmp_path: Path, name: str) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text([[name if column == "open_time" else column for column in HEADER], *ROWS]))
    assert read(path) == CANDLES


def test_a_date_beside_an_open_time_is_a_column_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text([[*HEADER, "date"], *([*item, "a day"] for item in ROWS)]))
    assert read(path) == CANDLES


def test_parquet_is_read_with_decimals_or_text(tmp_path: Path) -> None:
    assert read(parquet(tmp_path / "a.parquet"), "BTCUSDT") == CANDLES
    assert read(parquet(tmp_path / "b.parquet", open=["1.1", "1.10", "1.1"]), "BTCUSDT") == CANDLES


def test_a_column_may_name_the_symbol(tmp_path: Path) -> None:
    path = parquet(tmp_path / "candles.parquet", symbol=["BTCUSDT", "BTCUSDT", "ETHUSDT"])
    batches = list(candle_file(path).batches(closed_ms=CLOSED_MS))
    assert [(series, len(batch)) for series, batch in batches] == [(hourly("BTCUSDT"), 2), (hourly("ETHUSDT"), 1)]


@pytest.mark.parametrize(
    ("name", "symbol", "period"),
    [
        ("BTCUSDT-1h-2024.csv.gz", "BTCUSDT", year_window(2024)),
        ("BTCUSDT-1h-2024-02.zip", "BTCUSDT", Window(START + 31 * 24, START + 60 * 24)),
        ("BTCUSDT-1h-2023-12.zip", "BTCUSDT", Window(START - 31 * 24, START)),
        ("BTCUSDT-1h-2024-01-01.zip", "BTCUSDT", Window(START, START + 24)),
        ("BTCUSDT-1h-2024-01-01 (1).ZIP", "BTCUSDT", Window(START, START + 24)),
        ("symbol=BTCUSDT/month=2024-01/candles.parquet", "BTCUSDT", Window(START, START + 31 * 24)),
        ("mine.parquet", None, None),
    ],
)
def test_a_name_says_symbol_and_period(name: str, symbol: str | None, period: Window | None) -> None:
    file = candle_file(Path(name))
    assert (file.symbol, file.period) == (symbol, period)


@pytest.mark.parametrize("name", ["BTCUSDT-2h-2024.csv", "BTCUSDT-1h-2024-13.csv", "BTCUSDT-1h-2024.txt", "README.md"])
def test_a_name_of_something_else_is_refused(name: str) -> None:
    with pytest.raises(CandleFileError):
        candle_file(Path(name))


def changed(number: int, column: str, value: str) -> list[list[str]]:
    rows = [list(item) for item in ROWS]
    rows[number][COLUMNS.index(column)] = value
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        changed(1, "low", "3.0"),
        changed(1, "open", "NaN"),
        changed(1, "volume", "1E-08"),
        changed(1, "volume", ""),
        changed(1, "volume", "-1"),
        changed(1, "taker_base", "11"),
        changed(1, "trade_count", "7.0"),
        changed(1, "open_time", str((START + 1) * HOUR_MS + 1)),
        changed(1, "open_time", str((START + 1) * HOUR_MS * 1000 + 1)),
        changed(1, "open_time", ROWS[0][0]),
        changed(2, "open_time", str(CLOSED_MS)),
        changed(2, "open_time", "2024-01-01T02:00:00"),
        [ROWS[1], ROWS[0]],
        [*ROWS, ROWS[2][:7]],
        [HEADER[:6], *ROWS],
    ],
)
def test_one_wrong_row_refuses_the_file(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text(rows))
    with pytest.raises(CandleFileError, match="BTCUSDT-1h-2024-01"):
        candle_file(path).check(closed_ms=CLOSED_MS)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (changed(1, "open_time", ""), "at row 2: its open time is empty"),
        (changed(1, "trade_count", ""), "at row 2: its count of trades is empty"),
        (changed(0, "open_time", "0"), "at row 1: its candle is of 1970"),
        (changed(2, "open_time", str(START * 3600)), "at row 3: its candle is of 1970"),  # seconds
        (
            changed(1, "open_time", str((START - 1) * HOUR_MS)),
            "at row 2: its candle of 2023-12-31T23:00:00Z is there twice",
        ),
        (
            changed(0, "open_time", str((START - 1) * HOUR_MS)),
            "at row 1: its candle of 2023-12-31T23:00:00Z is outside",
        ),
        (
            changed(2, "open_time", str((START + 744) * HOUR_MS)),
            "at row 3: its candle of 2024-02-01T00:00:00Z is outside",
        ),
        (changed(2, "open_time", str(CLOSED_MS)), "at row 3: its candle is of the future"),
        (changed(2, "open_time", "9" * 40), "at row 3"),
        (changed(2, "open_time", "1.7E+12"), "at row 3"),
        (changed(1, "low", "3.0"), "at row 2: the row of 2024-01-01T01:00:00Z: a price is zero, or open or close"),
        ([HEADER, ROWS[0], HEADER, ROWS[1]], "at row 3"),
        ([*ROWS, ROWS[2][:7]], "at row 4: it has 7 columns in place of 11"),
    ],
)
def test_a_wrong_row_is_named_with_its_file_its_number_and_the_remedy(
    tmp_path: Path, rows: list[list[str]], said: str
) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text(text(rows))
    with pytest.raises(CandleFileError) as error:
        candle_file(path).check(closed_ms=CLOSED_MS)
    assert str(error.value).startswith(f"{path}: {said}")
    assert str(error.value).endswith(". Correct or remove the row")


def test_a_candle_that_still_runs_is_refused_in_a_file_of_its_year(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2025.csv"
    path.write_text(text([row(9998), row(9999)]))
    assert candle_file(path).check(closed_ms=CLOSED_MS) == 2
    path.write_text(text([row(9998), row(9999), row(10_000)]))
    with pytest.raises(CandleFileError, match="at row 3: its candle is of the future or still running"):
        candle_file(path).check(closed_ms=CLOSED_MS)


@pytest.mark.parametrize("kind", [pa.int64(), pa.timestamp("ms", "UTC"), pa.string()])
def test_an_empty_time_in_parquet_is_named(tmp_path: Path, kind: Any) -> None:
    times = pa.array([START * HOUR_MS, None, (START + 2) * HOUR_MS], pa.int64()).cast(kind)
    with pytest.raises(CandleFileError, match=r"a\.parquet: at row 2: its open time is empty"):
        read(parquet(tmp_path / "a.parquet", open_time=times), "BTCUSDT")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [[], [HEADER]])
def test_what_spreadsheets_write_is_read(
    tmp_path: Path, encoding: str, delimiter: str, header: list[list[str]]
) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    mark = "\ufeff" if encoding.endswith("e") else ""
    written = f"{mark}{text([*header, *ROWS])}\r\n".replace(",", delimiter)
    path.write_bytes(written.encode(encoding))
    assert read(path) == CANDLES
    zipped = tmp_path / "BTCUSDT-1h-2024-01.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("BTCUSDT-1h-2024-01.csv", path.read_bytes())
        file.writestr("__MACOSX/._BTCUSDT-1h-2024-01.csv", b"mac")
    assert read(zipped) == CANDLES


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text("1," * 1_000_000)
    with pytest.raises(CandleFileError):
        read(path)


def test_a_zip_of_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ETHUSDT-1h-2024-01.csv", text(ROWS))
    with pytest.raises(CandleFileError, match="ETHUSDT"):
        read(path)


@pytest.mark.parametrize("again", [0, 2399])
def test_an_hour_that_stands_in_two_batches_refuses_the_file(tmp_path: Path, again: int) -> None:
    path = tmp_path / "BTCUSDT-1h-2024.csv"
    path.write_text(text([*(row(number) for number in range(2400)), row(again)]))
    with pytest.raises(CandleFileError, match="at row 2401"):
        candle_file(path).check(closed_ms=CLOSED_MS)


def test_a_file_without_candles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv"
    path.write_text("")
    with pytest.raises(CandleFileError, match="no candle"):
        candle_file(path).check(closed_ms=CLOSED_MS)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"close": [1.5, 1.5, 1.5]}, "float"),
        ({"open_time": pa.array([START * HOUR_MS + n * HOUR_MS for n in range(3)], pa.timestamp("ms"))}, "no zone"),
        ({"taker_base": pa.array([None, None, None], pa.decimal128(38, 8))}, "not a decimal"),
        ({"symbol": ["BTCUSDT", "ETHUSDT", "BTCUSDT"]}, "holds ETHUSDT"),
    ],
)
def test_parquet_that_cannot_be_exact_is_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(CandleFileError, match=said):
        read(parquet(tmp_path / "a.parquet", **columns), "BTCUSDT")


def test_parquet_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pq.read_table(parquet(path)).drop_columns(["quote_volume"]), path)
    with pytest.raises(CandleFileError, match="quote_volume"):
        read(path, "BTCUSDT")


def test_what_is_not_a_zip_and_a_zip_of_two_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.zip"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(CandleFileError):
        read(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.csv", text(ROWS))
        file.writestr("b.csv", text(ROWS))
    with pytest.raises(CandleFileError, match="2 CSV files"):
        read(path)


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1h-2024-01.csv.gz"
    path.write_bytes(gzip.compress(text(ROWS).encode())[:-12])
    with pytest.raises(CandleFileError):
        read(path)


def test_without_a_symbol_anywhere_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match="symbol"):
        read(parquet(tmp_path / "a.parquet"))


@needs_recordings
@pytest.mark.parametrize(("symbol", "year"), [("BTCUSDT", 2018), ("BTCUSDT", 2025)])
def test_the_recorded_archive_is_read_to_the_last_digit(symbol: str, year: int) -> None:
    file = candle_file(KLINES / f"{symbol}-1h-{year}.csv.gz")
    found = [item for _, batch in file.batches(closed_ms=ms_of_hour(year_window(2026).start)) for item in batch]
    assert tuple(found) == recorded_rows(symbol, year)


MINUTE_MS = 60_000


def apart(path: Path, minutes: int, *, rows: int = 30) -> Path:
    """Write rows that are so many minutes apart, from 2024-01-01 on."""
    written = [row(0) for _ in range(rows)]
    for number, values in enumerate(written):
        values[0] = str(START * HOUR_MS + number * minutes * MINUTE_MS)
    path.write_text(text(written))
    return path


def refusal(path: Path, interval: str | None = None) -> str:
    """Return why the file is refused."""
    named = interval_named(interval) if interval else None
    with pytest.raises(CandleFileError) as refused:
        candle_file(path, symbol="BTCUSDT", interval=named).check(closed_ms=CLOSED_MS)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "interval", "minutes", "remedy"),
    [
        ("mine.csv", None, 5, "taken for 1h. Give their own interval: --interval 5m"),
        ("mine.csv", "15m", 5, "taken for 15m. Give their own interval: --interval 5m"),
        ("mine.csv", "1d", 60, "taken for 1d. Give their own interval: --interval 1h"),
        ("mine.csv", "1m", 60, "taken for 1m. Give their own interval: --interval 1h"),
        ("BTCUSDT-1h-2024-01.csv", None, 5, "only another name says otherwise: rename it BTCUSDT-5m-2024-01.csv"),
        ("BTCUSDT-5m-2024-01.csv", None, 60, "only another name says otherwise: rename it BTCUSDT-1h-2024-01.csv"),
        ("mine.csv", None, 1440, "taken for 1h. Give their own interval: --interval 1d"),
        ("mine.csv", None, 10_080, "The archive stores none of that length: fetch them as one of 1m, 3m, 5m"),
        ("mine.csv", None, 120, "The archive stores none of that length: fetch them as one of 1m, 3m, 5m"),
        ("BTCUSDT-1h-2024-01.csv", None, 7, "The archive stores none of that length: fetch them as one of 1m, 3m, 5m"),
    ],
)
def test_rows_of_another_interval_than_they_are_taken_for_are_refused_with_what_helps(
    tmp_path: Path, name: str, interval: str | None, minutes: int, remedy: str
) -> None:
    """Doing what the refusal says takes the file."""
    path = apart(tmp_path / name, minutes)
    said = refusal(path, interval)
    lengths = {5: "5m", 7: "7m", 60: "1h", 120: "2h", 1440: "1d", 10_080: "7d"}
    assert f"{lengths[minutes]} a" in said, "apart, or after the one before it"
    assert remedy in said
    if helped := re.search(r"--interval (\w+)", remedy):
        file = candle_file(path, symbol="BTCUSDT", interval=interval_named(helped[1]))
        assert file.check(closed_ms=CLOSED_MS) == 30
    if renamed := re.search(r"rename it (\S+)", remedy):
        assert candle_file(path.rename(tmp_path / renamed[1])).check(closed_ms=CLOSED_MS) == 30


def test_a_row_too_many_among_hours_is_a_row_to_remove(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    extra = row(1)
    extra[0] = str((START + 1) * HOUR_MS + 10 * MINUTE_MS)
    path.write_text(text([row(0), row(1), extra, row(2), row(3)]))
    assert "at row 3: its candle of 2024-01-01T01:00:00Z is there twice or out of order. Correct or remove" in refusal(
        path
    )


def test_a_name_that_says_otherwise_than_the_arguments_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    path = apart(tmp_path / "BTCUSDT-5m-2024-01.csv", 60)
    assert "Leave --interval out, or rename the file where its name is wrong" in refusal(path, "1h")
    assert "'1H' is not an interval that is collected" in (said := refusal(apart(tmp_path / "BTCUSDT-1H-2024.csv", 60)))
    assert "perhaps 1h is meant. Fetch one of these, or rename it" in said
