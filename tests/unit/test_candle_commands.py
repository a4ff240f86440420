"""`candles import` and `candles export`: from the command line into the store and out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from candle_collector.domain.series import Series
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.windows import Window

from cli.main import main
from tests.fakes.exchange import synthetic_candle
from tests.hourly import first_hour_of, hourly
from tests.unit.archive import Archive, line

START = first_hour_of("2024-01-01")


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture(autouse=True)
def the_stacks_tables(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.stand_for_the_database(monkeypatch)


def write(folder: Path, name: str, hours: range | list[int], symbol: str = "BTCUSDT") -> str:
    path = folder / name
    path.write_text("".join(line(synthetic_candle(symbol, hour)) for hour in hours))
    return str(path)


def test_files_of_two_symbols_are_stored(archive: Archive, tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")
    assert main(["import", str(tmp_path)]) == 0
    assert archive.candles.slots(hourly("BTCUSDT")) == (Window(START, START + 100),)
    assert archive.candles.slots(hourly("ETHUSDT")) == (Window(START, START + 50),)


def add_checksum(file: str, *, of: bytes | None = None) -> None:
    """Put a checksum beside a file as the archive does: of its bytes, or of others."""
    path = Path(file)
    digest = hashlib.sha256(path.read_bytes() if of is None else of).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")


def test_only_a_file_of_the_archive_with_a_checksum_that_fits_proves_that_an_hour_was_never_printed(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", [*range(START, START + 10), *range(START + 12, START + 20)])
    assert main(["import", "--archive", file]) == 0
    assert archive.candles.never_printed(hourly("BTCUSDT")) == ()
    assert "1 files have no CHECKSUM beside them, so that nothing says that they are whole" in capsys.readouterr().out
    add_checksum(file)
    assert main(["import", file]) == 0
    assert archive.candles.never_printed(hourly("BTCUSDT")) == ()
    assert main(["import", "--archive", file]) == 0
    assert archive.candles.never_printed(hourly("BTCUSDT")) == (Window(START + 10, START + 12),)


def test_a_file_that_was_cut_short_proves_nothing_of_its_tail(archive: Archive, tmp_path: Path) -> None:
    february = first_hour_of("2024-02-01")
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 400))  # cut where a line ends
    add_checksum(write(tmp_path, "BTCUSDT-1h-2024-02.csv", range(february, february + 29 * 24)))
    assert main(["import", "--archive", str(tmp_path)]) == 0
    assert archive.candles.never_printed(hourly("BTCUSDT")) == ()
    (missing,) = (
        archive.series.get(hourly("BTCUSDT"))
        .coverage(archive.candles.slots(hourly("BTCUSDT")), ())
        .missing(Window(START, february + 29 * 24))
    )
    assert missing == Window(START + 400, february)


@pytest.mark.parametrize("words", [["--archive"], []])
def test_a_file_whose_checksum_does_not_fit_is_refused_and_the_rest_is_taken(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    cut = write(tmp_path, "BTCUSDT-1h-2024-01.csv", [*range(START, START + 100), *range(START + 200, START + 300)])
    add_checksum(cut, of=b"the whole file")
    add_checksum(write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT"))
    assert main(["import", *words, str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert f"refused: {cut}: BTCUSDT-1h-2024-01.csv.CHECKSUM does not fit" in said.err
    assert "1 files taken, 1 refused, 0 left out; 50 candles, 50 stored" in said.out
    assert {series for series, _ in archive.candles.lines} == {hourly("ETHUSDT")}


@pytest.mark.parametrize("text", ["", "no sum", f"{'0' * 64}  another.csv", "\x00" * 5000])
def test_a_checksum_that_is_not_a_files_own_refuses_it(archive: Archive, tmp_path: Path, text: str) -> None:
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))
    Path(f"{file}.CHECKSUM").write_text(text)
    assert main(["import", file]) == 2
    assert archive.candles.lines == {}


def test_a_file_without_a_period_is_not_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "mine.csv", range(START, START + 10))
    assert main(["import", "--archive", "--symbol", "BTCUSDT", file]) == 2
    assert "--archive takes files with the archive's names" in capsys.readouterr().err


def test_a_wrong_file_is_named_and_the_rest_is_taken(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    wrong = write(tmp_path, "BTCUSDT-1h-2024-02.csv", [START + 800, START + 799])
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["import", str(tmp_path)]) == 2
    assert archive.candles.slots(hourly("BTCUSDT")) == (Window(START, START + 10),)
    said = capsys.readouterr()
    assert f"refused: {wrong}: at row 2: its candle of 2024-02-03T07:00:00Z is there twice or out of order" in said.err
    assert f"left out: {tmp_path / 'notes.txt'} is not a file of candles by its name" in said.out
    assert "1 files taken, 1 refused, 1 left out; 10 candles, 10 stored, 0 were there, 0 differ" in said.out


def test_a_file_that_changes_between_check_and_import_is_named_and_the_rest_is_taken(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")
    holding = archive.leases.take
    monkeypatch.setattr(
        archive.leases, "take", lambda *words, **more: (Path(file).write_text("x"), holding(*words, **more))[1]
    )
    assert main(["import", str(tmp_path)]) == 2
    assert {series for series, _ in archive.candles.lines} == {hourly("ETHUSDT")}
    assert f"refused: {file}" in capsys.readouterr().err


@pytest.mark.parametrize("names", [[], ["notes.txt"], [".DS_Store", "BTCUSDT-1h-2024-01.zip.CHECKSUM"]])
def test_nothing_imported_is_not_a_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str]
) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    assert main(["import", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "Nothing was imported: there is no file of candles at these paths" in said.err
    assert f"0 files taken, 0 refused, {len(names)} left out" in said.out
    assert main(["import", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_folder_is_read_in_depth_as_downloaders_leave_it(archive: Archive, tmp_path: Path) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        folder = tmp_path / "data" / "spot" / "monthly" / "klines" / symbol / "1h"
        folder.mkdir(parents=True)
        add_checksum(write(folder, f"{symbol}-1h-2024-01.csv", range(START, START + 30), symbol))
    (tmp_path / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "loop").symlink_to(tmp_path)
    assert main(["import", str(tmp_path)]) == 0
    assert (
        archive.candles.slots(hourly("BTCUSDT"))
        == archive.candles.slots(hourly("ETHUSDT"))
        == (Window(START, START + 30),)
    )


def test_candles_of_futures_and_of_another_interval_are_not_taken_for_spot_hours(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "futures" / "um" / "monthly" / "klines" / "BTCUSDT" / "1h"
    folder.mkdir(parents=True)
    write(folder, "BTCUSDT-1h-2024-01.csv", range(START, START + 30))
    write(tmp_path, "BTCUSDT-2h-2024-01.csv", range(START, START + 72, 2))
    write(tmp_path, "ETHUSDT.csv", range(START, START + 72, 12), "ETHUSDT")
    assert main(["import", str(folder.parent.parent.parent.parent.parent), str(tmp_path), "--symbol", "btcusdt"]) == 2
    assert archive.candles.lines == {}
    said = capsys.readouterr().err
    for words in ("of Binance's futures", "'2h' is not an interval that is collected", "are 12h apart"):
        assert words in said


def test_a_symbol_that_is_given_is_not_put_over_the_one_in_a_name(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 30), "ETHUSDT")
    write(tmp_path, "mine.csv", range(START, START + 30))
    assert main(["import", "--symbol", "btcusdt", str(tmp_path)]) == 2
    assert {series for series, _ in archive.candles.lines} == {hourly("BTCUSDT")}
    assert "its name says that it holds ETHUSDT, and --symbol says BTCUSDT" in capsys.readouterr().err


def test_what_differs_is_reported_and_written_down(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = synthetic_candle("BTCUSDT", START)._replace(volume="3.5", taker_base="1")
    archive.candles.store(hourly("BTCUSDT"), [mine], (), absent_blocks=frozenset())
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    reported = tmp_path / "differences.csv"
    assert main(["import", file, "--differences", str(reported)]) == 1
    assert "10 candles, 9 stored, 0 were there, 1 differ" in capsys.readouterr().out
    assert list(pd.read_csv(reported)["open_time"]) == ["2024-01-01T00:00:00Z"]
    assert archive.candles.lines[hourly("BTCUSDT"), START] == mine.line()


def test_while_a_run_is_active_nothing_is_imported(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = archive.clock.now()
    archive.leases.take("01RUN", now=now, expires=now + timedelta(hours=5))
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    assert main(["import", file]) == 2
    assert "01RUN" in capsys.readouterr().err
    assert archive.candles.lines == {}


@pytest.mark.parametrize("name", ["all.parquet", "all.csv", "all"])
def test_an_export_of_several_symbols_goes_back_in(archive: Archive, tmp_path: Path, name: str) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")
    main(["import", str(tmp_path)])
    before = dict(archive.candles.lines)
    assert main(["export", str(tmp_path / name)]) == 0
    archive.candles.lines.clear()
    assert main(["import", str(tmp_path / name)]) == 0
    assert archive.candles.lines == before


def test_an_export_takes_the_symbols_the_range_and_the_interval_that_are_asked_for(tmp_path: Path) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))])
    words = ["--symbols", "btcusdt", "--start", "2024-01-02", "--end", "2024-01-03", "--interval", "12h"]
    assert main(["export", *words, str(tmp_path / "days.csv")]) == 0
    found = pd.read_csv(tmp_path / "days.csv")
    assert list(found["open_time"]) == [f"2024-01-0{day}T{hour}:00:00Z" for day in (2, 3) for hour in ("00", "12")]


def test_an_export_follows_what_is_stored_and_says_whose_record_was_wrong(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))])
    main(["import", write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")])
    archive.series.overwrite(SeriesRecord(hourly("BTCUSDT"), first=START + 50, last=START + 60))
    archive.series.put(SeriesRecord(hourly("LOSTUSDT"), first=START, last=START + 1))
    capsys.readouterr()
    assert main(["export", str(tmp_path / "all.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "all.csv")) == 150
    said = capsys.readouterr().out
    assert "150 candles of 2 symbols" in said
    assert (
        "the record of BTCUSDT names 2024-01-03T02:00:00Z to 2024-01-03T12:00:00Z as stored; "
        "what is stored is 2024-01-01T00:00:00Z to 2024-01-05T03:00:00Z. The export follows what is stored" in said
    )
    assert "the record of LOSTUSDT names" in said
    assert "ETHUSDT names" not in said


def test_a_symbol_without_a_record_is_exported_where_it_is_named(archive: Archive, tmp_path: Path) -> None:
    candles = [synthetic_candle("BTCUSDT", START + hour) for hour in range(30)]
    archive.candles.store(hourly("BTCUSDT"), candles, (), absent_blocks=frozenset())
    assert main(["export", "--symbols", "BTCUSDT", str(tmp_path / "named.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "named.csv")) == 30


def test_an_export_looks_up_the_ends_of_each_series_once(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    main(["import", write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 10), "ETHUSDT")])
    looked: list[Series] = []

    def looking(look: Callable[[Series], int | None]) -> Callable[[Series], int | None]:
        return lambda series: look(looked.append(series) or series)  # type: ignore[func-returns-value]

    for name in ("first_slot", "last_slot"):
        monkeypatch.setattr(archive.candles, name, looking(getattr(archive.candles, name)))
    assert main(["export", str(tmp_path / "all.csv")]) == 0
    assert sorted(looked) == [hourly(symbol) for symbol in ("BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT")]


def test_an_export_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    target = tmp_path / "all.csv"
    target.write_text("mine")
    assert main(["export", str(target)]) == 2
    assert "--force" in capsys.readouterr().err
    assert target.read_text() == "mine"


@pytest.mark.parametrize("words", [["--symbols", "NOSUCH"], ["--start", "yesterday"], ["--end", "2016-01-01"]])
def test_an_export_of_what_is_not_there_is_refused(tmp_path: Path, words: list[str]) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    assert main(["export", *words, str(tmp_path / "all.csv")]) == 2
    assert not (tmp_path / "all.csv").exists()


def test_an_export_of_all_does_those_that_can_be_had_and_names_the_others(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        write(tmp_path, "BTCUSDT-1h-2024.csv", range(START, START + 48)),
        write(tmp_path, "ETHUSDT-1d-2024.csv", range(START, START + 240, 24), "ETHUSDT"),
    ]
    assert main(["import", *files]) == 0
    assert len(archive.candles.lines) == 58
    capsys.readouterr()
    assert main(["export", str(tmp_path / "all.csv"), "--interval", "1h"]) == 1
    said = capsys.readouterr()
    assert "48 candles of 1 symbols" in said.out
    assert "Left out, 1 of 2 symbols: ETHUSDT. 1h of ETHUSDT cannot be made of what is stored, 1d" in said.err
    assert set(pd.read_csv(tmp_path / "all.csv")["symbol"]) == {"BTCUSDT"}
    assert main(["export", str(tmp_path / "days.csv"), "--interval", "1d"]) == 0
    # one that is named is not left out, and where none can be had nothing is written
    assert main(["export", str(tmp_path / "named.csv"), "--symbols", "BTCUSDT,ETHUSDT", "--interval", "1h"]) == 2
    assert main(["export", str(tmp_path / "none.csv"), "--interval", "1m"]) == 2
    assert "Nothing is exported: 1m of BTCUSDT cannot be made" in capsys.readouterr().err
    assert not (tmp_path / "named.csv").exists()
    assert not (tmp_path / "none.csv").exists()
